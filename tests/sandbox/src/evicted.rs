//! Landlock and `/proc/sys`: a rule sits on an inode, and procfs makes a new one when the kernel has forgotten the old. Asked
//! of the kernel that is here, with the ruleset that the daemons use.

use std::ffi::CStr;
use std::io::{BufRead, BufReader, Write};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use orlop_sandbox::landlock::{self, Enforced, Reach};
use orlop_sandbox::profile::Need;
use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::mount::{MountFlags, mount};

use crate::mutation::kernel_has_landlock;

const SETTING: &str = "/proc/sys/vm/swappiness";
const SIBLING: &str = "/proc/sys/vm/page-cluster";
const FOLDER: &str = "/proc/sys/vm";
const ALL: &str = "/proc/sys";
/// The same settings by another mount, so that to ask for eviction holds nothing of the first.
const ELSEWHERE: &str = "/var/arena/mount";
const TREE: &str = "/var/arena/open";

/// One process behind Landlock: what it may adjust, what it keeps open, and what it must see.
struct Case {
    key: &'static str,
    what: &'static str,
    adjusts: &'static str,
    holds: Option<&'static str>,
    after: &'static str,
}

const CASES: [Case; 5] = [
    case("file-forgotten", "a rule on a setting, nothing held", SETTING, None, "EACCES EACCES"),
    case("file-held", "a rule on a setting, which is held", SETTING, Some(SETTING), "opened EACCES"),
    case("folder-forgotten", "a rule on /proc/sys/vm, nothing held", FOLDER, None, "EACCES EACCES"),
    case("folder-held", "a rule on /proc/sys/vm, which is held", FOLDER, Some(FOLDER), "opened opened"),
    case("all-held", "a rule on /proc/sys, which is held", ALL, Some(ALL), "opened opened"),
];

const fn case(
    key: &'static str,
    what: &'static str,
    adjusts: &'static str,
    holds: Option<&'static str>,
    after: &'static str,
) -> Case {
    Case { key, what, adjusts, holds, after }
}

/// Asks, inside the arena. Whether every answer is as it must be.
///
/// # Errors
/// When there is no Landlock to ask, or a process fails.
pub fn report() -> Result<bool> {
    if !kernel_has_landlock() {
        println!("no evidence: this kernel has no Landlock to ask");
        return Ok(true);
    }
    mount("proc", ELSEWHERE, "proc", MountFlags::empty(), None::<&CStr>).context("cannot mount a second /proc")?;
    let mut clean = true;
    println!("{:<40} {:<16} after the kernel forgot it", "setting and its sibling", "at first");
    for case in &CASES {
        let before = if case.adjusts == SETTING { "opened EACCES" } else { "opened opened" };
        let (first, then) = ask(case.key)?;
        println!("{:<40} {first:<16} {then}", case.what);
        clean &= first == before && then == case.after;
    }
    for (key, may) in [("adjust", "opened EACCES EACCES EACCES EACCES"), ("write", "opened opened done done done")] {
        let (answer, _) = ask(key)?;
        println!("a tree to {key:<30} {answer}");
        clean &= answer == may;
    }
    println!(
        "{} questions, {}",
        CASES.len() + 2,
        if clean { "every answer as it must be" } else { "NOT as it must be" }
    );
    Ok(clean)
}

/// What a process behind Landlock sees, before and after the kernel has forgotten what nobody holds.
fn ask(key: &str) -> Result<(String, String)> {
    for file in ["old", "other", "third"] {
        std::fs::write(Path::new(TREE).join(file), "content")?;
    }
    let own = std::env::current_exe()?;
    let mut child = Command::new(own).args(["behind", key]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let (mut say, heard) = (child.stdin.take().context("no input")?, child.stdout.take().context("no output")?);
    let mut lines = BufReader::new(heard).lines();
    let mut line = || lines.next().context("the process behind Landlock has ended")?.context("cannot read");
    let first = line()?;
    forget()?;
    writeln!(say, "again")?;
    let then = line()?;
    drop(say);
    child.wait()?;
    Ok((first, then))
}

/// Has the kernel forget every inode and name of `/proc` that is not in use. More than once: a folder only goes when it is
/// empty. And with other names to take, because each time the kernel takes a share of what there is, rounded down.
fn forget() -> Result<()> {
    for _ in 0..8 {
        for entry in std::fs::read_dir("/proc/self")? {
            // Only to have been looked up.
            let _seen = entry?.metadata();
        }
        std::fs::write(Path::new(ELSEWHERE).join("sys/vm/drop_caches"), "2")?;
    }
    Ok(())
}

/// The process behind Landlock: says what it can open, waits for a line, and says it again.
///
/// # Errors
/// When there is no Landlock, or no such question.
pub fn behind(arguments: &[String]) -> Result<()> {
    let [key] = arguments else { bail!("expected a question") };
    let case = CASES.iter().find(|case| case.key == key);
    let held = case.and_then(|case| case.holds).map(|path| open(path, OFlags::PATH)).transpose()?;
    let path = [Path::new(case.map_or(TREE, |case| case.adjusts))];
    let paths = match key.as_str() {
        "write" => Reach { write: &path, ..Reach::default() },
        _ => Reach { adjust: &path, ..Reach::default() },
    };
    let tree = open(TREE, OFlags::PATH | OFlags::DIRECTORY)?;
    if !matches!(landlock::restrict(Need::Require, paths)?, Enforced::Full { .. } | Enforced::Partial { .. }) {
        bail!("this kernel has no Landlock");
    }
    let answer = || {
        if case.is_none() {
            return in_tree(&tree);
        }
        [SETTING, SIBLING].map(|path| word(open(path, OFlags::RDWR).map(drop), "opened")).join(" ")
    };
    let mut output = std::io::stdout();
    writeln!(output, "{}", answer())?;
    output.flush()?;
    std::io::stdin().lock().read_line(&mut String::new())?;
    writeln!(output, "{}", answer())?;
    drop(held);
    Ok(())
}

/// Writes a file that is there, empties one, makes one, renames one and removes one.
fn in_tree(tree: &OwnedFd) -> String {
    let open =
        |name: &str, flags| rustix::fs::openat(tree, name, flags | OFlags::CLOEXEC, Mode::RUSR | Mode::WUSR).map(drop);
    [
        word(open("old", OFlags::RDWR), "opened"),
        word(open("old", OFlags::RDWR | OFlags::TRUNC), "opened"),
        word(open("new", OFlags::RDWR | OFlags::CREATE), "done"),
        word(rustix::fs::renameat(tree, "other", tree, "moved"), "done"),
        word(rustix::fs::unlinkat(tree, "third", AtFlags::empty()), "done"),
    ]
    .join(" ")
}

fn open(path: &str, flags: OFlags) -> rustix::io::Result<OwnedFd> {
    rustix::fs::open(path, flags | OFlags::CLOEXEC, Mode::empty())
}

fn word<T>(result: rustix::io::Result<T>, well: &str) -> String {
    result.map_or_else(|errno| crate::syscall::Errno(errno.raw_os_error()).name(), |_| well.to_owned())
}
