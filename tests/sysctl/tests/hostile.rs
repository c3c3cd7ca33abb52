//! Configurations whose author means harm, or whose disk was full.
#![allow(clippy::unwrap_used, reason = "a test says what failed by panicking")]

use std::fs;
use std::path::Path;

use orlop_test_sysctl::{Audit, Place, Program, Strace, Tree};

/// What every attack wants to write, outside of `/proc/sys`.
const VICTIM: &str = "/run/victim/file";

/// Keys that lead there, for somebody.
const ESCAPES: &[&str] = &[
    "../../run/victim/file",
    "../../../../../../run/victim/file",
    "kernel/../../../run/victim/file",
    "kernel/./../../../run/victim/file",
    "/../../run/victim/file",
    "/run/victim/file",
    "//run/victim/file",
    "net/../../../run/victim/file",
    "...../run/victim/file",
    "kernel/../../../proc/self/root/run/victim/file",
    "../self/root/run/victim/file",
    "..//..//run//victim//file",
    "*/../../../run/victim/file",
    "ker*/../../../run/victim/file",
    "../*/victim/file",
    "../../run/vic*/file",
    "../../run/victim/f?le",
];

fn victim(place: &Place) {
    place.host.shell("rm -rf /run/victim; mkdir -p /run/victim; echo untouched >/run/victim/file").unwrap();
}

fn untouched(place: &Place) -> bool {
    place.host.read(VICTIM).unwrap() == "untouched\n"
}

#[test]
fn no_key_leads_out_of_proc_sys() {
    let Some(place) = Place::with(&[Program::Orlop, Program::Busybox]) else { return };
    let mut escaped = 0;
    for key in ESCAPES {
        place.configure_one(&format!("{key} = escaped\nkernel.domainname = after\n")).unwrap();
        // The control: one that does write there.
        victim(&place);
        place.run(Program::Busybox, &["-p", "/etc/sysctl.d/50-test.conf"]).unwrap();
        escaped += usize::from(!untouched(&place));
        for arguments in [&[][..], &["--root", "/"], &["--prefix", "/"], &["--strict", "--lock"]] {
            victim(&place);
            place.set("kernel/domainname", "x").unwrap();
            let ran = place.run(Program::Orlop, arguments).unwrap();
            assert!(untouched(&place), "{key} {arguments:?}: {}", ran.stderr);
            assert_eq!(place.get("kernel/domainname").unwrap(), "after", "{key} {arguments:?}: {}", ran.stderr);
            let argument = format!("{key}=escaped");
            place.run(Program::Orlop, &["--", &argument]).unwrap();
            assert!(untouched(&place), "{argument}");
        }
    }
    assert!(escaped >= 3, "busybox is to write outside, else this test shows nothing; it did so {escaped} times");
}

/// A tree that is only shaped like `/proc/sys`, with links in it that lead out.
#[test]
fn no_link_among_the_settings_is_followed() {
    let Some(place) = Place::with(&[Program::Orlop]) else { return };
    let tree = "rm -rf /run/tree; mkdir -p /run/tree/kernel /run/tree/net
        echo old >/run/tree/kernel/plain
        ln -s /run/victim/file /run/tree/kernel/file
        ln -s /run/victim /run/tree/linked
        ln -s ../../victim/file /run/tree/net/relative
        ln -s /proc/self/root /run/tree/magic";
    let keys =
        ["kernel/file", "linked/file", "net/relative", "magic/run/victim/file", "kernel/plain", "l*/file", "kernel/f*"];
    let text: String = keys.iter().map(|key| format!("{key} = escaped\n")).collect();
    victim(&place);
    place.host.shell(tree).unwrap();
    place.configure_one(&text).unwrap();
    let ran = place.run(Program::Orlop, &["--sysctl-dir", "/run/tree"]).unwrap();
    assert!(untouched(&place), "{}", ran.stderr);
    assert_eq!(place.host.read("/run/tree/kernel/plain").unwrap().trim(), "escaped", "the control: {}", ran.stderr);
    assert_eq!(ran.code, 1, "a link is no setting that was put in force: {}", ran.stderr);
}

/// `--root DIR` is somebody else's file system: nothing in it leads to ours.
#[test]
fn no_link_leads_out_of_another_root() {
    let Some(place) = Place::with(&[Program::Orlop]) else { return };
    let root = "rm -rf /run/root /run/outside; mkdir -p /run/root/etc /run/root/run/sysctl.d /run/root/usr/lib/sysctl.d /run/outside
        echo 'kernel.domainname = escaped' >/run/outside/a.conf
        ln -s /run/outside /run/root/etc/sysctl.d
        ln -s ../../../../outside/a.conf /run/root/run/sysctl.d/b.conf
        ln -s /run/outside/a.conf /run/root/usr/lib/sysctl.d/c.conf
        echo 'kernel.msgmax = 9001' >/run/root/usr/lib/sysctl.d/d.conf";
    place.host.shell(root).unwrap();
    place.set("kernel/domainname", "x").unwrap();
    let ran = place.run(Program::Orlop, &["--root", "/run/root"]).unwrap();
    assert_eq!(place.get("kernel/domainname").unwrap(), "x", "{}", ran.stderr);
    assert_eq!(place.get("kernel/msgmax").unwrap(), "9001", "the control: {}", ran.stderr);
}

/// Whatever a file is, the run ends, says so, and puts the good file in force.
#[test]
fn a_file_that_is_none_does_not_keep_the_others() {
    let Some(place) = Place::with(&[Program::Orlop]) else { return };
    let good = "kernel.domainname = good\n";
    for (what, make, code) in [
        ("a FIFO", "mkfifo F", 78),
        ("a folder", "mkdir F", 78),
        ("a socket's place", "mknod F p", 78),
        ("a device", "mknod F c 1 5", 78),
        ("a link to itself", "ln -s 10-bad.conf F", 78),
        ("a link to nothing", "ln -s /run/nothing F", 0),
        ("a link to memory", "ln -s /proc/self/mem F", 78),
        ("a link to a secret", "ln -s /etc/shadow F", 2),
        ("ten megabytes", "head -c 10000000 /dev/zero | tr '\\0' '#' >F", 78),
        ("a line of ten megabytes", "{ printf 'kernel.domainname='; head -c 10000000 /dev/zero | tr '\\0' x; } >F", 78),
        ("a line of a megabyte", "{ printf 'kernel.domainname='; head -c 1000000 /dev/zero | tr '\\0' x; } >F", 2),
        ("NUL", "printf 'kernel.domain\\0name=x\\nkernel.msgmax=9\\0\\n' >F", 2),
        ("no UTF-8", "printf 'kernel.domainname=\\377\\n' >F", 2),
        ("ten thousand lines of nothing", "yes = | head -n 10000 >F", 2),
        ("only stars", "printf '%s=1\\n' '*/*/*/*/*/*' '****************' '[' '[[[[' '*?*?*?*?*' >F", 2),
        ("escapes for a terminal", "printf '\\033[2J\\033]0;owned\\007 x\\nkernel.\\033[2J = 1\\n' >F", 2),
    ] {
        place.configure_one(good).unwrap();
        place.host.shell(&format!("cd /etc/sysctl.d; {}", make.replace('F', "10-bad.conf"))).unwrap();
        place.set("kernel/domainname", "x").unwrap();
        let ran = place.run(Program::Orlop, &[]).unwrap();
        assert_eq!(place.get("kernel/domainname").unwrap(), "good", "{what}: {}", ran.stderr);
        assert_eq!(ran.code, code, "{what}: {}", ran.stderr);
        assert!(ran.stderr.contains("10-bad.conf"), "{what} is not named: {}", ran.stderr);
        assert!(!ran.stderr.contains('\x1b') && ran.stderr.len() < 1 << 20, "{what}: {}", ran.stderr.len());
        assert!(!ran.stderr.contains("root:"), "{what}: what is in a file is not shown: {}", ran.stderr);
    }
}

/// What a plan can hold is tried; of the rest the first are named, and all of it is an error.
#[test]
fn fifty_thousand_settings_are_bounded_and_said_to_be() {
    let Some(place) = Place::with(&[Program::Orlop]) else { return };
    place.configure_one("").unwrap();
    place
        .host
        .shell("{ echo kernel.domainname=good; seq -f 'no.such.key%.0f=1' 50000; } >/etc/sysctl.d/10-many.conf")
        .unwrap();
    let ran = place.run(Program::Orlop, &[]).unwrap();
    assert_eq!((place.get("kernel/domainname").unwrap().as_str(), ran.code), ("good", 2));
    assert!(ran.stderr.contains("10-many.conf:16386: there are more settings"), "{}", ran.stderr.len());
    assert!(ran.stderr.len() < 4 << 20, "{}", ran.stderr.len());
    assert_eq!(Audit::of(&place).unwrap().records.len(), 16_384);
}

/// An unreadable file: root without `CAP_DAC_OVERRIDE` cannot read what belongs to somebody else.
#[test]
fn a_file_that_may_not_be_read_is_named_and_the_others_count() {
    let Some(place) = Place::with(&[Program::Orlop]) else { return };
    place.configure_one("kernel.domainname = good\n").unwrap();
    place.host.shell("echo 'kernel.msgmax = 9' >/etc/sysctl.d/10-bad.conf; chown 1:1 /etc/sysctl.d/10-bad.conf; chmod 600 /etc/sysctl.d/10-bad.conf").unwrap();
    let mut contained = Program::Orlop.contained(orlop_test_sysctl::LABEL);
    let ran = place.host.enter(|| orlop_test_sysctl::Ran::of(&mut contained)).unwrap();
    assert_eq!(ran.code, 78, "{}", ran.stderr);
    assert!(ran.stderr.contains("10-bad.conf"), "{}", ran.stderr);
    assert_eq!(place.get("kernel/domainname").unwrap(), "good", "{}", ran.stderr);
}

#[test]
fn five_thousand_files_are_bounded_and_said_to_be() {
    let Some(place) = Place::with(&[Program::Orlop]) else { return };
    place.configure(&Tree::default()).unwrap();
    place
        .host
        .enter(|| {
            for n in 0..5000 {
                fs::write(
                    Path::new("/run/sysctl.d").join(format!("{n:05}.conf")),
                    format!("kernel.msgmax = {}\n", 8000 + n),
                )?;
            }
            Ok(())
        })
        .unwrap();
    let ran = place.run(Program::Orlop, &[]).unwrap();
    assert_eq!(ran.code, 78, "{}", ran.stderr);
    assert!(ran.stderr.contains("more than 1024 files"), "{}", ran.stderr);
    assert_eq!(place.get("kernel/msgmax").unwrap(), "9023", "the last one that was read counts: {}", ran.stderr);
    assert!(ran.stderr.lines().count() < 50, "{}", ran.stderr.lines().count());
}

/// An editor replaces a file while we read: the old text or the new one counts, never a mixture.
#[test]
fn a_file_that_is_replaced_during_runs_counts_whole() {
    let Some(place) = Place::with(&[Program::Orlop]) else { return };
    place.configure_one("").unwrap();
    let replace = "cd /etc/sysctl.d
        for n in $(seq 400); do
            { printf '# %2000s\\n' x; echo \"kernel.domainname = v$n\"; printf '# %2000s\\n' x; echo \"kernel.msgmax = $((8000 + n))\"; } >.new
            mv .new 50-test.conf
            sleep 0.005
        done";
    let editor = place.host.spawn("editor", place.host.command("sh").args(["-ec", replace])).unwrap();
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..60 {
        let ran = place.run(Program::Orlop, &[]).unwrap();
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        let audit = Audit::of(&place).unwrap();
        if audit.records.is_empty() {
            continue; // before the first text was there
        }
        let wanted = |key: &str| audit.of_key(key).unwrap().wanted.clone();
        let (domain, msgmax) = (wanted("kernel.domainname"), wanted("kernel.msgmax"));
        let number: u32 = domain.trim_start_matches('v').parse().unwrap();
        assert_eq!(msgmax, (8000 + number).to_string(), "{domain} and {msgmax}");
        seen.insert(number);
    }
    drop(editor);
    assert!(seen.len() > 3, "the file was hardly replaced: {seen:?}");
}

/// The kernel truncates nothing and makes nothing here, but a tree of another kind would: busybox opens with `O_CREAT`.
#[test]
fn nothing_is_created_or_emptied_among_the_settings() {
    let Some(place) = Place::with(&[Program::Orlop]) else { return };
    place.configure_one("kernel.domainname = y\nkernel.no_such = 1\nnet.ipv4.conf.*.arp_ignore = 1\n").unwrap();
    let (ran, strace) = Strace::of(&place, &[]).unwrap();
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let opens: Vec<_> =
        strace.named(&["open", "openat", "openat2"]).filter(|call| call.rest.contains("</proc/sys")).collect();
    assert!(opens.len() >= 4, "{opens:?}");
    for call in opens {
        assert!(!call.rest.contains("O_CREAT") && !call.rest.contains("O_TRUNC"), "{call:?}");
        // The folder of all settings itself: first of all, and once more for Landlock's rule about it.
        let root = call.rest.contains("\"/proc/sys\", O_RDONLY");
        let settled =
            ["O_NOFOLLOW", "RESOLVE_BENEATH", "RESOLVE_NO_SYMLINKS", "RESOLVE_NO_MAGICLINKS", "RESOLVE_NO_XDEV"];
        assert!(root || call.name == "openat2" && settled.iter().all(|flag| call.rest.contains(flag)), "{call:?}");
    }
}
