//! Against the kernel, each in a network namespace of its own.

use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::Result;
use orlop_dhcp_contract::{Ask, HardwareAddr, UnicastAddr};
use orlop_testbed::{Capture, Host, Kind, Testbed, Wire};

use super::*;

/// On a machine whose processors are all busy.
const PATIENCE: Duration = Duration::from_secs(5);

fn unicast(last: u8) -> UnicastAddr {
    UnicastAddr::new(Ipv4Addr::new(192, 0, 2, last)).unwrap()
}

/// Two hosts on a wire; the second has 192.0.2.1.
fn hosts() -> Result<Option<(Host, Host)>> {
    if Testbed::with(&["ip"]).is_none() {
        return Ok(None);
    }
    let (client, server) = (Host::new("client")?, Host::new("server")?);
    Wire::veth_up(&client, "eth0", &server, "eth0")?;
    server.add_address("eth0", "192.0.2.1/24")?;
    Ok(Some((client, server)))
}

fn send(client: &Host, asks: Vec<Ask>) -> Result<Vec<Result<(), String>>> {
    let link = IfIndex::new(client.link("eth0")?.ifindex).expect("an interface has an index");
    let speaker = Speaker {
        hardware: HardwareAddr(client.mac("eth0")?),
        client_id: [1, 2, 3].into_iter().collect(),
        hostname: None,
        want_hostname: true,
        vendor_class: None,
        mtu: 1500,
    };
    client.inside(move || {
        let transmit = Transmit::open()?;
        let eth0 = InterfaceName::new("eth0").expect("a name");
        let _held = Port::open(&eth0)?;
        Ok(asks
            .into_iter()
            .map(|ask| {
                let transmission = Transmission { link, xid: 7, secs: 1, broadcast: false, want_mtu: true, ask };
                transmit.send(&eth0, &speaker, &transmission).map_err(|error| error.to_string())
            })
            .collect())
    })
}

#[test]
fn a_discover_leaves_without_any_address_and_reaches_everybody() -> Result<()> {
    let Some((client, server)) = hosts()? else { return Ok(()) };
    let capture = Capture::start(&server)?;
    assert_eq!(send(&client, vec![Ask::Discover { requested: None, rapid_commit: false }])?, [Ok(())]);
    let seen = capture.wait_for("the DISCOVER", PATIENCE, |seen| seen.message.xid == 7)?;
    assert_eq!((seen.source, seen.destination), (Ipv4Addr::UNSPECIFIED, Ipv4Addr::BROADCAST));
    assert_eq!(seen.source_mac, client.mac("eth0")?);
    assert_eq!(capture.of_kind(Kind::Discover).len(), 1);
    Ok(())
}

#[test]
fn a_renewal_goes_from_our_address_to_the_server_alone() -> Result<()> {
    let Some((client, server)) = hosts()? else { return Ok(()) };
    // An operator's address, which the kernel would prefer.
    client.add_address("eth0", "192.0.2.200/24")?;
    client.add_address("eth0", "192.0.2.9/24")?;
    let capture = Capture::start(&server)?;
    assert_eq!(send(&client, vec![Ask::Renew { ciaddr: unicast(9), server: unicast(1) }])?, [Ok(())]);
    let seen = capture.wait_for("the REQUEST", PATIENCE, |seen| seen.message.xid == 7)?;
    assert_eq!((seen.source, seen.destination), (unicast(9).get(), unicast(1).get()));
    assert_eq!(seen.message.ciaddr, unicast(9).get());
    Ok(())
}

#[test]
fn what_cannot_be_sent_is_an_error_and_not_the_end() -> Result<()> {
    let Some((client, server)) = hosts()? else { return Ok(()) };
    let asks = vec![
        Ask::Discover { requested: None, rapid_commit: false },
        Ask::Renew { ciaddr: unicast(9), server: unicast(1) },
    ];
    let refused = || Err(format!("cannot send on interface {}", 2));
    assert_eq!(client.link("eth0")?.ifindex, 2);
    assert_eq!(send(&client, asks.clone())?, [Ok(()), refused()], "the address is not ours");
    client.add_address("eth0", "192.0.2.9/24")?;
    client.link_down("eth0")?;
    assert_eq!(send(&client, asks.clone())?, [refused(), refused()]);
    client.link_up("eth0")?;
    assert_eq!(send(&client, asks)?, [Ok(()), Ok(())]);
    drop(server);
    Ok(())
}

#[test]
fn a_held_port_swallows_what_arrives_and_a_free_one_is_unreachable() -> Result<()> {
    let Some((client, server)) = hosts()? else { return Ok(()) };
    client.add_address("eth0", "192.0.2.9/24")?;
    // One socket for both probes: a child that another test starts keeps a closed one open until it execs.
    let probe = server.inside(|| {
        let probe = std::net::UdpSocket::bind("192.0.2.1:67")?;
        probe.connect("192.0.2.9:68")?;
        probe.set_read_timeout(Some(Duration::from_millis(300)))?;
        Ok(probe)
    })?;
    let answer = || -> Result<_> {
        probe.send(b"ACK")?;
        Ok(probe.recv(&mut [0; 1]).map_err(|error| error.kind()))
    };
    assert_eq!(answer()?, Err(io::ErrorKind::ConnectionRefused), "free");
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let (ready, is_ready) = std::sync::mpsc::channel::<()>();
    let holder = client.thread(move || {
        let _held = Port::open(&InterfaceName::new("eth0").expect("a name"))?;
        ready.send(())?;
        let _ = stopped.recv();
        Ok(())
    })?;
    is_ready.recv_timeout(PATIENCE)?;
    assert_eq!(answer()?, Err(io::ErrorKind::WouldBlock), "held");
    drop(stop);
    holder.join().expect("the holder does not panic")
}
