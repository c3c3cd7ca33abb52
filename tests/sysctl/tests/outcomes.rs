//! Settings that cannot be put in force: each is named with its line, and the exit code tells.
#![allow(clippy::unwrap_used, reason = "a test says what failed by panicking")]

use std::process::Command;

use orlop_test_sysctl::{Audit, LABEL, Place, Program, Ran};

/// A text, what its first setting comes to, and the exit code.
struct Case {
    what: &'static str,
    text: &'static str,
    arguments: &'static [&'static str],
    key: &'static str,
    result: &'static str,
    code: i32,
}

const CASES: &[Case] = &[
    Case {
        what: "a key that there is not",
        text: "net.ipv4.no_such_key = 1\n",
        arguments: &[],
        key: "net.ipv4.no_such_key",
        result: "missing",
        code: 0,
    },
    Case {
        what: "a key that there is not, strictly",
        text: "net.ipv4.no_such_key = 1\n",
        arguments: &["--strict"],
        key: "net.ipv4.no_such_key",
        result: "missing",
        code: 1,
    },
    Case {
        what: "a key that there is not, and nobody minds, strictly",
        text: "-net.ipv4.no_such_key = 1\n",
        arguments: &["--strict"],
        key: "net.ipv4.no_such_key",
        result: "missing",
        code: 0,
    },
    Case {
        what: "a folder",
        text: "net.ipv4.conf = 1\n",
        arguments: &["--strict"],
        key: "net.ipv4.conf",
        result: "missing",
        code: 1,
    },
    Case {
        what: "the kernel's own",
        text: "kernel.osrelease = 1\n",
        arguments: &[],
        key: "kernel.osrelease",
        result: "readonly",
        code: 1,
    },
    Case {
        what: "nobody's in this network",
        text: "net.core.rmem_max = 1\n",
        arguments: &[],
        key: "net.core.rmem_max",
        result: "readonly",
        code: 1,
    },
    Case {
        what: "a value that is refused",
        text: "net.ipv4.ip_default_ttl = 300\n",
        arguments: &[],
        key: "net.ipv4.ip_default_ttl",
        result: "invalid",
        code: 1,
    },
    Case {
        what: "a value that is refused, and nobody minds",
        text: "-net.ipv4.ip_default_ttl = 300\n",
        arguments: &["--strict"],
        key: "net.ipv4.ip_default_ttl",
        result: "invalid",
        code: 0,
    },
    Case {
        what: "a line that is none, after a good one",
        text: "net.ipv4.ip_default_ttl = 70\nnonsense\n",
        arguments: &[],
        key: "net.ipv4.ip_default_ttl",
        result: "ok",
        code: 2,
    },
    Case {
        what: "a line that is none counts more than a value that is refused",
        text: "net.ipv4.ip_default_ttl = 300\nnonsense\n",
        arguments: &[],
        key: "net.ipv4.ip_default_ttl",
        result: "invalid",
        code: 2,
    },
];

#[test]
fn every_outcome_has_its_record_and_its_exit_code() {
    let Some(place) = Place::with(&[Program::Orlop]) else { return };
    let mut wrong = Vec::new();
    for Case { what, text, arguments, key, result, code } in CASES {
        place.set("net/ipv4/ip_default_ttl", "64").unwrap();
        place.configure_one(text).unwrap();
        let ran = place.run(Program::Orlop, arguments).unwrap();
        let audit = Audit::of(&place).unwrap();
        let record = audit.of_key(key).unwrap();
        if (record.result.as_str(), ran.code) != (*result, *code) || record.line != 1 {
            wrong.push(format!("{what}: exit {}, {record:?}\n{}", ran.code, ran.stderr));
        }
        if *result != "ok" && record.why.is_none() {
            wrong.push(format!("{what}: nobody says why: {record:?}"));
        }
        if audit.document["summary"]["exit"] != *code {
            wrong.push(format!("{what}: the audit tells of another exit: {}", audit.document["summary"]));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn one_setting_that_fails_does_not_keep_the_others() {
    let Some(place) = Place::with(&[Program::Orlop]) else { return };
    place
        .configure_one(
            "net.ipv4.ip_default_ttl = 300\nkernel.domainname = first\nkernel.osrelease = 1\nnonsense\n\
             net.ipv4.no_such_key = 1\nnet.ipv4.ip_default_ttl = 77\nkernel.sem = a b c d\nkernel.msgmax = 9000\n",
        )
        .unwrap();
    assert_eq!(place.run(Program::Orlop, &[]).unwrap().code, 2);
    for (key, want) in [("kernel/domainname", "first"), ("net/ipv4/ip_default_ttl", "77"), ("kernel/msgmax", "9000")] {
        assert_eq!(place.get(key).unwrap(), want, "{key}");
    }
    let audit = Audit::of(&place).unwrap();
    assert_eq!(audit.errors().len(), 1, "{:?}", audit.errors());
    assert_eq!((audit.errors()[0].0.as_str(), audit.errors()[0].1), ("/etc/sysctl.d/50-test.conf", 4));
    let ttl = audit.of_key("net.ipv4.ip_default_ttl").unwrap();
    assert_eq!(ttl.line, 6, "the last one counts, and is written once: {ttl:?}");
}

/// A tree that is only shaped like `/proc/sys`: what is locked in the real one stays locked.
#[test]
fn locks_are_closed_last_and_only_with_lock() {
    let Some(place) = Place::with(&[Program::Orlop]) else { return };
    let keys = ["kernel/modules_disabled", "kernel/yama/ptrace_scope", "kernel/kexec_load_disabled", "kernel/msgmax"];
    let text: String =
        keys.iter().zip(["1", "3", "1", "9000"]).map(|(key, value)| format!("{key} = {value}\n")).collect();
    let missing = format!("{text}net.of.a.module = 1\n");
    for (what, text, arguments, want, code) in [
        ("without --lock", &text, &[][..], ["skipped", "skipped", "skipped", "ok"], 1),
        ("with --lock", &text, &["--lock"], ["ok", "ok", "ok", "ok"], 0),
        ("a key is missing that a module may bring", &missing, &["--lock"], ["skipped", "ok", "ok", "ok"], 1),
    ] {
        place
            .host
            .shell(
                "mkdir -p /run/tree/kernel/yama; cd /run/tree/kernel
                 for key in modules_disabled yama/ptrace_scope kexec_load_disabled msgmax; do echo 0 >$key; done",
            )
            .unwrap();
        place.configure_one(text).unwrap();
        let ran = place.run(Program::Orlop, &[&["--sysctl-dir", "/run/tree"], arguments].concat()).unwrap();
        let audit = Audit::of(&place).unwrap();
        let results = keys.map(|key| audit.of_key(&key.replace('/', ".")).unwrap().result.clone());
        assert_eq!((results, ran.code), (want.map(str::to_owned), code), "{what}: {}", ran.stderr);
        let order: Vec<&str> = audit.records.iter().map(|record| record.key.as_str()).collect();
        let locks = ["kernel.kexec_load_disabled", "kernel.yama.ptrace_scope", "kernel.modules_disabled"];
        assert_eq!(order[order.len() - 3..], locks, "{what}: {order:?}");
    }
}

/// As a container of the image's label, without some of its capabilities.
fn contained(place: &Place, lacks: &[&str], arguments: &[&str]) -> Ran {
    let capabilities: Vec<&str> = LABEL.split(',').filter(|capability| !lacks.contains(capability)).collect();
    let mut command: Command = Program::Orlop.contained(&capabilities.join(","));
    place.host.enter(|| Ran::of(command.args(arguments))).unwrap()
}

/// Root writes many settings of the network without `CAP_NET_ADMIN`; forwarding is one of those for which the kernel asks.
#[test]
fn a_missing_capability_is_named() {
    let Some(place) = Place::with(&[Program::Orlop]) else { return };
    let text = "net.ipv4.ip_forward = 1\nnet.ipv4.ip_default_ttl = 71\nkernel.domainname = y\n";
    for (what, lacks, forward, by, code) in [
        ("the whole label", &[][..], "ok", "sysctl-net", 0),
        ("without NET_ADMIN", &["+net_admin"], "denied", "sysctl-root", 1),
    ] {
        for (path, value) in
            [("net/ipv4/ip_forward", "0"), ("net/ipv4/ip_default_ttl", "64"), ("kernel/domainname", "x")]
        {
            place.set(path, value).unwrap();
        }
        place.configure_one(text).unwrap();
        let ran = contained(&place, lacks, &[]);
        let audit = Audit::of(&place).unwrap();
        assert_eq!(ran.code, code, "{what}: {}", ran.stderr);
        let record = audit.of_key("net.ipv4.ip_forward").unwrap();
        assert_eq!(record.result, forward, "{what}: {record:?}\n{}", ran.stderr);
        let named = record.why.as_ref().is_some_and(|why| why.contains("CAP_NET_ADMIN"));
        assert_eq!(named, forward == "denied", "{what}: {record:?}");
        for (key, by) in [("net.ipv4.ip_default_ttl", by), ("kernel.domainname", "sysctl-root")] {
            let record = audit.of_key(key).unwrap();
            assert_eq!((record.result.as_str(), record.by.as_deref()), ("ok", Some(by)), "{what}: {record:?}");
        }
    }
    assert_eq!(place.get("net/ipv4/ip_forward").unwrap(), "0", "denied is denied");
}

/// Outside of the first network only some congestion controls may be chosen, by whomever.
#[test]
fn a_capability_that_is_there_is_not_asked_for() {
    let Some(place) = Place::with(&[Program::Orlop]) else { return };
    let words = |path: &str| std::fs::read_to_string(format!("/proc/sys/net/ipv4/{path}")).unwrap();
    let (available, allowed) = (words("tcp_available_congestion_control"), words("tcp_allowed_congestion_control"));
    let restricted = available.split_whitespace().find(|name| !allowed.split_whitespace().any(|other| other == *name));
    let Some(restricted) = restricted else {
        return orlop_testbed::needs::skip("needs a congestion control that not everybody may choose");
    };
    place.configure_one(&format!("net.ipv4.tcp_congestion_control = {restricted}\n")).unwrap();
    let ran = contained(&place, &[], &[]);
    let audit = Audit::of(&place).unwrap();
    let record = audit.of_key("net.ipv4.tcp_congestion_control").unwrap();
    assert_eq!((record.result.as_str(), ran.code), ("denied", 1), "{record:?}");
    assert!(!record.why.as_ref().unwrap().contains("CAP_"), "{record:?}");
}

/// The setting is the whole machine's, so it is written as what it is already, spelled differently.
#[test]
fn a_setting_of_the_whole_machine_is_refused_without_its_capability() {
    let Some(place) = Place::with(&[Program::Orlop]) else { return };
    let now = place.get("kernel/dmesg_restrict").unwrap();
    place.configure_one(&format!("kernel.dmesg_restrict = 0x{now}\n")).unwrap();
    for (what, lacks, result, code) in
        [("the whole label", &[][..], "normalized", 0), ("without SYS_ADMIN", &["+sys_admin"], "denied", 1)]
    {
        let ran = contained(&place, lacks, &[]);
        let audit = Audit::of(&place).unwrap();
        let record = audit.of_key("kernel.dmesg_restrict").unwrap();
        assert_eq!((record.result.as_str(), ran.code), (result, code), "{what}: {record:?}\n{}", ran.stderr);
        let named = record.why.as_ref().is_some_and(|why| why.contains("CAP_SYS_ADMIN"));
        assert_eq!(named, result == "denied", "{what}: {record:?}");
    }
    assert_eq!(place.get("kernel/dmesg_restrict").unwrap(), now);
}

#[test]
fn a_wrong_command_line_or_a_missing_file_has_the_exit_code_of_every_daemon() {
    let Some(place) = Place::with(&[Program::Orlop]) else { return };
    for (what, arguments, code, told) in [
        ("an unknown option", &["--no-such-option"][..], 64, "help:"),
        ("two modes", &["--plan", "--diff"], 64, "help:"),
        ("a file that is not there", &["/run/no-such-file.conf"], 78, "/run/no-such-file.conf"),
        ("a name that no folder has", &["no-such.conf"], 78, "no-such.conf"),
        ("a profile that there is not", &["--profile", "no-such"], 78, "no-such"),
        ("help", &["--help"], 0, ""),
        ("version", &["--version"], 0, ""),
    ] {
        let ran = place.run(Program::Orlop, arguments).unwrap();
        assert_eq!(ran.code, code, "{what}: {}", ran.stderr);
        assert!(ran.stderr.contains(told), "{what}: {}", ran.stderr);
    }
}

/// As most containers have it, unless somebody says otherwise.
#[test]
fn settings_that_are_mounted_read_only_are_said_to_be() {
    let Some(place) = Place::with(&[Program::Orlop]) else { return };
    place.configure_one("net.ipv4.ip_default_ttl = 70\nkernel.hostname = localhost\n").unwrap();
    let script = "mount --bind /proc/sys /proc/sys; mount -o remount,ro,bind /proc/sys";
    place.host.shell(script).unwrap();
    let ran = place.run(Program::Orlop, &[]).unwrap();
    let audit = Audit::of(&place).unwrap();
    assert_eq!(audit.of_key("net.ipv4.ip_default_ttl").unwrap().result, "readonly", "{}", ran.stderr);
    assert_eq!(audit.of_key("kernel.hostname").unwrap().result, "unchanged", "what is so already can be read");
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert!(ran.stderr.contains("/proc/sys is mounted read-only"), "{}", ran.stderr);
    place.host.shell("umount /proc/sys").unwrap();
    assert_eq!(place.run(Program::Orlop, &[]).unwrap().code, 0, "the control");
}

#[test]
fn a_report_that_cannot_be_left_is_a_warning() {
    let Some(place) = Place::with(&[Program::Orlop]) else { return };
    place.host.shell("rm -rf /run/orlop; echo file >/run/orlop").unwrap();
    place.configure_one("kernel.domainname = y\n").unwrap();
    let ran = place.run(Program::Orlop, &[]).unwrap();
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stderr.contains("/run/orlop"), "{}", ran.stderr);
    assert_eq!(place.get("kernel/domainname").unwrap(), "y");
}
