//! What needs no privilege: to check files, to plan, and to look at what would change, as on a laptop or in CI.
#![allow(clippy::unwrap_used, reason = "a test says what failed by panicking")]

use std::collections::BTreeSet;
use std::process::Command;

use orlop_test_sysctl::{Place, Program, Ran, Strace, Tree};

/// The programs where everybody may run them, and files with a pattern, an error, something to change, and something in force.
fn place() -> Option<Place> {
    let place = Place::with(&[Program::Orlop])?;
    let programs = Program::Orlop.files().join(" ");
    place.host.shell(&format!("mkdir -m 755 /run/bin; install -m 755 {programs} /run/bin")).unwrap();
    place
        .configure(&Tree::of("/etc/sysctl.d", "50-a.conf", "net.ipv4.conf.*.arp_ignore = 2\n-net.ipv4.conf.eth1.arp_ignore\n").and(
            "/etc/sysctl.d",
            "60-b.conf",
            "net.ipv4.ip_default_ttl = 65\nkernel.osrelease = 1\nnet.ipv4.no_such = 1\nnet.ipv4.tcp_keepalive_probes = 9\n",
        ))
        .unwrap();
    place.set("net/ipv4/ip_default_ttl", "64").unwrap();
    Some(place)
}

/// Somebody without a capability.
const USERS: &[(&str, &[&str])] = &[
    ("uid 1000", &["--reuid=1000", "--regid=1000", "--clear-groups"]),
    ("with groups", &["--reuid=1000", "--regid=1000", "--groups=4,27,1000"]),
    ("under no_new_privs", &["--reuid=1000", "--regid=1000", "--clear-groups", "--no-new-privs"]),
    ("uid 0 without capabilities", &["--no-new-privs"]),
    ("nobody", &["--reuid=65534", "--regid=65534", "--clear-groups"]),
];

fn as_user(user: &[&str], before: &[&str], arguments: &[&str]) -> Command {
    let mut command = Command::new("setpriv");
    let words = before.iter().copied().chain(["setpriv"]).collect::<Vec<_>>();
    if words.len() > 1 {
        command = Command::new(words[0]);
        command.args(&words[1..]);
    }
    command.args(user).args(["--bounding-set=-all", "--inh-caps=-all", "--", "/run/bin/orlop-sysctl"]).args(arguments);
    command
}

/// Without the time that it took.
fn told(ran: Ran) -> (i32, String, Vec<String>) {
    let lines = ran.stderr.lines().filter(|line| !line.contains(" settings in ")).map(str::to_owned);
    (ran.code, ran.stdout, lines.collect())
}

#[test]
fn whoever_has_no_capability_is_told_what_root_is_told() {
    let Some(place) = place() else { return };
    for arguments in
        [&["--check"][..], &["--plan"], &["--diff"], &["--check", "--strict"], &["--diff", "x=y", "nonsense=1"]]
    {
        let root = told(place.run(Program::Orlop, arguments).unwrap());
        for (what, user) in USERS {
            let ran = place.host.enter(|| Ran::of(&mut as_user(user, &[], arguments))).unwrap();
            assert_eq!(told(ran), root, "{what}: {arguments:?}");
        }
    }
    let diff = place.run(Program::Orlop, &["--diff"]).unwrap();
    assert!(diff.stdout.contains("net.ipv4.ip_default_ttl: 64 -> 65"), "the control: {}", diff.stdout);
    assert_eq!(place.get("net/ipv4/ip_default_ttl").unwrap(), "64");
}

#[test]
fn without_capabilities_nothing_is_put_in_force() {
    let Some(place) = place() else { return };
    for (what, user) in USERS {
        for arguments in [&[][..], &["net.ipv4.ip_default_ttl=65"], &["--lock"], &["--posture"]] {
            let ran = place.host.enter(|| Ran::of(&mut as_user(user, &[], arguments))).unwrap();
            assert_eq!(ran.code, 77, "{what}: {arguments:?}: {}", ran.stderr);
        }
    }
    assert_eq!(place.get("net/ipv4/ip_default_ttl").unwrap(), "64");
}

/// The control is the run of root, whose appliers get settings that are open for writing.
#[test]
fn who_only_looks_is_locked_in_and_opens_nothing_for_writing() {
    const LOG: &str = "/run/lint.log";
    let Some(place) = place() else { return };
    let traced = |user: &[&str], arguments: &[&str]| {
        let mut command = as_user(user, &["strace", "-f", "-y", "-s", "256", "-o", LOG, "--"], arguments);
        place.host.enter(|| Ran::of(&mut command)).unwrap();
        Strace::parse(&place.host.read(LOG).unwrap())
    };
    let for_writing = |strace: &Strace| {
        let opened = strace.named(&["openat", "openat2"]).filter(|call| call.rest.contains("/proc/sys"));
        opened.filter(|call| call.rest.contains("O_RDWR") || call.rest.contains("O_WRONLY")).count()
    };
    let done = |strace: &Strace, name: &str, with: &str| -> BTreeSet<u32> {
        let names = [name];
        let calls = strace.named(&names).filter(|call| call.rest.contains(with) && call.rest.ends_with("= 0"));
        calls.map(|call| call.pid).collect()
    };
    let (_, user) = USERS[0];
    for arguments in [&["--check"][..], &["--plan"], &["--diff"]] {
        let strace = traced(user, arguments);
        assert_eq!(for_writing(&strace), 0, "{arguments:?}");
        // Supervisor, broker and worker are filtered; the two that go on are in a domain of Landlock as well.
        assert_eq!(done(&strace, "seccomp", "").len(), 3, "{arguments:?}");
        assert_eq!(done(&strace, "landlock_restrict_self", "").len(), 2, "{arguments:?}");
        assert_eq!(done(&strace, "prctl", "PR_SET_NO_NEW_PRIVS, 1").len(), 3, "{arguments:?}");
    }
    let (_, root) = Strace::of(&place, &["--diff"]).unwrap();
    assert!(for_writing(&root) > 0, "the control");
}
