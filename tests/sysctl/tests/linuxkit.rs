//! Under the name of LinuxKit's component: its command line, and its tolerance.
#![allow(clippy::unwrap_used, reason = "a test says what failed by panicking")]

use std::process::Command;

use orlop_test_sysctl::{Audit, Place, Program, Ran, Tree};

/// Runs it as `/usr/bin/sysctl`, where the image has it.
fn linuxkit(place: &Place, arguments: &[&str]) -> Ran {
    let mut command = Command::new("bash");
    command.args(["-c", r#"exec -a /usr/bin/sysctl "$0" "$@""#]).arg(Program::Orlop.path()).args(arguments);
    place.host.enter(|| Ran::of(&mut command)).unwrap()
}

#[test]
fn every_file_counts_whatever_its_name_and_dots_and_slashes_are_one() {
    let Some(place) = Place::with(&[Program::Orlop]) else { return };
    place
        .configure(
            &Tree::of("/etc/sysctl.d", "README", "net.ipv4.ip_default_ttl = 61\n")
                .and("/etc/sysctl.d", "50-x.conf.bak", "net/ipv4.tcp_fin_timeout = 31\n")
                .and("/etc/sysctl.d", "zz~", "kernel.domainname=a=b\n")
                .and("/run/sysctl.d", "elsewhere.conf", "kernel.msgmax = 9009\n"),
        )
        .unwrap();
    place.set("kernel/msgmax", "8192").unwrap();
    let ran = linuxkit(&place, &[]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    for (key, want) in [
        ("net/ipv4/ip_default_ttl", "61"),
        ("net/ipv4/tcp_fin_timeout", "31"),
        ("kernel/domainname", "a=b"),
        ("kernel/msgmax", "8192"),
    ] {
        assert_eq!(place.get(key).unwrap(), want, "{key}");
    }
}

#[test]
fn what_is_wrong_is_a_warning_and_the_exit_code_says_nothing_of_it() {
    let Some(place) = Place::with(&[Program::Orlop]) else { return };
    for (what, text, told) in [
        ("an unknown key", "net.ipv4.no_such_key = 1\n", "no_such_key"),
        ("a value that is refused", "net.ipv4.ip_default_ttl = 300\n", "ip_default_ttl"),
        ("a line that is none", "nonsense\n", "bad:1"),
        ("the kernel's own", "kernel.osrelease = 1\n", "osrelease"),
        ("a value that the kernel changed", "net.ipv4.igmp_max_memberships = 30 40\n", "igmp_max"),
    ] {
        place
            .configure(&Tree::of("/etc/sysctl.d", "bad", text).and(
                "/etc/sysctl.d",
                "good",
                "kernel.domainname = good\n",
            ))
            .unwrap();
        place.set("kernel/domainname", "x").unwrap();
        let ran = linuxkit(&place, &[]);
        assert_eq!(ran.code, 0, "{what}: {}", ran.stderr);
        assert!(ran.stderr.contains(told), "{what}: {}", ran.stderr);
        assert_eq!(place.get("kernel/domainname").unwrap(), "good", "{what}");
    }
}

#[test]
fn folders_and_unreadable_files_are_passed_over() {
    let Some(place) = Place::with(&[Program::Orlop]) else { return };
    place.configure(&Tree::of("/etc/sysctl.d", "z", "kernel.domainname = good\n")).unwrap();
    place.host.shell("mkdir /etc/sysctl.d/a.conf /etc/sysctl.d/folder; mkfifo /etc/sysctl.d/fifo; ln -s nothing /etc/sysctl.d/link").unwrap();
    let ran = linuxkit(&place, &[]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(place.get("kernel/domainname").unwrap(), "good", "{}", ran.stderr);
}

#[test]
fn its_options_are_written_as_go_writes_them() {
    let Some(place) = Place::with(&[Program::Orlop]) else { return };
    place.host.shell("mkdir -p /run/other /run/tree/kernel; echo old >/run/tree/kernel/name; echo 'kernel.name = new' >/run/other/00-x").unwrap();
    for (what, arguments, code) in [
        ("two words", &["-configDir", "/run/other", "-sysctlDir", "/run/tree"][..], 0),
        ("one word", &["-configDir=/run/other", "-sysctlDir=/run/tree"], 0),
        ("two dashes", &["--configDir", "/run/other", "--sysctlDir=/run/tree"], 0),
        ("a folder that is not there", &["-configDir", "/run/nowhere", "-sysctlDir", "/run/tree"], 1),
    ] {
        place.host.write("/run/tree/kernel/name", "old\n").unwrap();
        let ran = linuxkit(&place, arguments);
        assert_eq!(ran.code, code, "{what}: {}", ran.stderr);
        let want = if code == 0 { "new" } else { "old" };
        assert_eq!(place.host.read("/run/tree/kernel/name").unwrap().trim(), want, "{what}: {}", ran.stderr);
    }
    let audit = Audit::of(&place).unwrap();
    assert_eq!(audit.document["mode"], "apply");
}
