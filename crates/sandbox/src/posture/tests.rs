use super::*;
use crate::profile::{Denied, Ids, Landlock, LandlockSpec, Limits, Role, Rule};
use crate::syscall;

const RULES: &[Rule] = &[Rule::any(syscall!(SYS_close), "because")];
const DENIED: &[Denied] = &[Denied { syscall: syscall!(SYS_execve), why: "because" }];

pub(crate) const PROFILE: Profile = Profile {
    name: "test",
    role: Role::Worker,
    ids: Ids { uid: 64_101, gid: 64_101 },
    keep: &[],
    slots: &[],
    syscalls: RULES,
    denied: DENIED,
    root: Root::Empty,
    limits: Limits::WORKER,
    landlock: Landlock { need: Need::Prefer, spec: LandlockSpec::Nothing },
    layers: Layers::ALL,
};

const LOCKED: &str = "\
Name:\tdhcp-worker
Umask:\t0022
State:\tS (sleeping)
Tgid:\t77
Pid:\t77
PPid:\t1
Uid:\t64101\t64101\t64101\t64101
Gid:\t64101\t64101\t64101\t64101
FDSize:\t64
Groups:\t 
NStgid:\t77
Threads:\t1
CapInh:\t0000000000000000
CapPrm:\t0000000000000000
CapEff:\t0000000000000000
CapBnd:\t0000000000000000
CapAmb:\t0000000000000000
NoNewPrivs:\t1
Seccomp:\t2
Seccomp_filters:\t3
Speculation_Store_Bypass:\tvulnerable
";

pub(crate) fn locked() -> Posture {
    Posture {
        status: Status::parse(LOCKED).unwrap(),
        allowed: 1,
        denied: 1,
        landlock: Enforced::Full { abi: 7 },
        empty_root: true,
        limited: true,
        open_files: 9,
    }
}

#[test]
fn a_locked_worker_meets_its_profile() {
    assert_eq!(locked().meets(&PROFILE), Ok(()));
}

#[test]
fn every_gap_is_found_by_its_name() {
    let with = |field: &str, value: &str| {
        let line = LOCKED.lines().find(|line| line.starts_with(&format!("{field}:"))).unwrap();
        let status = Status::parse(&LOCKED.replace(line, &format!("{field}:\t{value}"))).unwrap();
        Posture { status, ..locked() }
    };
    for (what, posture, gap) in [
        ("saved uid is root", with("Uid", "64101\t64101\t0\t64101"), Gap::Ids),
        ("group is root", with("Gid", "0\t0\t0\t0"), Gap::Ids),
        ("a supplementary group", with("Groups", "4 "), Gap::Groups),
        ("permitted", with("CapPrm", "0000000000001000"), Gap::Capabilities),
        ("effective", with("CapEff", "0000000000001000"), Gap::Capabilities),
        ("inheritable", with("CapInh", "0000000000001000"), Gap::Capabilities),
        ("ambient", with("CapAmb", "0000000000001000"), Gap::Capabilities),
        ("bounding", with("CapBnd", "000001ffffffffff"), Gap::Bounding),
        ("no_new_privs", with("NoNewPrivs", "0"), Gap::NoNewPrivs),
        ("no filter", with("Seccomp", "0"), Gap::SystemCalls),
        ("the supervisor's filter only", with("Seccomp_filters", "1"), Gap::SystemCalls),
        ("a second thread", with("Threads", "2"), Gap::Threads),
        ("another table", Posture { allowed: 2, ..locked() }, Gap::SystemCalls),
        ("a shorter kill list", Posture { denied: 0, ..locked() }, Gap::SystemCalls),
        ("root", Posture { empty_root: false, ..locked() }, Gap::Root),
        ("limits", Posture { limited: false, ..locked() }, Gap::Limits),
    ] {
        assert_eq!(posture.meets(&PROFILE), Err(Gaps(vec![gap])), "{what}");
    }
}

#[test]
fn landlock_is_missed_only_where_it_is_required() {
    let without = Posture { landlock: Enforced::Absent, ..locked() };
    assert_eq!(without.meets(&PROFILE), Ok(()));
    let required = Profile { landlock: Landlock { need: Need::Require, ..PROFILE.landlock }, ..PROFILE };
    assert_eq!(without.meets(&required), Err(Gaps(vec![Gap::Landlock])));
    let partial = Posture { landlock: Enforced::Partial { abi: 3 }, ..locked() };
    assert_eq!(partial.meets(&required), Err(Gaps(vec![Gap::Landlock])));
}

#[test]
fn a_status_without_a_field_is_no_status() {
    for line in LOCKED.lines().filter(|line| {
        ["Uid", "Gid", "Groups", "Threads", "Cap", "NoNewPrivs", "Seccomp"].iter().any(|name| line.starts_with(name))
    }) {
        assert_eq!(Status::parse(&LOCKED.replace(line, "")), None, "without {line:?}");
    }
}

#[test]
fn this_process_can_be_observed() {
    let status = Posture::observe(&File::open("/proc/self/status").unwrap()).unwrap();
    assert_eq!(status.uids[1], rustix::process::geteuid().as_raw());
    assert!(status.threads >= 1);
}

#[test]
fn the_report_is_one_line_that_shouts_what_is_missing() {
    let report = Posture { limited: false, ..locked() }.to_string();
    assert_eq!(
        report,
        "uid=64101 gid=64101 groups=0 capabilities=none bounding=none no_new_privs=yes filtered=yes filters=3 \
         allowed=1 denied=1 landlock=full(abi=7) root=empty limits=NO threads=1 open_files=9"
    );
}

#[test]
fn a_worker_without_privilege_may_be_anybody_and_holds_nothing() {
    let anybody = LOCKED
        .replace("64101", "1000")
        .replace("Groups:\t ", "Groups:\t4 27 ")
        .replace("CapBnd:\t0000000000000000", "CapBnd:\t000001ffffffffff");
    let of = |text: &str| Posture { status: Status::parse(text).unwrap(), empty_root: false, ..locked() };
    let profile = Profile { layers: Layers::UNPRIVILEGED, ..PROFILE };
    assert_eq!(of(&anybody).meets(&profile), Ok(()));
    assert!(of(&anybody).meets(&PROFILE).is_err(), "the control: for any other worker that is not enough");
    for (what, from, to, gap) in [
        ("a capability", "CapEff:\t0000000000000000", "CapEff:\t0000000000001000", Gap::Capabilities),
        ("one to be had", "CapPrm:\t0000000000000000", "CapPrm:\t0000000000001000", Gap::Capabilities),
        ("no_new_privs", "NoNewPrivs:\t1", "NoNewPrivs:\t0", Gap::NoNewPrivs),
        ("no filter", "Seccomp:\t2", "Seccomp:\t0", Gap::SystemCalls),
        ("threads", "Threads:\t1", "Threads:\t2", Gap::Threads),
    ] {
        let found = of(&anybody.replace(from, to)).meets(&profile).unwrap_err();
        assert_eq!(found.0, [gap], "{what}");
    }
    assert_eq!(Posture { limited: false, ..of(&anybody) }.meets(&profile).unwrap_err().0, [Gap::Limits]);
}
