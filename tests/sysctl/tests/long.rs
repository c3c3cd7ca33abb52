//! Values that are longer than a page, which the kernel takes in pieces and gives as a whole.
#![allow(clippy::unwrap_used, reason = "a test says what failed by panicking")]

use std::fs::File;
use std::os::unix::fs::FileExt as _;

use orlop_test_sysctl::{Audit, Place, Program};

const KEY: &str = "net.ipv4.ip_local_reserved_ports";
const PATH: &str = "net/ipv4/ip_local_reserved_ports";

/// What the kernel takes of a list in one write, but for a byte.
const PAGE: usize = 4096;

/// The longest value that there can be.
const LONGEST: usize = 65_536;

/// Every other port from 10001 on, and one in front that has as many zeros as make exactly so many bytes of it.
fn ports(bytes: usize) -> String {
    let many = (bytes - 2) / 6;
    let list: Vec<String> = (0..many).map(|at| (10_001 + 2 * at).to_string()).collect();
    let rest = list.join(",");
    format!("{:0>width$},{rest}", 7, width = bytes - rest.len() - 1)
}

/// What is in force: of a list the kernel says as much as there is room for, and nothing when it is read on.
fn in_force(place: &Place) -> String {
    let read = || {
        let mut room = vec![0; 4 * LONGEST];
        let len = File::open(format!("/proc/sys/{PATH}"))?.read_at(&mut room, 0)?;
        room.truncate(len);
        Ok(String::from_utf8(room)?.trim_end().to_owned())
    };
    place.host.enter(read).unwrap()
}

/// The same as the kernel says it.
fn as_the_kernel_says(list: &str) -> String {
    let numbers: Vec<String> = list.split(',').map(|port| port.parse::<u32>().unwrap().to_string()).collect();
    numbers.join(",")
}

fn arguments(program: Program) -> &'static [&'static str] {
    match program {
        Program::Procps | Program::Busybox => &["-p", "/etc/sysctl.d/50-test.conf"],
        Program::Orlop | Program::Systemd => &[],
    }
}

#[test]
fn a_long_list_is_in_force_whole_as_with_programs_that_write_all_of_it() {
    let Some(place) = Place::with(&[Program::Orlop, Program::Systemd, Program::Busybox, Program::Procps]) else {
        return;
    };
    for bytes in [3000, 4094, 4095, 4096, 4097, 8191, 8192, 16_384, 20_000, 40_000, 65_530, LONGEST] {
        let list = ports(bytes);
        assert_eq!(list.len(), bytes);
        place.configure_one(&format!("{KEY} = {list}\nkernel.domainname = after\n")).unwrap();
        for program in [Program::Systemd, Program::Busybox, Program::Procps, Program::Orlop] {
            place.set(PATH, "").unwrap();
            place.set("kernel/domainname", "before").unwrap();
            let ran = place.run(program, arguments(program)).unwrap();
            let (now, want) = (in_force(&place), as_the_kernel_says(&list));
            assert_eq!(ran.code, 0, "{program:?}, {bytes} bytes: {:.500}", ran.stderr);
            if program == Program::Procps && bytes >= PAGE - 1 {
                // procps 4.0.2 does not write what is left after the first page, and does not say so.
                assert!(want.starts_with(&now) && now.len() < PAGE, "procps is mended: {bytes} bytes");
            } else {
                assert!(now == want, "{program:?}, {bytes} bytes: {:.500}", ran.stderr);
            }
            assert_eq!(place.get("kernel/domainname").unwrap(), "after", "{program:?}, {bytes} bytes");
        }
        let audit = Audit::of(&place).unwrap();
        let record = audit.of_key(KEY).unwrap();
        assert_eq!(record.wanted, list);
        assert_eq!(record.after.as_deref(), Some(&*as_the_kernel_says(&list)), "{bytes} bytes, read back whole");
        assert!(["ok", "normalized"].contains(&&*record.result), "{bytes} bytes: {}", record.result);
        assert_eq!(place.run(Program::Orlop, &[]).unwrap().code, 0);
        let again = Audit::of(&place).unwrap();
        let want = if as_the_kernel_says(&list) == list { "unchanged" } else { "normalized" };
        assert_eq!(again.of_key(KEY).unwrap().result, want, "{bytes} bytes, once more");
        assert_eq!(place.run(Program::Orlop, &["--diff"]).unwrap().code, 0, "{bytes} bytes: no difference");
    }
}

#[test]
fn a_long_list_takes_the_place_of_another() {
    let Some(place) = Place::with(&[Program::Orlop]) else { return };
    let (long, other) = (ports(50_000), ports(30_000).replace(",1", ",2"));
    for (what, before, list) in
        [("a shorter one", &long, ports(100)), ("another", &long, other), ("a longer one", &ports(100), ports(LONGEST))]
    {
        place.configure_one(&format!("{KEY} = {before}\n")).unwrap();
        assert_eq!(place.run(Program::Orlop, &[]).unwrap().code, 0, "{what}");
        place.configure_one(&format!("{KEY} = {list}\n")).unwrap();
        let ran = place.run(Program::Orlop, &[]).unwrap();
        assert_eq!(ran.code, 0, "{what}: {:.500}", ran.stderr);
        let audit = Audit::of(&place).unwrap();
        let record = audit.of_key(KEY).unwrap();
        assert_eq!(record.before.as_deref(), Some(&*as_the_kernel_says(before)), "{what}");
        let set =
            |list: &str| list.split(',').map(|port| port.parse().unwrap()).collect::<std::collections::BTreeSet<u32>>();
        assert_eq!(expanded(&in_force(&place)), set(&list), "{what}");
    }
}

/// Every port of a list of ports and ranges.
fn expanded(list: &str) -> std::collections::BTreeSet<u32> {
    let range = |item: &str| {
        let (low, high) = item.split_once('-').unwrap_or((item, item));
        low.parse().unwrap()..=high.parse().unwrap()
    };
    list.split(',').flat_map(range).collect()
}

#[test]
fn what_is_longer_than_that_is_refused_with_its_length() {
    let Some(place) = Place::with(&[Program::Orlop]) else { return };
    for (what, value, says) in [
        ("one byte", ports(LONGEST + 1), "the value is longer than 65536 bytes"),
        ("a line that is longer than any", ports(100_000), "the line is longer than 69632 bytes"),
    ] {
        place.set(PATH, "77").unwrap();
        place.set("kernel/domainname", "before").unwrap();
        place.configure_one(&format!("# {what}\n{KEY} = {value}\nkernel.domainname = after\n")).unwrap();
        let ran = place.run(Program::Orlop, &[]).unwrap();
        assert!(ran.stderr.contains(&format!("/etc/sysctl.d/50-test.conf:2: {says}\n")), "{what}: {:.500}", ran.stderr);
        assert_eq!((ran.code, in_force(&place).as_str()), (2, "77"), "{what}");
        assert_eq!(place.get("kernel/domainname").unwrap(), "after", "{what}: the rest counts");
    }
}

/// The kernel has taken the first pieces by then.
#[test]
fn a_long_list_with_an_error_at_its_end_is_no_success() {
    let Some(place) = Place::with(&[Program::Orlop]) else { return };
    for (what, end) in [("no port", ",70000"), ("no number", ",x"), ("a range the wrong way round", ",9-8")] {
        place.set(PATH, "77").unwrap();
        place.configure_one(&format!("{KEY} = {}{end}\n", ports(10_000))).unwrap();
        let ran = place.run(Program::Orlop, &[]).unwrap();
        let audit = Audit::of(&place).unwrap();
        let record = audit.of_key(KEY).unwrap();
        assert_eq!((ran.code, record.result.as_str()), (1, "mismatch"), "{what}: {:.500}", ran.stderr);
        assert_eq!(record.after.as_deref(), Some(&*in_force(&place)), "{what}: what is in force is said");
        assert!(ran.stderr.lines().all(|line| line.len() <= 1024), "{what}");
    }
}

/// Of one number or text the kernel would take what follows for a second value.
#[test]
fn what_is_no_list_of_ports_is_written_once() {
    let Some(place) = Place::with(&[Program::Orlop]) else { return };
    place.set("kernel/domainname", "before").unwrap();
    let spaces = " ".repeat(5000);
    let text = format!("kernel.domainname = {}\nnet.ipv4.igmp_max_memberships = 30{spaces}40\n", "x".repeat(9000));
    place.configure_one(&text).unwrap();
    let ran = place.run(Program::Orlop, &[]).unwrap();
    assert_eq!(ran.code, 1, "{:.500}", ran.stderr);
    let audit = Audit::of(&place).unwrap();
    let told = |key: &str| audit.of_key(key).map(|record| (record.result.clone(), record.after.clone())).unwrap();
    assert_eq!(told("kernel.domainname"), ("mismatch".to_owned(), Some("x".repeat(64))));
    assert_eq!(told("net.ipv4.igmp_max_memberships"), ("mismatch".to_owned(), Some("30".to_owned())));
}

/// Long jobs one after the other, to several appliers, with long values before and after.
#[test]
fn many_long_values_at_once_come_to_an_end() {
    let Some(place) = Place::with(&[Program::Orlop]) else { return };
    place.host.shell("rm -rf /run/tree; mkdir -p /run/tree/net /run/tree/kernel").unwrap();
    let (old, new) = ("o".repeat(LONGEST), "n".repeat(LONGEST));
    let keys: Vec<String> =
        (0..60).map(|at| format!("{}/k{at:02}", if at % 20 < 10 { "net" } else { "kernel" })).collect();
    let mut text = String::new();
    for (at, key) in keys.iter().enumerate() {
        place.host.write(&format!("/run/tree/{key}"), &old).unwrap();
        text.push_str(&format!("{key} = {}\n", if at % 3 == 0 { "short" } else { &new }));
        if at % 15 == 14 {
            // A text may have a megabyte.
            place.host.write(&format!("/run/part{at}.conf"), std::mem::take(&mut text)).unwrap();
        }
    }
    let parts = [14, 29, 44, 59].map(|at| format!("/run/part{at}.conf"));
    let arguments: Vec<&str> =
        ["--sysctl-dir", "/run/tree"].into_iter().chain(parts.iter().map(String::as_str)).collect();
    let ran = place.run(Program::Orlop, &arguments).unwrap();
    // A file keeps what a shorter value does not cover, as no setting does.
    let audit = Audit::of(&place).unwrap();
    assert_eq!((audit.count("ok"), audit.count("mismatch")), (40, 20), "{:.500}", ran.stderr);
    for (at, key) in keys.iter().enumerate().filter(|(at, _)| at % 3 != 0) {
        assert_eq!(place.host.read(&format!("/run/tree/{key}")).unwrap().trim_end(), new, "{at}");
    }
}
