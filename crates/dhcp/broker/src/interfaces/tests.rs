//! Against the kernel, each in a network namespace of its own.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use orlop_testbed::{Host, Testbed, Wire};

use super::*;
use crate::config::Pattern;

/// On a machine whose processors are all busy.
const PATIENCE: Duration = Duration::from_secs(5);

fn selection(allow: &str) -> Selection {
    Selection { allow: vec![Pattern::new(allow).unwrap()], deny: Vec::new() }
}

/// Runs `work` with a stream of `eth*` in the namespace of `host`.
fn watching<T: Send + 'static>(
    host: &Host,
    work: impl AsyncFnOnce(&mut Interfaces) -> Result<T> + Send + 'static,
) -> Result<T> {
    host.inside(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let mut interfaces = Interfaces::open(selection("eth*"))?;
            work(&mut interfaces).await
        })
    })
}

async fn next(interfaces: &mut Interfaces) -> Result<LinkEvent> {
    Ok(tokio::time::timeout(PATIENCE, interfaces.next()).await.context("no event came")??)
}

/// The events up to and with the end of the list.
async fn listed(interfaces: &mut Interfaces) -> Result<Vec<LinkEvent>> {
    let mut events = Vec::new();
    loop {
        let event = next(interfaces).await?;
        if event == LinkEvent::Listed {
            return Ok(events);
        }
        events.push(event);
    }
}

/// The names of added links, and anything else as it is.
fn names(events: &[LinkEvent]) -> Vec<String> {
    let name = |event: &LinkEvent| {
        if let LinkEvent::Added(link) = event { link.name.to_string() } else { format!("{event:?}") }
    };
    events.iter().map(name).collect()
}

#[test]
fn an_interface_exists_or_not() {
    assert!(exists("lo") && !exists("nosuch0") && !exists("far-too-long-for-a-name"));
}

#[test]
fn the_list_has_the_matching_ethernet_links_and_no_others() -> Result<()> {
    if Testbed::with(&["ip"]).is_none() {
        return Ok(());
    }
    let (host, peer) = (Host::new("client")?, Host::new("server")?);
    Wire::veth_up(&host, "eth0", &peer, "eth0")?;
    Wire::veth(&host, "eth1", &peer, "eth1")?;
    Wire::veth_up(&host, "wan0", &peer, "wan0")?;
    Wire::veth_up(&host, "eth2", &peer, "eth2")?;
    host.add_bridge("br0", &["eth2".to_owned()])?;
    let (events, took) = watching(&host, async |interfaces| {
        let start = Instant::now();
        let events = listed(interfaces).await?;
        Ok((events, start.elapsed()))
    })?;
    eprintln!("listed in {took:?}");
    assert_eq!(names(&events), ["eth0", "eth1"], "not lo, wan0, br0, nor the bridge's port eth2");
    let carriers: Vec<bool> =
        events.iter().map(|event| matches!(event, LinkEvent::Added(link) if link.carrier)).collect();
    assert_eq!(carriers, [true, false]);
    let LinkEvent::Added(link) = &events[0] else { panic!("not added: {events:?}") };
    assert_eq!(link.hardware.0, host.mac("eth0")?);
    assert_eq!(link.index.get(), host.link("eth0")?.ifindex);
    Ok(())
}

#[test]
fn what_becomes_of_a_link_is_told_in_order() -> Result<()> {
    if Testbed::with(&["ip"]).is_none() {
        return Ok(());
    }
    let (host, peer) = (Host::new("client")?, Host::new("server")?);
    let namespace = (host.pid(), peer.pid());
    let events = watching(&host, async move |interfaces| {
        let ip = |net: u32, args: &str| -> Result<()> {
            let words = ["--net", "--target"].map(str::to_owned).into_iter().chain([net.to_string(), "ip".to_owned()]);
            let words: Vec<String> = words.chain(args.split(' ').map(str::to_owned)).collect();
            let status = std::process::Command::new("nsenter").args(words).status()?;
            anyhow::ensure!(status.success(), "ip {args}: {status}");
            Ok(())
        };
        let (own, other) = namespace;
        let mut events = listed(interfaces).await?;
        assert_eq!(events, [], "nothing there yet");

        ip(own, &format!("link add eth0 type veth peer name eth0 netns {other}"))?;
        events.push(next(interfaces).await?);
        ip(other, "link set eth0 up")?;
        ip(own, "link set eth0 up")?;
        events.push(next(interfaces).await?);
        ip(other, "link set eth0 down")?;
        events.push(next(interfaces).await?);
        ip(own, "link set eth0 down")?;
        ip(own, "link set eth0 name eth7")?;
        events.push(next(interfaces).await?);
        ip(own, "link set eth7 mtu 1400")?;
        events.push(next(interfaces).await?);
        ip(own, "link delete eth7")?;
        events.push(next(interfaces).await?);
        Ok(events)
    })?;
    let told: Vec<&str> = events
        .iter()
        .map(|event| match event {
            LinkEvent::Added(link) if !link.carrier => "added without carrier",
            LinkEvent::Carrier { up: true, .. } => "carrier",
            LinkEvent::Carrier { up: false, .. } => "no carrier",
            LinkEvent::Renamed { name, .. } if name.as_str() == "eth7" => "renamed",
            LinkEvent::Mtu { mtu: 1400, .. } => "mtu",
            LinkEvent::Removed(_) => "removed",
            LinkEvent::Added(_)
            | LinkEvent::Renamed { .. }
            | LinkEvent::Mtu { .. }
            | LinkEvent::Listed
            | LinkEvent::TooMany(_) => "something else",
        })
        .collect();
    assert_eq!(told, ["added without carrier", "carrier", "no carrier", "renamed", "mtu", "removed"]);
    Ok(())
}

#[test]
fn changes_that_the_kernel_had_to_drop_are_made_up_for() -> Result<()> {
    if Testbed::with(&["ip"]).is_none() {
        return Ok(());
    }
    let (host, peer) = (Host::new("client")?, Host::new("server")?);
    Wire::veth(&host, "eth0", &peer, "eth0")?;
    let (own, other) = (host.pid(), peer.pid());
    let (events, mut left) = watching(&host, async move |interfaces| {
        // Room for two or three messages.
        interfaces.socket.socket_mut().set_rx_buf_sz(2048_i32)?;
        let before = listed(interfaces).await?;
        assert_eq!(names(&before), ["eth0"]);
        // Nobody reads while all this happens.
        let script = format!(
            "for n in 1 2 3 4 5 6 7 8; do ip link add eth$n type veth peer name eth$n netns {other}; done; \
             ip link delete eth0; ip link delete eth3"
        );
        let status = std::process::Command::new("nsenter")
            .args(["--net", "--target", &own.to_string(), "sh", "-ec", &script])
            .status()?;
        anyhow::ensure!(status.success(), "{status}");
        // `Listed` a second time: the kernel did drop changes, and the list was read again.
        let events = listed(interfaces).await?;
        let left: Vec<String> = interfaces.links().map(|link| link.name.to_string()).collect();
        Ok((events, left))
    })?;
    assert!(events.iter().any(|event| matches!(event, LinkEvent::Removed(_))), "{events:?}");
    left.sort();
    assert_eq!(left, ["eth1", "eth2", "eth4", "eth5", "eth6", "eth7", "eth8"]);
    Ok(())
}

#[test]
fn another_selection_takes_effect_at_once() -> Result<()> {
    if Testbed::with(&["ip"]).is_none() {
        return Ok(());
    }
    let (host, peer) = (Host::new("client")?, Host::new("server")?);
    Wire::veth(&host, "eth0", &peer, "eth0")?;
    Wire::veth(&host, "wan0", &peer, "wan0")?;
    let events = watching(&host, async |interfaces| {
        let _ = listed(interfaces).await?;
        interfaces.select(selection("wan*"));
        listed(interfaces).await
    })?;
    assert!(matches!(&events[..], [LinkEvent::Removed(_), LinkEvent::Added(link)] if link.name.as_str() == "wan0"));
    Ok(())
}
