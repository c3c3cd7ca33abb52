use orlop_sandbox::channel;
use orlop_sandbox::privileges::Capability;
use orlop_sandbox::profile::{
    Denied, Ids, Kind, Landlock, LandlockSpec, Layers, Limits, Need, Profile, Role, Root, Slot, Usage, join,
};
use orlop_sandbox::seccomp::{APPLIER_BASE, EVERYWHERE, IN_APPLIERS, LEGACY};

/// Writes what root may write without any capability: most settings.
pub const APPLIER_ROOT: Profile = Profile {
    name: "sysctl-root",
    role: Role::Applier,
    ids: ROOT,
    keep: &[],
    slots: &SLOTS,
    syscalls: &APPLIER_BASE,
    denied: &DENIED,
    root: Root::Empty,
    limits: Limits { open_files: OPEN_FILES, file_size: FILE_SIZE, ..Limits::WORKER },
    landlock: Landlock { need: Need::Prefer, spec: LandlockSpec::Nothing },
    layers: Layers::ALL,
};

/// Writes settings of the network. It is not root: the kernel asks for nothing but the capability.
pub const APPLIER_NET: Profile =
    Profile { name: "sysctl-net", ids: NET, keep: &[Capability::NetAdmin], ..APPLIER_ROOT };

/// Writes what asks for `CAP_SYS_ADMIN`. Whoever has that can take over a machine, so what keeps this process from it
/// is that it can name nothing: no path, no system call but on the descriptors that it is handed.
pub const APPLIER_ADMIN: Profile = Profile { name: "sysctl-admin", keep: &[Capability::SysAdmin], ..APPLIER_ROOT };

/// Writes `vm.mmap_min_addr`.
pub const APPLIER_RAWIO: Profile = Profile { name: "sysctl-rawio", keep: &[Capability::SysRawio], ..APPLIER_ROOT };

/// Writes settings below `user/`. It is not root: the kernel asks for nothing but the capability.
pub const APPLIER_RESOURCE: Profile =
    Profile { name: "sysctl-resource", ids: RESOURCE, keep: &[Capability::SysResource], ..APPLIER_ROOT };

/// Writes `kernel.yama.ptrace_scope`.
pub const APPLIER_PTRACE: Profile = Profile { name: "sysctl-ptrace", keep: &[Capability::SysPtrace], ..APPLIER_ROOT };

/// Files below `/proc/sys` belong to root, and its handlers look at the writer's user too.
const ROOT: Ids = Ids { uid: 0, gid: 0 };
const NET: Ids = Ids { uid: 64_106, gid: 64_106 };
const RESOURCE: Ids = Ids { uid: 64_107, gid: 64_107 };

/// What it has from the start, one setting at a time, and slack.
const OPEN_FILES: u64 = 16;

/// A value and its line end fit. The kernel does not look at this for a setting, but it does for a file in a tree that
/// is only shaped like `/proc/sys`.
const FILE_SIZE: u64 = 8 << 10;

const SLOTS: [Slot; 4] = [
    Slot { fd: 0, kind: Kind::Null, usage: Usage::Placeholder, why: "nothing to read" },
    Slot { fd: 1, kind: Kind::Null, usage: Usage::Placeholder, why: "nothing to print" },
    Slot { fd: 2, kind: Kind::Any, usage: Usage::Write, why: "the broker's log" },
    Slot { fd: channel::SLOT, kind: Kind::Channel, usage: Usage::Both, why: "jobs and trials" },
];

const DENIED: [Denied; EVERYWHERE.len() + IN_APPLIERS.len() + LEGACY.len()] =
    join(&[&EVERYWHERE, &IN_APPLIERS, &LEGACY]);
