use super::*;

const RULE: Rule = Rule::any(syscall!(SYS_close), "because");
const KILL: Denied = Denied { syscall: syscall!(SYS_execve), why: "because" };
const UNREASONED: Rule = Rule::any(RULE.syscall, "");
const UNREASONED_READ: Rule = Rule::any(syscall!(SYS_read), "");
const CONTRARY: Rule = Rule::any(KILL.syscall, "because");
const CHANNEL: Slot = Slot { fd: 3, kind: Kind::Channel, usage: Usage::Both, why: "because" };

const WHOLE: Profile = Profile {
    name: "whole",
    role: Role::Worker,
    ids: Ids { uid: 64_101, gid: 64_101 },
    keep: &[],
    slots: &[CHANNEL],
    syscalls: &[RULE],
    denied: &[KILL],
    root: Root::Empty,
    limits: Limits::WORKER,
    landlock: Landlock { need: Need::Prefer, spec: LandlockSpec::Nothing },
    layers: Layers::ALL,
};

/// Root, with one capability.
const APPLIER: Profile =
    Profile { role: Role::Applier, ids: Ids { uid: 0, gid: 0 }, keep: &[Capability::SysAdmin], ..WHOLE };
const NAMED: Landlock = Landlock { need: Need::Prefer, spec: LandlockSpec::NamedPaths };

#[test]
fn a_whole_profile_is_complete() {
    let broker = Profile { role: Role::Broker, root: Root::Keep, landlock: NAMED, ..APPLIER };
    for profile in [WHOLE, APPLIER, broker] {
        assert_eq!(profile.incomplete(), None, "{:?}", profile.role);
    }
}

#[test]
fn a_profile_without_any_one_piece_is_incomplete() {
    let layers = |change: fn(&mut Layers)| {
        let mut layers = Layers::ALL;
        change(&mut layers);
        Profile { layers, ..WHOLE }
    };
    let landlock = Landlock { need: Need::Off, spec: LandlockSpec::Nothing };
    for (what, mutant) in [
        ("name", Profile { name: "", ..WHOLE }),
        ("channel", Profile { slots: &[], ..WHOLE }),
        ("rules", Profile { syscalls: &[], ..WHOLE }),
        ("reason", Profile { syscalls: &[UNREASONED], ..WHOLE }),
        ("denied", Profile { denied: &[], ..WHOLE }),
        ("allowed and denied", Profile { syscalls: &[RULE, CONTRARY], ..WHOLE }),
        ("own user", Profile { ids: Ids { uid: 0, gid: 0 }, ..WHOLE }),
        ("giving up capabilities", Profile { keep: &[Capability::NetRaw], ..WHOLE }),
        ("empty root", Profile { root: Root::Keep, ..WHOLE }),
        ("giving up paths", Profile { landlock: NAMED, ..WHOLE }),
        ("giving up more", Profile { keep: &[Capability::NetAdmin, Capability::NetRaw], ..APPLIER }),
        ("empty root, as an applier", Profile { root: Root::Keep, ..APPLIER }),
        ("Landlock", Profile { landlock, ..WHOLE }),
        ("ids", layers(|layers| layers.ids = Need::Off)),
        ("capabilities", layers(|layers| layers.capabilities = Need::Prefer)),
        ("bounding set", layers(|layers| layers.bounding = Need::Off)),
        ("no_new_privs", layers(|layers| layers.no_new_privs = Need::Off)),
        ("root", layers(|layers| layers.root = Need::Off)),
        ("limits", layers(|layers| layers.limits = Need::Off)),
        ("close others", layers(|layers| layers.close_others = Need::Off)),
        ("kill list", layers(|layers| layers.denied = Need::Off)),
        ("allow list", layers(|layers| layers.allowed = Need::Off)),
    ] {
        assert!(!mutant.is_complete(), "without {what}");
    }
}

#[test]
fn only_who_keeps_no_capability_and_writes_for_nobody_is_complete_without_privilege() {
    let layers = Layers::UNPRIVILEGED;
    let broker = Profile { role: Role::Broker, root: Root::Keep, landlock: NAMED, ..APPLIER };
    for (what, profile, complete) in [
        ("a worker", Profile { layers, ..WHOLE }, true),
        ("a broker", Profile { layers, keep: &[], ..broker }, true),
        ("a broker that keeps a capability", Profile { layers, keep: &[Capability::NetRaw], ..broker }, false),
        ("an applier", Profile { layers, keep: &[], ..APPLIER }, false),
        ("no filter besides", Profile { layers: Layers { allowed: Need::Off, ..layers }, ..WHOLE }, false),
        (
            "capabilities that are held",
            Profile { layers: Layers { capabilities: Need::Off, ..layers }, ..WHOLE },
            false,
        ),
    ] {
        assert_eq!(profile.is_complete(), complete, "{what}");
    }
}

#[test]
fn a_system_call_is_shown_by_the_name_of_the_kernel_s_table() {
    assert_eq!(syscall!(SYS_epoll_ctl).name, "epoll_ctl");
}

#[test]
fn a_table_without_a_call_keeps_the_others_in_their_order() {
    const RULES: [Rule; 3] = [CONTRARY, RULE, UNREASONED_READ];
    const REST: [Rule; 2] = without(&RULES, &[RULE.syscall]);
    assert_eq!(REST, [CONTRARY, UNREASONED_READ]);
}

#[test]
fn joined_tables_keep_their_order() {
    const JOINED: [u8; 5] = join(&[&[1, 2], &[], &[3, 4, 5]]);
    assert_eq!(JOINED, [1, 2, 3, 4, 5]);
}
