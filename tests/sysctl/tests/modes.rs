//! What can be asked for besides putting everything in force, and where settings can come from.
#![allow(clippy::unwrap_used, reason = "a test says what failed by panicking")]

use orlop_test_sysctl::{Audit, Place, Program, Ran, Strace, Tree};

const TTL: &str = "net/ipv4/ip_default_ttl";
const DOMAIN: &str = "kernel/domainname";

fn place() -> Option<Place> {
    let place = Place::with(&[Program::Orlop])?;
    place.set(TTL, "64").unwrap();
    place.set(DOMAIN, "x").unwrap();
    Some(place)
}

/// What the two settings are.
fn now(place: &Place) -> (String, String) {
    (place.get(TTL).unwrap(), place.get(DOMAIN).unwrap())
}

fn pair(ttl: &str, domain: &str) -> (String, String) {
    (ttl.to_owned(), domain.to_owned())
}

#[test]
fn plan_diff_and_check_say_what_they_find_and_write_nothing() {
    let Some(place) = place() else { return };
    let good = "net.ipv4.ip_default_ttl = 65\nkernel.domainname = x\nkernel.osrelease = 1\n";
    let same = "net.ipv4.ip_default_ttl = 64\nkernel.domainname = x\n";
    let bad = "net.ipv4.ip_default_ttl = 65\nnonsense\n";
    for (what, text, arguments, code, told, untold) in [
        (
            "a plan",
            good,
            &["--plan"][..],
            0,
            &["net.ipv4.ip_default_ttl = 65", "kernel.domainname = x", "50-test.conf:1"][..],
            "64",
        ),
        ("a plan with an error in it", bad, &["--plan"], 2, &["net.ipv4.ip_default_ttl = 65", "50-test.conf:2"], "64"),
        ("a difference", good, &["--diff"], 1, &["net.ipv4.ip_default_ttl: 64 -> 65", "50-test.conf:1"], "domainname"),
        ("no difference", same, &["--diff"], 0, &[], "->"),
        ("a text without error", good, &["--check"], 0, &[], "->"),
        ("a text with an error", bad, &["--check"], 2, &["50-test.conf:2"], "->"),
    ] {
        place.configure_one(text).unwrap();
        let Ran { code: ended, stdout, stderr } = place.run(Program::Orlop, arguments).unwrap();
        assert_eq!(ended, code, "{what}: {stdout}{stderr}");
        for told in told {
            assert!(stdout.contains(told) || stderr.contains(told), "{what}: nothing about {told}:\n{stdout}{stderr}");
        }
        assert!(!stdout.contains(untold), "{what}: {untold} in\n{stdout}");
        assert_eq!(now(&place), pair("64", "x"), "{what}");
    }
}

#[test]
fn a_plan_can_be_put_in_force_as_it_is_printed() {
    let Some(place) = place() else { return };
    place
        .configure(
            &Tree::of("/etc/sysctl.d", "50-a.conf", "net/ipv4/conf/*/arp_ignore = 2\n-net.ipv4.conf.eth1.arp_ignore\n")
                .and("/run/sysctl.d", "60-b.conf", "-kernel.domainname=  a b # c\n"),
        )
        .unwrap();
    let plan = place.run(Program::Orlop, &["--plan"]).unwrap().stdout;
    place.host.write("/run/plan.conf", &plan).unwrap();
    let ran = place.run(Program::Orlop, &["/run/plan.conf"]).unwrap();
    assert_eq!(ran.code, 0, "{plan}\n{}", ran.stderr);
    for (key, want) in [
        ("kernel/domainname", "a b # c"),
        ("net/ipv4/conf/eth0.100/arp_ignore", "2"),
        ("net/ipv4/conf/eth1/arp_ignore", "0"),
    ] {
        assert_eq!(place.get(key).unwrap(), want, "{key}:\n{plan}");
    }
}

/// The control: without `--plan` the same trace shows the writes.
#[test]
fn a_plan_opens_no_setting() {
    let Some(place) = place() else { return };
    place.configure_one("net.ipv4.ip_default_ttl = 65\nkernel.domainname = y\n").unwrap();
    let settings = |arguments: &[&str], code| {
        let (ran, strace) = Strace::of(&place, arguments).unwrap();
        assert_eq!(ran.code, code, "{}", ran.stderr);
        let opened =
            strace.calls.iter().filter(|call| call.name.starts_with("open") && call.rest.contains("domainname"));
        let written = strace.named(&["pwrite64"]).filter(|call| call.rest.contains("/proc/sys/"));
        (opened.count(), written.count())
    };
    assert_eq!(settings(&["--plan"], 0), (0, 0));
    assert_eq!(now(&place), pair("64", "x"));
    assert_eq!(settings(&["--diff"], 1), (1, 0), "a difference is looked for, and nothing written");
    assert_eq!(settings(&[], 0), (1, 2), "the control: what is looked at once more at the end has stayed open");
}

#[test]
fn settings_come_from_where_the_command_line_says() {
    let Some(place) = place() else { return };
    let elsewhere = "mkdir -p /run/elsewhere /run/root/etc/sysctl.d
        echo 'net.ipv4.ip_default_ttl = 71' >/run/elsewhere/a.conf
        echo 'net.ipv4.ip_default_ttl = 72' >/run/root/etc/sysctl.d/a.conf
        echo 'net.ipv4.ip_default_ttl = 73' >/run/one
        printf 'net.ipv4.ip_default_ttl = 76\\nkernel.domainname = y\\n' >/run/two";
    place.host.shell(elsewhere).unwrap();
    place
        .configure(&Tree::of("/etc/sysctl.d", "50-a.conf", "net.ipv4.ip_default_ttl = 74\n").and(
            "/run/sysctl.d",
            "only-here.conf",
            "net.ipv4.ip_default_ttl = 75\n",
        ))
        .unwrap();
    for (what, arguments, want) in [
        ("the usual folders", &[][..], pair("75", "x")),
        ("another folder", &["--config-dir", "/run/elsewhere"], pair("71", "x")),
        ("below another root", &["--root", "/run/root"], pair("72", "x")),
        ("a file by its path", &["/run/one"], pair("73", "x")),
        ("a file by its name", &["50-a.conf"], pair("74", "x")),
        ("a setting", &["net.ipv4.ip_default_ttl=80"], pair("80", "x")),
        ("a setting with '=' and spaces in it", &["kernel.domainname = a=b c"], pair("64", "a=b c")),
        ("a setting after a file", &["/run/one", "net.ipv4.ip_default_ttl=81"], pair("81", "x")),
        ("a prefix", &["--prefix", "kernel", "/run/two"], pair("64", "y")),
        ("another prefix", &["--prefix=/net/ipv4", "/run/two"], pair("76", "x")),
        ("half a name is no prefix", &["--prefix=kern", "/run/two"], pair("64", "x")),
    ] {
        place.set(TTL, "64").unwrap();
        place.set(DOMAIN, "x").unwrap();
        let ran = place.run(Program::Orlop, arguments).unwrap();
        assert_eq!((now(&place), ran.code), (want, 0), "{what}: {}", ran.stderr);
    }
}

#[test]
fn settings_are_read_from_standard_input() {
    let Some(place) = place() else { return };
    place.host.write("/run/input", "# from a pipe\nkernel.domainname = piped\n").unwrap();
    let program = Program::Orlop.path();
    let script = format!("cat /run/input | {} -", program.display());
    place.host.shell(&script).unwrap();
    assert_eq!(place.get(DOMAIN).unwrap(), "piped");
    let record = Audit::of(&place).unwrap().of_key("kernel.domainname").unwrap().clone();
    assert_eq!((record.file.as_str(), record.line), ("stdin", 2));
}

#[test]
fn the_audit_on_standard_output_is_the_one_in_the_file() {
    let Some(place) = place() else { return };
    place.configure_one("net.ipv4.ip_default_ttl = 65\nnet.ipv4.no_such_key = 1\nnonsense\n").unwrap();
    let ran = place.run(Program::Orlop, &["--json"]).unwrap();
    let (printed, kept) = (Audit::parse(&ran.stdout).unwrap(), Audit::of(&place).unwrap());
    assert_eq!(printed, kept);
    let results: Vec<_> = printed.records.iter().map(|record| (record.key.as_str(), record.result.as_str())).collect();
    assert_eq!(results, [("net.ipv4.ip_default_ttl", "ok"), ("net.ipv4.no_such_key", "missing")]);
    assert_eq!(printed.errors().len(), 1);
    for (mode, result) in [("--plan", "planned"), ("--diff", "unchanged")] {
        let ran = place.run(Program::Orlop, &["--json", mode]).unwrap();
        let audit = Audit::parse(&ran.stdout).unwrap();
        assert_eq!(audit.of_key("net.ipv4.ip_default_ttl").unwrap().result, result, "{mode}");
    }
}

/// Which file counts, and in which order: the rules of sysctl.d(5), beside the program that made them.
#[test]
fn files_override_mask_and_follow_each_other_as_in_sysctl_d() {
    let Some(place) = Place::with(&[Program::Orlop, Program::Systemd]) else { return };
    let (etc, run, local, usr) = ("/etc/sysctl.d", "/run/sysctl.d", "/usr/local/lib/sysctl.d", "/usr/lib/sysctl.d");
    let line = |domain: &str| format!("kernel.domainname = {domain}\n");
    let masked = |tree: Tree| {
        let mask = orlop_test_sysctl::File {
            directory: "/etc/sysctl.d",
            name: "b.conf".to_owned(),
            content: orlop_test_sysctl::Content::Mask,
        };
        Tree { files: [tree.files, vec![mask]].concat() }
    };
    for (what, tree, want) in [
        ("the last name", Tree::of(usr, "b.conf", &line("usr-b")).and(etc, "a.conf", &line("etc-a")), "usr-b"),
        ("one name: /etc before /run", Tree::of(run, "b.conf", &line("run")).and(etc, "b.conf", &line("etc")), "etc"),
        (
            "one name: /run before /usr/local",
            Tree::of(local, "b.conf", &line("local")).and(run, "b.conf", &line("run")),
            "run",
        ),
        (
            "one name: /usr/local before /usr",
            Tree::of(usr, "b.conf", &line("usr")).and(local, "b.conf", &line("local")),
            "local",
        ),
        ("a mask", masked(Tree::of(usr, "b.conf", &line("usr"))), "x"),
        ("an empty file", Tree::of(usr, "b.conf", &line("usr")).and(etc, "b.conf", ""), "x"),
        ("another suffix", Tree::of(etc, "b.conf.bak", &line("bak")), "x"),
        ("a hidden file", Tree::of(etc, ".b.conf", &line("hidden")), "x"),
        ("numbers are text", Tree::of(etc, "9.conf", &line("nine")).and(etc, "10.conf", &line("ten")), "nine"),
    ] {
        for program in [Program::Systemd, Program::Orlop] {
            place.set(DOMAIN, "x").unwrap();
            place.configure(&tree).unwrap();
            let ran = place.run(program, &[]).unwrap();
            assert_eq!(place.get(DOMAIN).unwrap(), want, "{what}: {program:?} {}{}", ran.stdout, ran.stderr);
        }
    }
}

/// The broker is uid 0 without capabilities: what belongs to somebody else and is for nobody else is closed to it.
#[test]
fn what_is_closed_to_us_is_named_with_a_help_that_works_when_it_is_pasted() {
    for (what, make, arguments) in [
        (
            "a file of uid 1000",
            "f=/etc/sysctl.d/a.conf; echo kernel.domainname = y >$f; chown 1000 $f; chmod 600 $f",
            &[][..],
        ),
        ("one that nobody may read", "f=/etc/sysctl.d/a.conf; echo kernel.domainname = y >$f; chmod 0 $f", &[]),
        (
            "a folder of uid 1000 that was asked for",
            "d=/run/own; mkdir $d; echo kernel.domainname = y >$d/a.conf; chown 1000 $d; chmod 700 $d",
            &["--config-dir", "/run/own"],
        ),
        (
            "a file in such a folder",
            "d=\"/run/o w'n\"; mkdir \"$d\"; echo kernel.domainname = y >\"$d/a.conf\"; chown 1000 \"$d\"; chmod 700 \"$d\"",
            &["/run/o w'n/a.conf"],
        ),
        (
            "below another root",
            "d=/run/root/etc/sysctl.d; mkdir -p $d; echo kernel.domainname = y >$d/a.conf; chown 1000 $d; chmod 700 $d",
            &["--root", "/run/root"],
        ),
    ] {
        let Some(place) = place() else { return };
        place.host.shell(make).unwrap();
        let ran = place.run(Program::Orlop, arguments).unwrap();
        assert_eq!((ran.code, now(&place)), (78, pair("64", "x")), "{what}: {}", ran.stderr);
        let help = ran
            .stderr
            .lines()
            .find_map(|line| line.split_once("; try: "))
            .unwrap_or_else(|| panic!("{what}: {}", ran.stderr));
        place.host.shell(help.1).unwrap();
        let ran = place.run(Program::Orlop, arguments).unwrap();
        assert_eq!((ran.code, now(&place)), (0, pair("64", "y")), "{what}: {help:?}: {}", ran.stderr);
    }
}
