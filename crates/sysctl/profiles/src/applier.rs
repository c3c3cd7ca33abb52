use orlop_sandbox::base;
use orlop_sandbox::capability::Capability;
use orlop_sandbox::profile::{Ids, Limits, Profile};

/// Writes what root may write without any capability: most settings. Files below `/proc/sys` belong to root, and the kernel's
/// handlers of them look at the writer's user too.
pub const APPLIER_ROOT: Profile = Profile {
    name: "sysctl-root",
    limits: Limits { open_files: OPEN_FILES, file_size: FILE_SIZE, ..Limits::WORKER },
    ..base::APPLIER
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

const NET: Ids = Ids { uid: 64_106, gid: 64_106 };
const RESOURCE: Ids = Ids { uid: 64_107, gid: 64_107 };

/// What it has from the start, one setting at a time, and slack.
const OPEN_FILES: u64 = 16;

/// The longest value and its line end fit. The kernel does not look at this for a setting, but it does for a file in a tree
/// that is only shaped like `/proc/sys`.
const FILE_SIZE: u64 = 65 << 10;
