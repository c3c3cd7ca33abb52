//! Names that a container of the machine looks up, while the network changes: it asks the same server before and after it, which is the
//! resolver.

use std::net::Ipv4Addr;
use std::time::Duration;

use orlop_test_resolver::Server;
use orlop_test_vm::{Line, Meeting, Network, Step};
use orlop_testbed::eventually;

use crate::stage::{RESOLV_CONF, Stage, daemon, servers};

const SOON: u32 = 60;
/// Where machine and test meet.
const PLACE: (Ipv4Addr, u16) = (Ipv4Addr::new(192, 0, 2, 1), 2000);
/// The network's name servers, before and after, and where they say that the name is.
const SERVERS: [(&str, [u8; 4]); 2] = [("192.0.2.53", [203, 0, 113, 1]), ("192.0.2.54", [203, 0, 113, 2])];
const NAME: &str = "www.example.org";

fn lookup(name: &str, [a, b, c, d]: [u8; 4]) -> Step {
    Step::Lookup {
        resolv_conf: RESOLV_CONF.to_owned(),
        name: name.to_owned(),
        address: Ipv4Addr::new(a, b, c, d).to_string(),
        seconds: SOON,
    }
}

#[test]
fn a_container_finds_a_name_through_the_resolver_and_still_does_when_the_network_names_another_server() {
    let client = format!("/proc/1/root/containers/onboot/001-dhcpcd/rootfs/sbin/{}", daemon("dhcp").program);
    let [(first, before), (second, after)] = SERVERS;
    let steps = [
        Step::wait(RESOLV_CONF, "nameserver 127.0.0.53", SOON),
        lookup(NAME, before),
        Meeting::step(PLACE.0, PLACE.1),
        Step::until(&servers(), &format!("nameserver {second}"), SOON, &[&client, "renew"]),
        lookup(NAME, after),
        lookup("other.example.org", after),
        Step::read(RESOLV_CONF),
    ];
    let Some(stage) = Stage::new("names", Line::V6_12, &steps) else { return };
    let mut stage = stage.card(0).served(0, first);
    let host = stage.network.host();
    let meeting = Meeting::at(host, PLACE.0, PLACE.1).unwrap();
    let name_servers = SERVERS.map(|(at, address)| {
        host.add_address("tap0", &format!("{at}/24")).unwrap();
        Server::start(host, at, move |asked| vec![asked.address(1, address)]).unwrap()
    });

    let machine = stage.start();
    let arrived = meeting.arrived().unwrap();
    let asked_before = name_servers.each_ref().map(|server| server.times(NAME));
    // The service asks for its lease again when it begins, and is answered before that.
    eventually("the service's lease", Duration::from_secs(60), || {
        Ok((stage.network.servers_said().matches("DHCPACK").count() >= 2).then_some(()))
    })
    .unwrap();
    stage.network.serve_instead(&Network::server(0).option(&format!("option:dns-server,{second}"))).unwrap();
    drop(arrived);
    let seen = stage.end(machine).unwrap();

    assert!(seen.record.iter().all(|report| report.code == 0), "{:?}\n{}", seen.record, seen.console);
    let (conf_before, conf_after) = (&seen.record[0].out, &seen.record[6].out);
    assert_eq!(conf_before, conf_after, "what programs go by never changes");
    let [of_first, of_second] = asked_before;
    assert!(of_first > 0 && of_second == 0, "{asked_before:?}: the first one was asked, and only it");
    assert_eq!(name_servers[0].times("other.example.org"), 0, "nobody asks a server of the network before");
}
