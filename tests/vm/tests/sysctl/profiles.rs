//! The two profiles, on a kernel that has all of their settings.

use orlop_sandbox::capability::Capability;

use crate::applier::{Bench, NO_FILES};
use crate::profile;

/// Settings that permit something: what is lower than the kernel's own is stricter.
const PERMISSIONS: [&str; 5] = [
    "net.ipv4.conf.all.send_redirects",
    "net.ipv4.conf.default.accept_redirects",
    "net.ipv4.conf.default.accept_source_route",
    "net.ipv6.conf.all.accept_redirects",
    "net.ipv6.conf.default.accept_redirects",
];
/// A lock whose open form has the larger number: 2 can be taken back, 1 cannot.
const CLOSED_BY_LESS: &str = "kernel.unprivileged_bpf_disabled";

#[test]
fn linuxkits_command_puts_its_settings_in_force_and_lowers_none() {
    let Some(mut bench) = Bench::new() else { return };
    let settings = profile::read("00-linuxkit.conf");
    bench.read_all(settings.iter().map(|setting| setting.key.as_str()));
    // Exactly as the image starts it; then as its own program, which says what LinuxKit's command does not.
    bench.as_the_image_starts_it().with_label(&["--lock", "--strict", "--profile", "linuxkit"]);
    bench.read_all(settings.iter().map(|setting| setting.key.as_str()));
    let mut outcome = bench.boot();
    let before: Vec<_> = settings.iter().map(|_| outcome.value()).collect();
    let (first, second) = (outcome.run(), outcome.run());
    assert_eq!(first.code, 0, "{}", first.said);
    assert_eq!(first.others_than(&["ok", "unchanged", "kept"]), [""; 0], "{}", first.said);
    assert_eq!(second.code, 0, "{}", second.said);
    assert_eq!(second.others_than(&["unchanged", "kept"]), [""; 0], "{}", second.said);
    for (setting, before) in settings.iter().zip(before) {
        let (before, after) = (before.unwrap(), outcome.value().unwrap());
        assert!(setting.is_met_by(&after), "{setting:?} is {after}");
        let [before, now] = [&before, &after].map(|value| value.parse::<u64>().ok());
        let may_fall = PERMISSIONS.contains(&setting.key.as_str()) || setting.key == CLOSED_BY_LESS;
        assert!(may_fall || now >= before, "{}: {before:?} became {now:?}", setting.key);
    }
    assert!(
        first.audit.iter().any(|record| record["result"] == "kept"),
        "a kernel whose defaults are larger: {:?}",
        first.audit
    );
}

#[test]
fn the_hardened_profile_is_in_force_as_far_as_the_kernel_has_it() {
    let Some(mut bench) = Bench::new() else { return };
    let settings = profile::read("kspp.conf");
    let added = [Capability::SysRawio, Capability::SysPtrace];
    bench.with_label_and(&added, &[&["--profile", "kspp", "--lock"], &NO_FILES[..]].concat());
    bench.read_all(settings.iter().map(|setting| setting.key.as_str()));
    let mut outcome = bench.boot();
    let run = outcome.run();
    let (mut there, mut absent) = (Vec::new(), Vec::new());
    for setting in &settings {
        match outcome.value() {
            Some(value) => {
                assert!(setting.is_met_by(&value), "{setting:?} is {value}: {}", run.of(&setting.key));
                there.push(format!("{} = {value}", setting.key));
            }
            None => absent.push(setting.key.as_str()),
        }
    }
    println!("in force, {} settings:\n  {}", there.len(), there.join("\n  "));
    println!("not in this kernel: {absent:?}");
    assert_eq!(run.code, 0, "{}", run.said);
    // Debian's kernel for virtual machines has all of them, from 6.6 on.
    assert!(absent.len() <= 2, "{absent:?}");
    assert_eq!(run.others_than(&["ok", "unchanged", "kept", "missing"]), [""; 0], "{}", run.said);
}

#[test]
fn a_profile_is_in_force_without_the_capabilities_that_most_kernels_do_not_ask_for() {
    let Some(mut bench) = Bench::new() else { return };
    bench.with_label(&[&["--profile", "kspp", "--lock"], &NO_FILES[..]].concat());
    let run = bench.boot().run();
    // Debian's Yama is off; its kernel maps nothing below 64 kB anyway.
    let others = run.others_than(&["ok", "unchanged", "kept", "missing"]);
    assert_eq!(others, ["\"kernel.yama.ptrace_scope\": \"denied\""], "{}", run.said);
    assert!(run.code == 1 && run.said.contains("CAP_SYS_PTRACE"), "{}: {}", run.code, run.said);
}
