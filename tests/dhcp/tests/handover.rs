//! From one process to the next: INIT-REBOOT, the lease file, and what refusals do to it.
#![allow(clippy::unwrap_used, reason = "a test says what failed by panicking")]

use std::net::Ipv4Addr;
use std::time::Duration;

use orlop_test_dhcp::{ADDRESS, SERVER, SOON, Scene, dhcp, lease_of, leased, testbed, unleased};
use orlop_testbed::dhcp::code;
use orlop_testbed::script::{Phase, Template};
use orlop_testbed::{Capture, Host, Kind, Lease, Monitor, Script, eventually};

const LEASE_FILE: &str = "/run/orlop/dhcp/lease.eth0";
const OTHER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 88);

fn has(host: &Host, wanted: Ipv4Addr) -> anyhow::Result<()> {
    let look = || Ok(host.addresses("eth0")?.iter().any(|address| address.address == wanted).then_some(()));
    eventually(&format!("{wanted} on eth0"), SOON, look)
}

// RFC 2131 section 4.3.2: in INIT-REBOOT, option 50 is set, option 54 and `ciaddr` are not.
#[test]
fn the_service_adopts_the_lease_of_the_onboot_run_and_nothing_flaps() {
    let Some(_) = testbed(&["dnsmasq"]) else { return };
    let scene = Scene::new().unwrap();
    let _dnsmasq = scene.dnsmasq().unwrap();
    let mut onboot = scene.oneshot(&dhcp()).unwrap();
    assert!(onboot.wait_exit(SOON).unwrap().success(), "{}", onboot.text());
    let (monitor, capture) = (Monitor::start(&scene.client).unwrap(), Capture::start(&scene.client).unwrap());
    let service = dhcp().start(&scene.client).unwrap();
    let acknowledged = capture.wait_for("an acknowledgement", SOON, |seen| seen.message.kind() == Some(Kind::Ack));
    let acknowledged = acknowledged.unwrap_or_else(|error| panic!("{error:#}\n{}", service.text()));
    assert_eq!(acknowledged.message.yiaddr, ADDRESS);
    let [request] = <[_; 1]>::try_from(capture.of_kind(Kind::Request)).unwrap();
    assert_eq!(request.message.address_option(code::REQUESTED_ADDRESS), Some(ADDRESS));
    assert_eq!((request.message.ciaddr, request.message.option(code::SERVER_ID)), (Ipv4Addr::UNSPECIFIED, None));
    assert!(capture.of_kind(Kind::Discover).is_empty(), "{}", capture.time_line());
    let refreshed = || Ok((monitor.address_updates()? >= 1).then_some(()));
    eventually("the lease being put in force again", SOON, refreshed).unwrap();
    assert!(monitor.deletions().unwrap().is_empty(), "{:?}", monitor.deletions());
    assert_eq!(scene.client.default_routes().unwrap().len(), 1);
}

#[test]
fn a_second_onboot_run_asks_for_the_same_address_at_once() {
    let Some(_) = testbed(&["dnsmasq"]) else { return };
    let scene = Scene::new().unwrap();
    let _dnsmasq = scene.dnsmasq().unwrap();
    scene.oneshot(&dhcp()).unwrap();
    let capture = Capture::start(&scene.client).unwrap();
    let mut second = scene.oneshot(&dhcp()).unwrap();
    assert!(second.wait_exit(SOON).unwrap().success(), "{}", second.text());
    let kinds: Vec<_> = capture.messages().iter().filter_map(|seen| seen.message.kind()).collect();
    assert_eq!(kinds, [Kind::Request, Kind::Ack], "{}", capture.time_line());
}

// RFC 2131 section 3.2 item 3: refused in INIT-REBOOT, "the client … must restart the configuration process".
#[test]
fn a_refused_reboot_gives_up_the_address_and_takes_another() {
    let Some(_) = testbed(&[]) else { return };
    for (what, nak) in [
        ("by the server that leased it", Template::nak(SERVER)),
        ("by another", Template::nak(Ipv4Addr::new(192, 0, 2, 9))),
        ("without saying by whom", Template::nak(SERVER).without(code::SERVER_ID)),
    ] {
        let scene = Scene::new().unwrap();
        let rogue = scene.rogue(Script::serve(&lease_of(600))).unwrap();
        scene.oneshot(&dhcp()).unwrap();
        let other = Lease { address: OTHER, ..lease_of(600) };
        rogue.set(Script::serve(&other).first(1, Phase::Rebooting, [nak]));
        let service = dhcp().start(&scene.client).unwrap();
        has(&scene.client, OTHER).unwrap_or_else(|error| panic!("{what}: {error:#}\n{}", service.text()));
        let all: Vec<_> = scene.client.addresses("eth0").unwrap().iter().map(|address| address.address).collect();
        assert_eq!(all, [OTHER], "{what}");
        let mut phases: Vec<_> = rogue.asked().iter().map(|asked| asked.phase).collect();
        phases.dedup();
        assert_eq!(
            phases,
            [Phase::Discover, Phase::Selecting, Phase::Rebooting, Phase::Discover, Phase::Selecting],
            "{what}"
        );
    }
}

#[test]
fn a_reboot_that_nobody_answers_becomes_a_discovery_while_the_address_stays() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    let rogue = scene.rogue(Script::serve(&lease_of(600))).unwrap();
    scene.oneshot(&dhcp()).unwrap();
    rogue.set(Script::serve(&lease_of(600)).without(Phase::Rebooting));
    let monitor = Monitor::start(&scene.client).unwrap();
    let _service = dhcp().start(&scene.client).unwrap();
    let discover = rogue.wait_for(Phase::Discover, 2, SOON).unwrap();
    assert_eq!(
        discover.message.address_option(code::REQUESTED_ADDRESS),
        Some(ADDRESS),
        "the old address is wished for"
    );
    rogue.wait_for(Phase::Selecting, 2, SOON).unwrap();
    assert_eq!(leased(&scene.client).unwrap().address, ADDRESS);
    assert!(monitor.deletions().unwrap().is_empty(), "{:?}", monitor.deletions());
}

#[test]
fn a_lease_file_that_cannot_be_read_is_named_and_a_new_lease_taken() {
    let Some(_) = testbed(&["dnsmasq"]) else { return };
    for (what, content) in [
        ("rubbish", b"\x00\xff\x1b[2Jrubbish".to_vec()),
        ("nothing", Vec::new()),
        ("a megabyte", vec![b'a'; 1 << 20]),
        ("half of one", b"version = 1\n[lease]\naddr = \"192.0.2.77\"\n".to_vec()),
        ("one with commands", b"addr = \"$(reboot)\"\n".to_vec()),
    ] {
        let scene = Scene::new().unwrap();
        let _dnsmasq = scene.dnsmasq().unwrap();
        scene.client.write(LEASE_FILE, content).unwrap();
        let capture = Capture::start(&scene.client).unwrap();
        let mut run = scene.oneshot(&dhcp()).unwrap();
        assert!(run.wait_exit(SOON).unwrap().success(), "{what}: {}", run.text());
        assert_eq!(leased(&scene.client).unwrap().address, ADDRESS, "{what}");
        assert!(!capture.of_kind(Kind::Discover).is_empty(), "{what}: a fresh start");
        let said = run.stderr();
        assert!(
            said.lines().any(|line| line.contains("lease.eth0") || line.contains("lease file")),
            "{what} is passed over in silence:\n{said}"
        );
        assert!(!said.contains('\x1b'), "{what}: control characters reach the log");
        let now = scene.client.read(LEASE_FILE).unwrap();
        assert!(now.contains("192.0.2.77") && now.len() < 4096, "{what} is replaced by a good one");
    }
}

#[test]
fn a_lease_that_ended_while_nobody_watched_is_not_used_again() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    let rogue = scene.rogue(Script::serve(&lease_of(3))).unwrap();
    scene.oneshot(&dhcp()).unwrap();
    // The kernel itself takes the address away at the end of its lifetime.
    unleased(&scene.client).unwrap();
    rogue.set(Script::serve(&lease_of(600)).without(Phase::Rebooting));
    let monitor = Monitor::start(&scene.client).unwrap();
    let _service = dhcp().start(&scene.client).unwrap();
    rogue.wait_for(Phase::Selecting, 2, SOON).unwrap();
    let came = leased(&scene.client).unwrap();
    assert!(came.valid > Some(500), "{came:?}");
    assert_eq!(monitor.address_updates().unwrap(), 1, "only the new lease was put in force");
}

#[test]
fn the_configuration_stays_when_the_service_ends() {
    let Some(_) = testbed(&["dnsmasq"]) else { return };
    let scene = Scene::new().unwrap();
    let _dnsmasq = scene.dnsmasq().unwrap();
    let mut service = scene.service(&dhcp()).unwrap();
    let monitor = Monitor::start(&scene.client).unwrap();
    service.signal(nix::sys::signal::Signal::SIGTERM).unwrap();
    let status = service.wait_exit(Duration::from_secs(2)).unwrap();
    assert_eq!(status.code(), Some(0), "{}", service.text());
    assert!(monitor.deletions().unwrap().is_empty() && leased(&scene.client).unwrap().address == ADDRESS);
    assert!(scene.client.processes().unwrap().is_empty(), "{:?}", scene.client.processes());
}
