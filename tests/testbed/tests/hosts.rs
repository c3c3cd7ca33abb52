//! Hosts, wires and what can be read of them.
#![allow(clippy::unwrap_used, reason = "a test says what failed by panicking")]

use std::net::{Ipv4Addr, UdpSocket};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use nix::sys::signal::Signal;
use orlop_testbed::state::{Item, PROTOCOL_DHCP};
use orlop_testbed::{Capture, Host, Monitor, Running, Testbed, Wire, eventually};

const SOON: Duration = Duration::from_secs(10);

fn gone(pid: u32) -> bool {
    !Path::new(&format!("/proc/{pid}")).exists()
}

#[test]
fn a_host_is_apart_from_the_machine_it_runs_on() {
    let Some(_) = Testbed::with(&[]) else { return };
    let before = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let host = Host::new("apart").unwrap();
    host.write("/run/here", "x").unwrap();
    host.write("/etc/here", "x").unwrap();
    host.shell("echo other > /proc/sys/kernel/hostname").unwrap();
    assert_eq!(host.run("hostname", &[]).unwrap(), "other\n");
    assert_eq!(std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap(), before);
    assert_eq!(host.links().unwrap().len(), 1, "only lo");
    assert!(!Path::new("/run/here").exists() && !Path::new("/etc/here").exists());
    assert!(host.write("/root/here", "x").is_err(), "what is shared is refused");
}

#[test]
fn a_dropped_host_leaves_no_process_behind() {
    let Some(_) = Testbed::with(&[]) else { return };
    let host = Host::new("dropped").unwrap();
    // A daemon that left its parent and its session.
    host.shell("setsid sleep 600 >/dev/null 2>&1 </dev/null & echo $! > /run/pid").unwrap();
    let daemon: u32 = host.read("/run/pid").unwrap().trim().parse().unwrap();
    assert_eq!(host.processes().unwrap().len(), 1);
    let holder = host.pid();
    drop(host);
    assert!(gone(holder), "the holder ended");
    eventually("the daemon's end", SOON, || Ok(gone(daemon).then_some(()))).unwrap();
}

#[test]
fn a_killed_caller_leaves_no_process_behind() {
    let Some(_) = Testbed::with(&[]) else { return };
    let script = "setsid sleep 600 >/dev/null 2>&1 </dev/null & echo daemon $!; echo parent $PPID; exec sleep 600";
    let mut caller =
        Running::start("orlop-host", Command::new(env!("CARGO_BIN_EXE_orlop-host")).args(["sh", "-c", script]))
            .unwrap();
    caller.wait_for("parent", SOON).unwrap();
    let daemon: u32 = caller.wait_for("daemon ", SOON).unwrap().text["daemon ".len()..].parse().unwrap();
    assert!(!gone(daemon));
    caller.signal(Signal::SIGKILL).unwrap();
    caller.wait_exit(SOON).unwrap();
    eventually("the daemon's end", SOON, || Ok(gone(daemon).then_some(()))).unwrap();
    assert!(
        caller.wait_for("never said", SOON).unwrap_err().to_string().contains("output ended"),
        "its child ended too"
    );
}

#[test]
fn addresses_and_routes_are_read_as_ip_set_them() {
    let Some(_) = Testbed::with(&[]) else { return };
    let host = Host::new("state").unwrap();
    Wire::veth_up(&host, "eth0", &host, "eth1").unwrap();
    let monitor = Monitor::start(&host).unwrap();
    host.shell(
        "ip address add 192.0.2.9/24 broadcast 192.0.2.255 dev eth0 valid_lft 100 preferred_lft 50
         ip route add default via 192.0.2.1 dev eth0 proto dhcp metric 1002 mtu 1400
         ip route add 10.9.0.0/16 via 203.0.113.1 dev eth0 onlink table 7",
    )
    .unwrap();
    let [address] = <[_; 1]>::try_from(host.addresses("eth0").unwrap()).unwrap();
    assert_eq!((address.address, address.prefix), (Ipv4Addr::new(192, 0, 2, 9), 24));
    assert_eq!(address.broadcast, Some(Ipv4Addr::new(192, 0, 2, 255)));
    assert!(
        (95..=100).contains(&address.valid.unwrap()) && (45..=50).contains(&address.preferred.unwrap()),
        "{address:?}"
    );
    let [default] = <[_; 1]>::try_from(host.default_routes().unwrap()).unwrap();
    assert_eq!(
        (default.gateway, default.metric, default.protocol, default.mtu),
        (Some(Ipv4Addr::new(192, 0, 2, 1)), 1002, PROTOCOL_DHCP, Some(1400))
    );
    let far = host.routes().unwrap().into_iter().find(|route| route.table == 7).unwrap();
    assert!(far.onlink && far.destination == (Ipv4Addr::new(10, 9, 0, 0), 16), "{far:?}");

    assert!(monitor.deletions().unwrap().is_empty());
    host.run("ip", &["route", "delete", "10.9.0.0/16", "table", "7"]).unwrap();
    host.run("ip", &["address", "flush", "dev", "eth0"]).unwrap();
    monitor
        .wait_for("the address going", SOON, |change| change.deleted && matches!(change.item, Item::Address(_)))
        .unwrap();
    // The kernel also takes away the routes it made for the address, and says so.
    let deletions = monitor.deletions().unwrap();
    assert_eq!(deletions[0], Item::Route(far));
    assert!(matches!(&deletions[1], Item::Address(deleted) if deleted.address == address.address), "{deletions:?}");
}

#[test]
fn taking_one_end_down_takes_the_carrier_of_the_other() {
    let Some(_) = Testbed::with(&[]) else { return };
    let (a, b) = (Host::new("a").unwrap(), Host::new("b").unwrap());
    Wire::veth_up(&a, "eth0", &b, "eth0").unwrap();
    eventually("the carrier", SOON, || Ok(a.link("eth0")?.carrier.then_some(()))).unwrap();
    b.link_down("eth0").unwrap();
    eventually("its loss", SOON, || Ok((!a.link("eth0")?.carrier).then_some(()))).unwrap();
    assert!(a.link("eth0").unwrap().up);
}

#[test]
fn many_wires_join_one_bridge() {
    let Some(_) = Testbed::with(&[]) else { return };
    let (client, server) = (Host::new("client").unwrap(), Host::new("server").unwrap());
    Wire::many(&client, "eth", &server, "port", 64).unwrap();
    let ports: Vec<String> = (0..64).map(|n| format!("port{n}")).collect();
    server.add_bridge("br0", &ports).unwrap();
    server.add_address("br0", "192.0.2.1/24").unwrap();
    client.link_up("eth63").unwrap();
    client.add_address("eth63", "192.0.2.2/24").unwrap();
    let capture = Capture::start(&server).unwrap();
    let send = || Ok(UdpSocket::bind("0.0.0.0:0")?.send_to(b"hello", "192.0.2.1:9")?);
    client.inside(send).unwrap();
    let heard = || {
        Ok(capture
            .frames()
            .iter()
            .any(|frame| frame.interface == "port63" && frame.frame.ends_with(b"hello"))
            .then_some(()))
    };
    eventually("the datagram", SOON, heard).unwrap();
}
