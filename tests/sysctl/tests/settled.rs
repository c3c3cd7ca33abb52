//! A setting can change others: what is in force when everything is done counts, and not what was so in between.
#![allow(clippy::unwrap_used, reason = "a test says what failed by panicking")]

use orlop_test_sysctl::{Audit, Place, Program};

/// The kernel copies `default` to every interface whose own setting nobody has written, nor `default` before there was that
/// interface: so each program has a place of its own. systemd-sysctl, the control, does not write what is in force already, and
/// loses it a line later.
#[test]
fn an_interfaces_value_stays_when_the_default_changes_after_it() {
    for program in [Program::Systemd, Program::Procps, Program::Busybox, Program::Orlop] {
        let Some(place) = Place::with(&[program]) else { return };
        place.configure_one("net.ipv4.conf.new0.proxy_arp = 0\nnet.ipv4.conf.default.proxy_arp = 1\n").unwrap();
        let (want, arguments) = match program {
            Program::Systemd => ("1", &[][..]),
            Program::Orlop => ("0", &[][..]),
            Program::Procps | Program::Busybox => ("0", &["-p", "/etc/sysctl.d/50-test.conf"][..]),
        };
        place.host.ip_batch("link add new0 type veth peer name new1\n").unwrap();
        let ran = place.run(program, arguments).unwrap();
        assert_eq!(ran.code, 0, "{program:?}: {}", ran.stderr);
        assert_eq!(place.get("net/ipv4/conf/new0/proxy_arp").unwrap(), want, "{program:?}");
        assert_eq!(place.get("net/ipv4/conf/default/proxy_arp").unwrap(), "1", "{program:?}");
    }
}

#[test]
fn a_value_that_another_setting_has_changed_is_a_failure() {
    let Some(place) = Place::with(&[Program::Orlop]) else { return };
    let (own, all) = ("net.ipv4.conf.eth0.forwarding = 0", "net.ipv4.ip_forward = 1");
    for (what, lines, own_result, kernel, code) in
        [("changed afterwards", [own, all], "overtaken", "1", 1), ("the other way round", [all, own], "ok", "0", 0)]
    {
        place.set("net/ipv4/ip_forward", "1").unwrap();
        place.set("net/ipv4/ip_forward", "0").unwrap();
        place.configure_one(&lines.map(|line| format!("{line}\n")).concat()).unwrap();
        let ran = place.run(Program::Orlop, &[]).unwrap();
        assert_eq!(place.get("net/ipv4/conf/eth0/forwarding").unwrap(), kernel, "{what}");
        assert_eq!(ran.code, code, "{what}: {}", ran.stderr);
        let audit = Audit::of(&place).unwrap();
        let result = |path: &str| audit.records.iter().find(|record| record.path == path).unwrap().result.clone();
        assert_eq!(result("net/ipv4/conf/eth0/forwarding"), own_result, "{what}");
        assert_eq!(result("net/ipv4/ip_forward"), "ok", "{what}");
    }
}
