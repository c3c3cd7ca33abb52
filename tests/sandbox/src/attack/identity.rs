//! Who the worker is: its user, its capabilities, its namespaces, its root.

use super::End::Killed;
use super::{Attack, UNKNOWN, attack};
use crate::syscall::call;

/// The attacks of this topic.
pub(super) const ATTACKS: &[Attack] = &[
    attack("become-root", "be root again", Killed, |_| call!(libc::SYS_setresuid, 0, 0, 0)),
    attack("become-root-group", "be in root's group again", Killed, |_| call!(libc::SYS_setresgid, 0, 0, 0)),
    attack("join-groups", "join other groups", Killed, |_| {
        let groups = [0_u32, 42];
        call!(libc::SYS_setgroups, 2, &groups)
    }),
    attack("filesystem-user", "be root for files", Killed, |_| match call!(libc::SYS_setfsuid, 0)? {
        0 => Ok(0),
        _ => Err(super::MISSED),
    }),
    attack("gain-capabilities", "have every capability", Killed, |_| {
        let header = [0x2008_0522_u32, 0];
        // Effective, permitted, inheritable, twice. Not all of them: what the control asks for must be permitted to root here.
        let sets = [CHOWN_TO_SETUID, CHOWN_TO_SETUID, 0, 0, 0, 0];
        call!(libc::SYS_capset, &header, &sets)
    })
    .note("asks for eight capabilities that the control has"),
    attack("ambient-capability", "keep a capability over an exec", Killed, |_| {
        // PR_CAP_AMBIENT_IS_SET: reading the set is the reachability control.
        call!(libc::SYS_prctl, 47, 1, 10, 0, 0)
    })
    .note("reads the set: the reachability control"),
    attack("secure-bits", "unlock root's special powers", Killed, |_| {
        call!(libc::SYS_prctl, libc::PR_SET_SECUREBITS, 0, 0, 0, 0)
    }),
    attack("keep-capabilities", "keep capabilities over a change of user", Killed, |_| {
        call!(libc::SYS_prctl, libc::PR_SET_KEEPCAPS, 1, 0, 0, 0)
    }),
    attack("dumpable", "be dumped and traced by its own user", Killed, |_| {
        call!(libc::SYS_prctl, libc::PR_SET_DUMPABLE, 1, 0, 0, 0)
    }),
    attack("second-filter", "install another filter in front", Killed, |_| {
        let allow = [libc::sock_filter { code: 0x06, jt: 0, jf: 0, k: 0x7fff_0000 }];
        let program = libc::sock_fprog { len: 1, filter: allow.as_ptr().cast_mut() };
        call!(libc::SYS_seccomp, 1, 0, &program)
    }),
    attack("second-ruleset", "build another Landlock ruleset", Killed, |_| {
        let handled = [1_u64, 0, 0];
        call!(libc::SYS_landlock_create_ruleset, &handled, 8, 0)
    }),
    attack("chroot", "choose another root, and walk out of the old one", Killed, |_| call!(libc::SYS_chroot, c".")),
    attack("pivot-root", "exchange the root of everybody", Killed, |_| {
        call!(libc::SYS_pivot_root, c".", c".")
            .or_else(|errno| if errno.0 == libc::EINVAL || errno.0 == libc::EBUSY { Ok(0) } else { Err(errno) })
    })
    .in_own_mounts()
    .note("the control counts EINVAL and EBUSY as reached: the arena's root cannot be exchanged"),
    attack("unshare-user", "be root in a namespace of its own", Killed, |_| {
        call!(libc::SYS_unshare, libc::CLONE_NEWUSER)
    }),
    attack("unshare-user-network", "be root over a network of its own", Killed, |_| {
        call!(libc::SYS_unshare, libc::CLONE_NEWUSER | libc::CLONE_NEWNET)
    }),
    attack("unshare-network", "have a network of its own", Killed, |_| call!(libc::SYS_unshare, libc::CLONE_NEWNET)),
    attack("unshare-mounts", "have mounts of its own", Killed, |_| call!(libc::SYS_unshare, libc::CLONE_NEWNS)),
    attack("unshare-names", "have a host name of its own", Killed, |_| call!(libc::SYS_unshare, libc::CLONE_NEWUTS)),
    attack("unshare-files", "stop sharing what supervisors may watch", Killed, |_| {
        call!(libc::SYS_unshare, libc::CLONE_FILES)
    }),
    attack("join-network", "enter another network namespace it holds a descriptor of", Killed, |scene| {
        call!(libc::SYS_setns, scene.grants.netns, libc::CLONE_NEWNET)
    }),
    attack("mount", "mount a file system", Killed, |_| {
        call!(libc::SYS_mount, c"x", c"/var/arena/mount", c"tmpfs", 0, 0_usize)
    })
    .in_own_mounts(),
    attack("bind-mount", "show a file in another place", Killed, |_| {
        call!(libc::SYS_mount, c"/var/arena", c"/var/arena/mount", 0_usize, libc::MS_BIND, 0_usize)
    })
    .in_own_mounts(),
    attack("unmount", "take a mount away", Killed, |_| {
        call!(libc::SYS_umount2, c"/var/arena/mounted", libc::MNT_DETACH)
    })
    .in_own_mounts(),
    attack("fsopen", "mount with the newer calls", Killed, |_| call!(libc::SYS_fsopen, c"tmpfs", 0)),
    attack("open-tree", "clone a tree of mounts", Killed, |_| {
        // OPEN_TREE_CLONE
        call!(libc::SYS_open_tree, libc::AT_FDCWD, c".", 1)
    }),
    attack("mount-attributes", "make a read-only mount writable", Killed, |scene| {
        let none = [0_u64; 4];
        call!(libc::SYS_mount_setattr, scene.grants.directory, c"", libc::AT_EMPTY_PATH, &none, 32)
    })
    .note("changes nothing: the empty set of attributes is the reachability control"),
    attack("personality", "make every readable page executable", Killed, |_| {
        call!(libc::SYS_personality, libc::READ_IMPLIES_EXEC)
    }),
    attack("who-am-i", "learn its own identity (capget)", UNKNOWN, |_| {
        let header = [0x2008_0522_u32, 0];
        let mut sets = [0_u32; 6];
        call!(libc::SYS_capget, &header, &mut sets)
    }),
];

/// CAP_CHOWN to CAP_SETUID.
const CHOWN_TO_SETUID: u32 = 0xff;
