use orlop_wire::MaxSize;
use serde::{Deserialize, Serialize};

use crate::{Key, Want, first_number};

/// Which capability the kernel asks for when a key is written, and so which applier writes it.
///
/// Root alone, without any capability, may write most keys; the rest is decided in the kernel's handlers at the time of
/// the write, whoever opened the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, MaxSize)]
pub enum Class {
    /// uid 0 and no capability.
    Root,
    /// `CAP_NET_ADMIN`, and any user: all of `net/` but the BPF JIT.
    NetAdmin,
    /// uid 0 and `CAP_SYS_ADMIN`.
    SysAdmin,
    /// uid 0 and `CAP_SYS_RAWIO`.
    SysRawio,
    /// `CAP_SYS_RESOURCE`, which the kernel asks for when the file is opened: `user/`.
    SysResource,
    /// uid 0 and `CAP_SYS_PTRACE`.
    SysPtrace,
}

/// Keys that cannot be taken back until the machine restarts, in the order in which they must be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, MaxSize)]
pub enum Lock {
    /// `kernel.kexec_load_disabled = 1`
    KexecLoad,
    /// `kernel.unprivileged_bpf_disabled = 1`; 2 means the same and can be taken back.
    UnprivilegedBpf,
    /// `kernel.yama.ptrace_scope = 3`
    PtraceScope,
    /// `kernel.modules_disabled = 1`: the last, because a missing key may still come with a module.
    Modules,
}

impl Class {
    /// The class of `key`.
    #[must_use]
    pub fn of(key: &Key) -> Self {
        match key.path() {
            "kernel/kptr_restrict"
            | "kernel/dmesg_restrict"
            | "kernel/unprivileged_bpf_disabled"
            | "kernel/bpf_stats_enabled"
            | "kernel/tainted"
            | "kernel/ns_last_pid"
            | "kernel/seccomp/actions_logged"
            | "net/core/bpf_jit_enable"
            | "net/core/bpf_jit_harden"
            | "net/core/bpf_jit_kallsyms"
            | "net/core/bpf_jit_limit" => Self::SysAdmin,
            "vm/mmap_min_addr" => Self::SysRawio,
            "kernel/yama/ptrace_scope" => Self::SysPtrace,
            path if path.starts_with("net/") => Self::NetAdmin,
            path if path.starts_with("user/") => Self::SysResource,
            _ => Self::Root,
        }
    }
}

impl Lock {
    /// Which lock writing `want` to `key` would close, if any.
    #[must_use]
    pub fn of(key: &Key, want: &Want) -> Option<Self> {
        let number = match want {
            Want::Exactly(value) => first_number(value.as_str()),
            Want::AtLeast(number) => Some(i128::from(*number)),
        };
        Self::closed_by(key, number)
    }

    /// Which lock is closed already, when `key` says `before`.
    #[must_use]
    pub fn closed(key: &Key, before: &str) -> Option<Self> {
        Self::closed_by(key, first_number(before))
    }

    fn closed_by(key: &Key, number: Option<i128>) -> Option<Self> {
        match (key.path(), number) {
            // 0 is what it is already, or cannot be written any more.
            ("kernel/kexec_load_disabled", Some(1)) => Some(Self::KexecLoad),
            ("kernel/unprivileged_bpf_disabled", Some(1)) => Some(Self::UnprivilegedBpf),
            ("kernel/yama/ptrace_scope", Some(3)) => Some(Self::PtraceScope),
            ("kernel/modules_disabled", Some(1)) => Some(Self::Modules),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Value;

    #[test]
    fn a_key_has_the_class_that_its_handler_asks_for() {
        for (path, want) in [
            ("vm/swappiness", Class::Root),
            ("kernel/hostname", Class::Root),
            ("kernel/modules_disabled", Class::Root),
            ("kernel/kptr_restrict", Class::SysAdmin),
            ("net/ipv4/ip_forward", Class::NetAdmin),
            ("net/core/bpf_jit_harden", Class::SysAdmin),
            ("network/x", Class::Root),
            ("vm/mmap_min_addr", Class::SysRawio),
            ("user/max_user_namespaces", Class::SysResource),
            ("kernel/yama/ptrace_scope", Class::SysPtrace),
        ] {
            assert_eq!(Class::of(&Key::new(path).unwrap()), want, "{path}");
        }
    }

    #[test]
    fn only_the_value_that_locks_is_a_lock() {
        for (path, value, want) in [
            ("kernel/modules_disabled", "1", Some(Lock::Modules)),
            ("kernel/modules_disabled", "0", None),
            ("kernel/unprivileged_bpf_disabled", "2", None),
            ("kernel/unprivileged_bpf_disabled", " 1 ", Some(Lock::UnprivilegedBpf)),
            ("kernel/unprivileged_bpf_disabled", "0x1", Some(Lock::UnprivilegedBpf)),
            ("kernel/kexec_load_disabled", "01", Some(Lock::KexecLoad)),
            ("kernel/modules_disabled", "1 0", Some(Lock::Modules)),
            ("kernel/modules_disabled", "\u{b}1", Some(Lock::Modules)),
            ("kernel/modules_disabled", "on", None),
            ("kernel/yama/ptrace_scope", "2", None),
            ("kernel/yama/ptrace_scope", "3", Some(Lock::PtraceScope)),
            ("vm/swappiness", "1", None),
        ] {
            let key = Key::new(path).unwrap();
            assert_eq!(Lock::of(&key, &Want::Exactly(Value::new(value).unwrap())), want, "{path} = {value}");
            assert_eq!(Lock::closed(&key, value), want, "{path} is {value}");
        }
        let key = Key::new("kernel/modules_disabled").unwrap();
        assert_eq!(Lock::of(&key, &Want::AtLeast(1)), Some(Lock::Modules), "a number that is wanted at least");
        assert!(Lock::Modules > Lock::PtraceScope && Lock::PtraceScope > Lock::UnprivilegedBpf);
    }
}
