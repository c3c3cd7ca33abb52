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

/// LinuxKit's own puts the folder before each key, whatever folder it is.
#[test]
fn the_keys_may_be_those_of_a_folder_of_proc_sys() {
    let Some(place) = Place::with(&[Program::Orlop]) else { return };
    place.host.shell("ln -s /proc/sys/net /run/keys").unwrap();
    let (ttl, domain) = ("net/ipv4/ip_default_ttl", "kernel/domainname");
    for (what, folder, text, changed, class) in [
        ("as on the page", "/proc/sys/net", "ipv4.ip_default_ttl = 61\n", ttl, "net-admin"),
        ("with a slash at its end", "/proc/sys/net/", "ipv4/ip_default_ttl = 61\n", ttl, "net-admin"),
        ("one level down", "/proc/sys/net/ipv4", "ip_default_ttl = 61\n", ttl, "net-admin"),
        ("another part", "/proc/sys/kernel", "domainname = 61\n", domain, "root"),
        ("a link to it", "/run/keys", "ipv4.ip_default_ttl = 61\n", ttl, "net-admin"),
        ("by a detour", "/proc/../proc/sys/./net/core/../ipv4", "ip_default_ttl = 61\n", ttl, "net-admin"),
        ("the whole of it", "/proc/sys/", "net.ipv4.ip_default_ttl = 61\n", ttl, "net-admin"),
    ] {
        place.set(ttl, "64").unwrap();
        place.set(domain, "x").unwrap();
        place.configure(&Tree::of("/etc/sysctl.d", "a", text)).unwrap();
        let ran = linuxkit(&place, &[&format!("-sysctlDir={folder}")]);
        assert_eq!((ran.code, place.get(changed).unwrap().as_str()), (0, "61"), "{what}: {}", ran.stderr);
        let audit = Audit::of(&place).unwrap();
        let [record] = audit.records.as_slice() else { panic!("{what}: {audit:?}") };
        assert_eq!((record.path.as_str(), record.class.as_str()), (changed, class), "{what}");
    }
}

#[test]
fn a_key_leads_out_of_no_folder_of_proc_sys() {
    let Some(place) = Place::with(&[Program::Orlop]) else { return };
    place.set("kernel/domainname", "x").unwrap();
    place
        .configure(&Tree::of("/etc/sysctl.d", "a", "../kernel/domainname = y\nkernel.domainname = y\n = y\n"))
        .unwrap();
    let ran = linuxkit(&place, &["-sysctlDir=/proc/sys/net"]);
    assert_eq!((ran.code, place.get("kernel/domainname").unwrap().as_str()), (0, "x"), "{}", ran.stderr);
    let audit = Audit::of(&place).unwrap();
    let told: Vec<_> = audit.records.iter().map(|record| (record.path.as_str(), record.result.as_str())).collect();
    assert_eq!(told, [("net/kernel/domainname", "missing")]);
    assert_eq!(audit.errors().len(), 1, "a key that is empty: {:?}", audit.errors());
}

#[test]
fn a_file_that_is_dev_null_is_empty() {
    let Some(place) = Place::with(&[Program::Orlop]) else { return };
    for (what, make, warned) in [
        ("a link", "ln -s /dev/null /etc/sysctl.d/a.conf", false),
        ("a link to a link", "ln -s /dev/null /run/null; ln -s /run/null /etc/sysctl.d/a.conf", false),
        ("by a detour", "ln -s ../../dev/../dev/null /etc/sysctl.d/a.conf", false),
        ("the device itself", "mknod /etc/sysctl.d/a.conf c 1 3", false),
        ("the control: another device", "ln -s /dev/zero /etc/sysctl.d/a.conf", true),
    ] {
        place.configure(&Tree::of("/etc/sysctl.d", "z", "kernel.domainname = good\n")).unwrap();
        place.set("kernel/domainname", "x").unwrap();
        place.host.shell(make).unwrap();
        let ran = linuxkit(&place, &[]);
        assert_eq!((ran.code, place.get("kernel/domainname").unwrap().as_str()), (0, "good"), "{what}");
        assert_eq!(ran.stderr.contains("a.conf"), warned, "{what}: {}", ran.stderr);
    }
}
