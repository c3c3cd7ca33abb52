//! Which devices a container may use: the list in its configuration, as a program for the kernel. Pure, but for [`restrict`].
//!
//! Control groups of version 2 have no file for such lists; the kernel asks a program (`BPF_PROG_TYPE_CGROUP_DEVICE`) whenever
//! a process of the group opens a device or makes a node. As with runc, what no rule allows is refused, of several
//! rules the last one counts, and [`ALWAYS`] comes after those of the configuration.

use std::fs::File;
use std::os::fd::AsFd as _;
use std::path::Path;

use libcontainer::oci_spec::runtime::{LinuxDeviceCgroup, LinuxDeviceType, Spec};
use orlop_sandbox::device_program::{self, Instruction};

/// More rules than a configuration has. The kernel follows every way through a program, and gives up somewhere below a thousand.
const MAX_RULES: usize = 200;

/// Rights, as the kernel numbers them (`BPF_DEVCG_ACC_*`).
const MAKE: i32 = 1;
const READ: i32 = 2;
const WRITE: i32 = 4;
const ALL: i32 = MAKE | READ | WRITE;
/// Kinds (`BPF_DEVCG_DEV_*`).
const BLOCK: i32 = 1;
const CHARACTER: i32 = 2;

/// What is allowed or refused; nothing said is everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Rule {
    allow: bool,
    kind: Option<i32>,
    major: Option<i32>,
    minor: Option<i32>,
    access: i32,
}

const fn character(major: i32, minor: Option<i32>) -> Rule {
    Rule { allow: true, kind: Some(CHARACTER), major: Some(major), minor, access: ALL }
}

const fn node(kind: i32) -> Rule {
    Rule { allow: true, kind: Some(kind), major: None, minor: None, access: MAKE }
}

/// What every container may: make nodes, if it has CAP_MKNOD, without using them; and what runtimes put into its `/dev`
/// (`Documentation/admin-guide/devices.txt`).
const ALWAYS: [Rule; 11] = [
    node(CHARACTER),
    node(BLOCK),
    character(1, Some(3)),    // null
    character(1, Some(5)),    // zero
    character(1, Some(7)),    // full
    character(1, Some(8)),    // random
    character(1, Some(9)),    // urandom
    character(5, Some(0)),    // tty
    character(5, Some(2)),    // ptmx
    character(136, None),     // pts
    character(10, Some(200)), // net/tun
];

/// The program for what a configuration allows.
///
/// # Errors
/// As a line, when a rule is none.
pub(crate) fn allowed(spec: &Spec) -> Result<Vec<Instruction>, String> {
    let listed = spec.linux().as_ref().and_then(|linux| linux.resources().as_ref()?.devices().clone());
    Ok(program(&rules(&listed.unwrap_or_default())?))
}

/// Restricts all processes of a control group to what a program allows.
///
/// # Errors
/// As a line, when the kernel cannot do it.
pub(crate) fn restrict(group: &Path, program: &[Instruction]) -> Result<(), String> {
    let open = File::open(group).and_then(|group| device_program::attach(group.as_fd(), program));
    open.map_err(|error| format!("devices cannot be restricted in {}: {error}", group.display()))
}

fn rules(listed: &[LinuxDeviceCgroup]) -> Result<Vec<Rule>, String> {
    if listed.len() > MAX_RULES {
        return Err(format!("{} rules for devices are more than {MAX_RULES}", listed.len()));
    }
    let mut rules = Vec::new();
    for listed in listed {
        rules.extend(rule(listed).ok_or_else(|| format!("no rule for devices: {listed:?}"))?);
    }
    rules.extend(ALWAYS);
    Ok(rules)
}

/// `None` when it is no rule, `Some(None)` when it is one about something that is no device.
#[expect(clippy::option_option, reason = "wrong and without effect are two things")]
fn rule(listed: &LinuxDeviceCgroup) -> Option<Option<Rule>> {
    let kind = match listed.typ().unwrap_or_default() {
        LinuxDeviceType::A => None,
        LinuxDeviceType::B => Some(BLOCK),
        LinuxDeviceType::C | LinuxDeviceType::U => Some(CHARACTER),
        LinuxDeviceType::P => return Some(None),
    };
    // -1 was the word for all before there was none.
    let number = |number: Option<i64>| match number {
        None | Some(-1) => Some(None),
        Some(number) => i32::try_from(number).ok().filter(|number| *number >= 0).map(Some),
    };
    let mut access = 0;
    for letter in listed.access().as_deref().filter(|text| !text.is_empty()).unwrap_or("rwm").chars() {
        access |= match letter {
            'r' => READ,
            'w' => WRITE,
            'm' => MAKE,
            _ => return None,
        };
    }
    let (major, minor) = (number(listed.major())?, number(listed.minor())?);
    Some(Some(Rule { allow: listed.allow(), kind, major, minor, access }))
}

/// Registers: what is answered, what is asked about (`struct bpf_cgroup_dev_ctx`), and the parts of that.
const ANSWER: u8 = 0;
const ASKED: u8 = 1;
const KIND: u8 = 2;
const ACCESS: u8 = 3;
const MAJOR: u8 = 4;
const MINOR: u8 = 5;
const SCRATCH: u8 = 6;

/// Instructions: load a word, copy, set, and, shift right, leave; jump if equal to a constant, and if not.
const LOAD: u8 = 0x61;
const COPY: u8 = 0xbf;
const SET: u8 = 0xb7;
const AND: u8 = 0x54;
const SHIFT: u8 = 0x74;
const LEAVE: u8 = 0x95;
const IF: u8 = 0x15;
const UNLESS: u8 = 0x55;

const fn with(code: u8, to: u8, from: u8, offset: i16, constant: i32) -> Instruction {
    Instruction { code, registers: to | from << 4, offset, constant }
}

/// The last rule is asked first; the first that fits answers.
fn program(rules: &[Rule]) -> Vec<Instruction> {
    let mut program = vec![
        with(LOAD, KIND, ASKED, 0, 0),
        with(COPY, ACCESS, KIND, 0, 0),
        with(AND, KIND, 0, 0, 0xffff),
        with(SHIFT, ACCESS, 0, 0, 16),
        with(LOAD, MAJOR, ASKED, 4, 0),
        with(LOAD, MINOR, ASKED, 8, 0),
    ];
    for rule in rules.iter().rev() {
        let instructions = instructions(*rule);
        let is_for_all = instructions.len() == answer(rule.allow).len();
        program.extend(instructions);
        if is_for_all {
            // The kernel takes no program with instructions that nothing leads to.
            return program;
        }
    }
    program.extend(answer(false));
    program
}

fn answer(allow: bool) -> [Instruction; 2] {
    [with(SET, ANSWER, 0, 0, allow.into()), with(LEAVE, 0, 0, 0, 0)]
}

fn instructions(rule: Rule) -> Vec<Instruction> {
    let Rule { allow, kind, major, minor, access } = rule;
    let mut lines: Vec<Instruction> = [(KIND, kind), (MAJOR, major), (MINOR, minor)]
        .into_iter()
        .filter_map(|(register, value)| Some(with(UNLESS, register, 0, 0, value?)))
        .collect();
    if access != ALL && allow {
        // What is allowed here is not asked about any more; an earlier rule may allow the rest.
        lines.extend([with(AND, ACCESS, 0, 0, ALL & !access), with(UNLESS, ACCESS, 0, 0, 0)]);
    } else if access != ALL {
        // One thing that is refused is enough.
        lines.extend([with(COPY, SCRATCH, ACCESS, 0, 0), with(AND, SCRATCH, 0, 0, access), with(IF, SCRATCH, 0, 0, 0)]);
    }
    lines.extend(answer(allow));
    // Whatever does not fit goes on behind this rule.
    let end = lines.len();
    for (place, line) in lines.iter_mut().enumerate() {
        if [UNLESS, IF].contains(&line.code) {
            line.offset = i16::try_from(end - place - 1).unwrap_or(i16::MAX);
        }
    }
    lines
}

#[cfg(test)]
mod tests;
