//! Places whose `/proc/sys` is not as it should be, as in containers that are not LinuxKit's: the cause is said, with what helps.
#![allow(clippy::unwrap_used, reason = "a test says what failed by panicking")]

use orlop_test_sysctl::{Audit, Place, Program};

const READ_ONLY: &str = "mount --bind /proc/sys /proc/sys; mount -o remount,ro,bind /proc/sys";

/// A setting that is to change and one that is in force, and how the machine was made strange.
struct Case {
    what: &'static str,
    mount: &'static str,
    /// What becomes of the hostname's domain, of the time to live, and of the largest message.
    results: [&'static str; 3],
    code: i32,
    says: &'static [&'static str],
}

const CASES: &[Case] = &[
    Case {
        what: "mounted read-only",
        mount: READ_ONLY,
        results: ["readonly", "unchanged", "readonly"],
        code: 1,
        says: &[
            "WARN sysctl /proc/sys is mounted read-only: nothing can be changed; take it out of linux.readonlyPaths",
            "podman: --security-opt unmask=/proc/sys",
            "mount -o remount,rw /proc/sys",
            "kernel.domainname = after: readonly: it is mounted read-only",
        ],
    },
    Case {
        what: "all of /proc read-only",
        mount: "mount -o remount,ro,bind /proc",
        results: ["readonly", "unchanged", "readonly"],
        code: 1,
        says: &["/proc/sys is mounted read-only", "kernel.domainname = after: readonly: it is mounted read-only"],
    },
    Case {
        what: "a folder is masked",
        mount: "mount -t tmpfs -o ro tmpfs /proc/sys/kernel",
        results: ["failed", "unchanged", "failed"],
        code: 1,
        says: &["kernel.domainname = after: failed: something is mounted over it", "podman: --security-opt unmask=ALL"],
    },
    Case {
        what: "a folder is read-only",
        mount: "mount --bind /proc/sys/kernel /proc/sys/kernel; mount -o remount,ro,bind /proc/sys/kernel",
        results: ["failed", "unchanged", "failed"],
        code: 1,
        says: &["kernel.domainname = after: failed: something is mounted over it"],
    },
    Case {
        what: "a file is masked",
        mount: "mount --bind /dev/null /proc/sys/kernel/domainname",
        results: ["failed", "unchanged", "ok"],
        code: 1,
        says: &["kernel.domainname = after: failed: something is mounted over it"],
    },
    Case { what: "nothing, the control", mount: "true", results: ["ok", "unchanged", "ok"], code: 0, says: &[] },
];

#[test]
fn what_keeps_settings_from_being_written_is_said() {
    for Case { what, mount, results, code, says } in CASES {
        let Some(place) = Place::with(&[Program::Orlop]) else { return };
        place.set("kernel/domainname", "before").unwrap();
        place.set("kernel/msgmax", "8192").unwrap();
        let ttl = place.get("net/ipv4/ip_default_ttl").unwrap();
        let text = format!("kernel.domainname = after\nnet.ipv4.ip_default_ttl = {ttl}\nkernel.msgmax = 9000\n");
        place.configure_one(&text).unwrap();
        place.host.shell(mount).unwrap();
        let ran = place.run(Program::Orlop, &[]).unwrap();
        let audit = Audit::of(&place).unwrap();
        let keys = ["kernel.domainname", "net.ipv4.ip_default_ttl", "kernel.msgmax"];
        let found = keys.map(|key| audit.of_key(key).unwrap().result.clone());
        assert_eq!((found.each_ref().map(String::as_str), ran.code), (*results, *code), "{what}:\n{}", ran.stderr);
        for said in *says {
            assert!(ran.stderr.contains(said), "{what}: {said:?} is not said:\n{}", ran.stderr);
        }
        assert!(!ran.stderr.contains("descriptor"), "{what}:\n{}", ran.stderr);
    }
}

#[test]
fn the_help_helps() {
    let Some(place) = Place::with(&[Program::Orlop]) else { return };
    place.set("kernel/domainname", "before").unwrap();
    place.configure_one("kernel.domainname = after\n").unwrap();
    place.host.shell(READ_ONLY).unwrap();
    let ran = place.run(Program::Orlop, &[]).unwrap();
    let (_, help) = ran.stderr.split_once("without a container: ").expect(&ran.stderr);
    place.host.shell(help.split(')').next().unwrap()).unwrap();
    assert_eq!(place.run(Program::Orlop, &[]).unwrap().code, 0);
    assert_eq!(place.get("kernel/domainname").unwrap(), "after");
}

#[test]
fn a_proc_that_is_not_there_or_not_the_kernels_ends_with_77() {
    for (what, mount, says) in [
        ("another file system", "mount -t tmpfs tmpfs /proc/sys", "/proc/sys does not belong to the kernel"),
        ("only processes", "mount -t proc -o subset=pid proc /proc", "cannot open /proc/sys"),
    ] {
        let Some(place) = Place::with(&[Program::Orlop]) else { return };
        place.host.shell(mount).unwrap();
        let ran = place.run(Program::Orlop, &["kernel.domainname=x"]).unwrap();
        assert!(ran.stderr.contains(says), "{what}: {}", ran.stderr);
        assert!(ran.stderr.contains("help: mount proc"), "{what}: {}", ran.stderr);
        assert_eq!(ran.code, 77, "{what}");
    }
}

/// A folder of the kernel's settings in the place of all of them: keys would be taken for others.
#[test]
fn a_part_of_the_settings_in_the_place_of_all_is_refused() {
    let Some(place) = Place::with(&[Program::Orlop]) else { return };
    place.host.shell("mount --bind /proc/sys/net /proc/sys").unwrap();
    let ran = place.run(Program::Orlop, &["ipv4.ip_default_ttl=65"]).unwrap();
    assert!(ran.code == 64 && ran.stderr.contains("is not the folder of all settings"), "{}", ran.stderr);
}
