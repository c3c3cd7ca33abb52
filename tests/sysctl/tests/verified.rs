//! A write that succeeds proves nothing: what the kernel made of it is what counts.
#![allow(clippy::unwrap_used, reason = "a test says what failed by panicking")]

use orlop_test_sysctl::{Audit, Place, Program};

/// A value, and what comes of it.
struct Case {
    what: &'static str,
    key: &'static str,
    before: &'static str,
    wanted: &'static str,
    after: Option<&'static str>,
    result: &'static str,
    code: i32,
}

const SIXTY_FOUR: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const HUNDRED: &str =
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123";

/// Settings of the whole machine are tried in a machine of their own: `tests/vm`.
const CASES: &[Case] = &[
    Case {
        what: "as it was wanted",
        key: "net.ipv4.ip_default_ttl",
        before: "64",
        wanted: "65",
        after: Some("65"),
        result: "ok",
        code: 0,
    },
    Case {
        what: "in force already",
        key: "net.ipv4.ip_default_ttl",
        before: "64",
        wanted: "64",
        after: None,
        result: "unchanged",
        code: 0,
    },
    Case {
        what: "the first of two numbers is taken",
        key: "net.ipv4.igmp_max_memberships",
        before: "20",
        wanted: "40 50",
        after: Some("40"),
        result: "mismatch",
        code: 1,
    },
    Case {
        what: "of a list only the first field is changed",
        key: "kernel.sem",
        before: "32000\t1024000000\t500\t32000",
        wanted: "250",
        after: Some("250\t1024000000\t500\t32000"),
        result: "mismatch",
        code: 1,
    },
    Case {
        what: "an empty line is no number",
        key: "net.ipv4.igmp_max_memberships",
        before: "20",
        wanted: "",
        after: None,
        result: "invalid",
        code: 1,
    },
    Case {
        what: "an empty line empties a text",
        key: "kernel.domainname",
        before: "x",
        wanted: "",
        after: Some(""),
        result: "ok",
        code: 0,
    },
    Case {
        what: "a text is cut to 64 bytes",
        key: "kernel.domainname",
        before: "x",
        wanted: HUNDRED,
        after: Some(SIXTY_FOUR),
        result: "mismatch",
        code: 1,
    },
    Case {
        what: "octal",
        key: "net.ipv4.igmp_max_memberships",
        before: "20",
        wanted: "010",
        after: Some("8"),
        result: "normalized",
        code: 0,
    },
    Case {
        what: "hexadecimal",
        key: "net.ipv4.igmp_max_memberships",
        before: "20",
        wanted: "0x20",
        after: Some("32"),
        result: "normalized",
        code: 0,
    },
    Case {
        what: "a number's text is not the number's",
        key: "kernel.domainname",
        before: "32",
        wanted: "0x20",
        after: Some("0x20"),
        result: "ok",
        code: 0,
    },
    Case {
        what: "a list comes back with tabs",
        key: "net.ipv4.tcp_rmem",
        before: "4096\t131072\t33554432",
        wanted: "4096 87380 6291456",
        after: Some("4096\t87380\t6291456"),
        result: "ok",
        code: 0,
    },
    Case {
        what: "ports are put in order and together",
        key: "net.ipv4.ip_local_reserved_ports",
        before: "",
        wanted: "9000,8000-8001,8002",
        after: Some("8000-8002,9000"),
        result: "normalized",
        code: 0,
    },
    Case {
        what: "a number below the least is refused",
        key: "net.ipv4.ip_default_ttl",
        before: "64",
        wanted: "0",
        after: None,
        result: "invalid",
        code: 1,
    },
    Case {
        what: "a text is no number",
        key: "net.ipv4.ip_default_ttl",
        before: "64",
        wanted: "abc",
        after: None,
        result: "invalid",
        code: 1,
    },
    Case {
        what: "a range the wrong way round",
        key: "net.ipv4.ip_local_port_range",
        before: "32768\t60999",
        wanted: "65000 1024",
        after: None,
        result: "invalid",
        code: 1,
    },
    Case {
        what: "an algorithm that there is not",
        key: "net.ipv4.tcp_congestion_control",
        before: "reno",
        wanted: "nosuch",
        after: None,
        result: "invalid",
        code: 1,
    },
];

#[test]
fn what_the_kernel_made_of_a_value_is_in_the_audit() {
    let Some(place) = Place::with(&[Program::Orlop]) else { return };
    let mut wrong = Vec::new();
    for Case { what, key, before, wanted, after, result, code } in CASES {
        let path = key.replace('.', "/");
        place.set(&path, before).unwrap();
        place.configure_one(&format!("# {what}\n{key} = {wanted}\n")).unwrap();
        let ran = place.run(Program::Orlop, &[]).unwrap();
        let audit = Audit::of(&place).unwrap();
        let record = audit.of_key(key).unwrap();
        let found = (record.result.as_str(), record.before.as_deref(), record.after.as_deref(), ran.code);
        let now = place.get(&path).unwrap();
        if found != (*result, Some(*before), *after, *code)
            || (record.file.as_str(), record.line, record.wanted.as_str()) != ("/etc/sysctl.d/50-test.conf", 2, *wanted)
            || now != after.unwrap_or(before)
        {
            wrong.push(format!("{what}: it is {now:?}, {record:?}, exit {}:\n{}", ran.code, ran.stderr));
        }
        let told = ran.stderr.contains("/etc/sysctl.d/50-test.conf:2");
        if told == matches!(*result, "ok" | "unchanged") {
            wrong.push(format!("{what}: what is not plainly well is said, and nothing else:\n{}", ran.stderr));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_cannot_be_read_back_is_said_to_be_unverified() {
    let Some(place) = Place::with(&[Program::Orlop]) else { return };
    place.configure_one("net.ipv4.route.flush = 1\n").unwrap();
    let ran = place.run(Program::Orlop, &[]).unwrap();
    let audit = Audit::of(&place).unwrap();
    let record = audit.of_key("net.ipv4.route.flush").unwrap();
    assert_eq!((record.result.as_str(), &record.before, &record.after), ("unverified", &None, &None), "{}", ran.stderr);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
}

/// A setting that changes another one: the order is the order of the text.
#[test]
fn settings_are_put_in_force_in_the_order_of_the_text() {
    let Some(place) = Place::with(&[Program::Orlop, Program::Systemd]) else { return };
    let (all, one) = ("net.ipv4.conf.all.forwarding = 1\n", "net.ipv4.conf.eth1.forwarding = 0\n");
    for (what, text, want) in [("the one last", [all, one].concat(), "0"), ("all last", [one, all].concat(), "1")] {
        for program in [Program::Systemd, Program::Orlop] {
            place.set("net/ipv4/conf/all/forwarding", "0").unwrap();
            place.set("net/ipv4/conf/eth1/forwarding", "1").unwrap();
            place.configure_one(&text).unwrap();
            place.run(program, &[]).unwrap();
            assert_eq!(place.get("net/ipv4/conf/eth1/forwarding").unwrap(), want, "{what}: {program:?}");
        }
    }
}

#[test]
fn a_second_run_writes_nothing() {
    let Some(place) = Place::with(&[Program::Orlop]) else { return };
    place
        .configure_one(
            "net.ipv4.tcp_rmem = 4096 87380 6291456\nkernel.domainname = a b\nnet.ipv4.conf.*.arp_ignore = 1\n",
        )
        .unwrap();
    assert_eq!(place.run(Program::Orlop, &[]).unwrap().code, 0);
    let first = Audit::of(&place).unwrap();
    assert_eq!(first.count("ok"), first.records.len(), "{first:?}");
    assert_eq!(place.run(Program::Orlop, &[]).unwrap().code, 0);
    let second = Audit::of(&place).unwrap();
    assert_eq!(second.count("unchanged"), first.records.len(), "{second:?}");
}
