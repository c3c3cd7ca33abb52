use orlop_sandbox::base;
use orlop_sandbox::capability::Capability;
use orlop_sandbox::profile::{BROKER_SLOTS, Kind, Layers, Profile, Rule, Slot, Usage, join};
use orlop_sandbox::seccomp::BROKER_BASE;
use orlop_sandbox::syscall;

/// The process that has the files: it feeds the worker, opens the settings that the plan names, hands each to the
/// applier of its class, and writes down what came of it.
///
/// It is uid 0, because `/proc/sys` belongs to root, without any of root's powers: a setting that asks for one opens
/// here and can be written only elsewhere. It reads configuration files and parses none.
pub const BROKER: Profile = Profile { name: "sysctl-broker", slots: &SLOTS, syscalls: &SYSCALLS, ..base::BROKER };

/// [`BROKER`] where the container granted `CAP_SYS_RESOURCE`: without it the kernel does not even let settings below
/// `user/` be opened for writing.
pub const BROKER_RESOURCE: Profile = Profile { keep: &[Capability::SysResource], ..BROKER };

/// [`BROKER`] for a user who has no capability: it reads what that user may read, and has no applier.
pub const LINT_BROKER: Profile = Profile { name: "sysctl-lint", layers: Layers::UNPRIVILEGED, ..BROKER };

const SLOTS: [Slot; BROKER_SLOTS.len()] = join(&[&[INPUT], BROKER_SLOTS.split_at(1).1]);

const INPUT: Slot = Slot { fd: 0, kind: Kind::Any, usage: Usage::Read, why: "settings, when the user says `-`" };

/// What a broker of this daemon does once its appliers run. No socket.
const SYSCALLS: [Rule; BROKER_BASE.len() + OWN.len()] = join(&[&BROKER_BASE, OWN]);

const OWN: &[Rule] = &[
    Rule::any(syscall!(SYS_openat2), "a setting or a folder of them: below /proc/sys, and through no link"),
    Rule::any(syscall!(SYS_getdents64), "what is in a folder of settings"),
    Rule::any(syscall!(SYS_fstatfs), "whether what was opened is the kernel's"),
];
