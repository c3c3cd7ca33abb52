//! One rule at a time: what each program makes of it, and what we do. The facts of every row are measured when the test runs.
#![allow(clippy::unwrap_used, reason = "a test says what failed by panicking")]

use orlop_test_sysctl::{Place, Program, Ran};

/// A configuration, and what a setting is afterwards; every program's exit code.
struct Case {
    what: &'static str,
    text: &'static str,
    /// The setting that tells, and what it is before.
    probe: (&'static str, &'static str),
    systemd: (&'static str, i32),
    procps: (&'static str, i32),
    busybox: (&'static str, i32),
    orlop: (&'static str, i32),
}

const LONG: &str = "0123456789012345678901234567890123456789012345678901234567890123";

const CASES: &[Case] = &[
    Case {
        what: "an '=' in the value",
        text: "kernel.domainname = a=b\n",
        probe: ("kernel/domainname", "x"),
        systemd: ("a=b", 0),
        procps: ("a=b", 0),
        busybox: ("a=b", 0),
        orlop: ("a=b", 0),
    },
    Case {
        what: "nothing after the '=': an empty line is written",
        text: "kernel.domainname =\n",
        probe: ("kernel/domainname", "x"),
        systemd: ("", 0),
        procps: ("", 0),
        busybox: ("x", 0),
        orlop: ("", 0),
    },
    Case {
        what: "a '#' after the value is part of it",
        text: "kernel.domainname = a # b\n",
        probe: ("kernel/domainname", "x"),
        systemd: ("a # b", 0),
        procps: ("a # b", 0),
        busybox: ("a # b", 0),
        orlop: ("a # b", 0),
    },
    Case {
        what: "'-key =': a missing key is nobody's business",
        text: "-net.ipv4.no_such_key = 1\n",
        probe: ("kernel/domainname", "x"),
        systemd: ("x", 0),
        procps: ("x", 1),
        busybox: ("x", 0),
        orlop: ("x", 0),
    },
    Case {
        what: "'-key =': the key is written",
        text: "-kernel.domainname = y\n",
        probe: ("kernel/domainname", "x"),
        systemd: ("y", 0),
        procps: ("y", 0),
        busybox: ("x", 0),
        orlop: ("y", 0),
    },
    Case {
        what: "a missing key",
        text: "net.ipv4.no_such_key = 1\n",
        probe: ("kernel/domainname", "x"),
        systemd: ("x", 0),
        procps: ("x", 1),
        busybox: ("x", 0),
        orlop: ("x", 0),
    },
    Case {
        what: "a key that nobody may write",
        text: "kernel.osrelease = 1\n",
        probe: ("kernel/domainname", "x"),
        systemd: ("x", 0),
        procps: ("x", 0),
        busybox: ("x", 0),
        orlop: ("x", 1),
    },
    Case {
        what: "a value that the kernel refuses, and a line after it",
        text: "net.ipv4.ip_default_ttl = 300\nkernel.domainname = after\n",
        probe: ("kernel/domainname", "x"),
        systemd: ("after", 1),
        procps: ("after", 1),
        busybox: ("x", 1),
        orlop: ("after", 1),
    },
    Case {
        what: "a line without '='",
        text: "kernel.domainname y\n",
        probe: ("kernel/domainname", "x"),
        systemd: ("x", 1),
        procps: ("x", 0),
        busybox: ("x", 0),
        orlop: ("x", 2),
    },
    Case {
        what: "a pattern",
        text: "net.ipv4.conf.*.arp_ignore = 2\n",
        probe: ("net/ipv4/conf/eth0.100/arp_ignore", "0"),
        systemd: ("2", 0),
        procps: ("2", 0),
        busybox: ("0", 0),
        orlop: ("2", 0),
    },
    Case {
        what: "a key of its own line is not the pattern's, though that comes later",
        text: "net.ipv4.conf.eth0.arp_ignore = 1\nnet.ipv4.conf.*.arp_ignore = 2\n",
        probe: ("net/ipv4/conf/eth0/arp_ignore", "0"),
        systemd: ("1", 0),
        procps: ("1", 0),
        busybox: ("1", 0),
        orlop: ("1", 0),
    },
    Case {
        what: "'-key' takes a key out of a pattern",
        text: "net.ipv4.conf.*.arp_ignore = 2\n-net.ipv4.conf.eth0.arp_ignore\n",
        probe: ("net/ipv4/conf/eth0/arp_ignore", "0"),
        systemd: ("0", 0),
        procps: ("0", 0),
        busybox: ("0", 0),
        orlop: ("0", 0),
    },
    Case {
        what: "'-key' after a line about the key itself, which is no pattern's",
        text: "net.ipv4.conf.eth0.arp_ignore = 1\nnet.ipv4.conf.*.arp_ignore = 2\n-net.ipv4.conf.eth0.arp_ignore\n",
        probe: ("net/ipv4/conf/eth0/arp_ignore", "0"),
        systemd: ("0", 0),
        procps: ("1", 0),
        busybox: ("1", 0),
        orlop: ("1", 0),
    },
    Case {
        what: "'-pattern' takes keys out of a pattern",
        text: "net.ipv4.conf.*.arp_ignore = 2\n-net.ipv4.conf.eth*.arp_ignore\n",
        probe: ("net/ipv4/conf/eth0/arp_ignore", "0"),
        systemd: ("2", 0),
        procps: ("2", 0),
        busybox: ("0", 0),
        orlop: ("0", 0),
    },
    Case {
        what: "a VLAN's name with its dot, in a key of dots",
        text: "net.ipv4.conf.eth0.100.arp_ignore = 2\n",
        probe: ("net/ipv4/conf/eth0.100/arp_ignore", "0"),
        systemd: ("0", 0),
        procps: ("0", 1),
        busybox: ("2", 0),
        orlop: ("0", 0),
    },
    Case {
        what: "a VLAN's name with '/' for its dot",
        text: "net.ipv4.conf.eth0/100.arp_ignore = 2\n",
        probe: ("net/ipv4/conf/eth0.100/arp_ignore", "0"),
        systemd: ("2", 0),
        procps: ("2", 0),
        busybox: ("2", 0),
        orlop: ("2", 0),
    },
    Case {
        what: "a VLAN's name in a key of slashes",
        text: "net/ipv4/conf/eth0.100/arp_ignore = 2\n",
        probe: ("net/ipv4/conf/eth0.100/arp_ignore", "0"),
        systemd: ("2", 0),
        procps: ("2", 0),
        busybox: ("2", 0),
        orlop: ("2", 0),
    },
    Case {
        what: "the kernel cuts a text that is too long",
        text: "kernel.domainname = 0123456789012345678901234567890123456789012345678901234567890123456789\n",
        probe: ("kernel/domainname", "x"),
        systemd: (LONG, 0),
        procps: (LONG, 0),
        busybox: (LONG, 0),
        orlop: (LONG, 1),
    },
    Case {
        what: "the kernel takes the first of two numbers",
        text: "net.ipv4.igmp_max_memberships = 30 40\n",
        probe: ("net/ipv4/igmp_max_memberships", "20"),
        systemd: ("30", 0),
        procps: ("30", 0),
        busybox: ("30", 0),
        orlop: ("30", 1),
    },
    Case {
        what: "a number in octal, as C has it",
        text: "net.ipv4.igmp_max_memberships = 010\n",
        probe: ("net/ipv4/igmp_max_memberships", "20"),
        systemd: ("8", 0),
        procps: ("8", 0),
        busybox: ("8", 0),
        orlop: ("8", 0),
    },
    Case {
        what: "a slash at the beginning",
        text: "/kernel/domainname = y\n",
        probe: ("kernel/domainname", "x"),
        systemd: ("y", 0),
        procps: ("y", 0),
        busybox: ("x", 0),
        orlop: ("y", 0),
    },
];

#[test]
fn every_program_does_what_the_table_says() {
    let programs = [Program::Systemd, Program::Procps, Program::Busybox, Program::Orlop];
    let Some(place) = Place::with(&programs) else { return };
    let mut wrong = Vec::new();
    for Case { what, text, probe: (setting, before), systemd, procps, busybox, orlop } in CASES {
        for (program, want) in programs.into_iter().zip([systemd, procps, busybox, orlop]) {
            place.set(setting, before).unwrap();
            place.configure_one(text).unwrap();
            let arguments: &[&str] = match program {
                // With --system it says nothing of missing keys.
                Program::Procps | Program::Busybox => &["-p", "/etc/sysctl.d/50-test.conf"],
                Program::Orlop | Program::Systemd => &[],
            };
            let Ran { code, stdout, stderr } = place.run(program, arguments).unwrap();
            let found = (place.get(setting).unwrap(), code);
            if (found.0.as_str(), found.1) != *want {
                wrong.push(format!("{what}: {program:?}: wanted {want:?}, found {found:?}\n{stdout}{stderr}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} rows:\n{}", wrong.len(), wrong.join("\n"));
}
