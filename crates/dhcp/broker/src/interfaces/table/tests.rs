use orlop_dhcp_contract::HardwareAddr;

use super::*;
use crate::config::Pattern;

fn selection(allow: &str) -> Selection {
    Selection { allow: vec![Pattern::new(allow).unwrap()], deny: Vec::new() }
}

fn index(number: u32) -> IfIndex {
    IfIndex::new(number).unwrap()
}

fn name(text: &str) -> InterfaceName {
    InterfaceName::new(text).unwrap()
}

fn link(number: u32, text: &str) -> Link {
    let [.., low] = number.to_be_bytes();
    let hardware = HardwareAddr([2, 0, 0, 0, 0, low]);
    Link { index: index(number), name: name(text), hardware, mtu: 1500, up: true, carrier: true }
}

fn seen(link: Link) -> Seen {
    Seen { index: link.index, hardware: Some(link.hardware), usable: Some(link) }
}

fn unusable(number: u32) -> Seen {
    Seen { index: index(number), hardware: None, usable: None }
}

#[test]
fn only_differences_become_events() {
    let mut table = Table::new(selection("eth*"));
    let before = link(2, "eth0");
    let renamed = Link { name: name("eth7"), ..before.clone() };
    let unplugged = Link { carrier: false, mtu: 9000, ..renamed.clone() };
    let other_card = Link { hardware: HardwareAddr([2, 9, 9, 9, 9, 9]), ..unplugged.clone() };
    for (what, now, want) in [
        ("new", seen(before.clone()), vec![LinkEvent::Added(before.clone())]),
        ("told again", seen(before), vec![]),
        ("renamed", seen(renamed), vec![LinkEvent::Renamed { index: index(2), name: name("eth7") }]),
        (
            "unplugged, another MTU",
            seen(unplugged),
            vec![LinkEvent::Mtu { index: index(2), mtu: 9000 }, LinkEvent::Carrier { index: index(2), up: false }],
        ),
        (
            "another hardware address",
            seen(other_card.clone()),
            vec![LinkEvent::Removed(index(2)), LinkEvent::Added(other_card.clone())],
        ),
        ("put into a bridge", unusable(2), vec![LinkEvent::Removed(index(2))]),
        ("still in the bridge", unusable(2), vec![]),
        ("out of the bridge", seen(other_card.clone()), vec![LinkEvent::Added(other_card.clone())]),
        (
            "renamed to something that is not ours",
            seen(Link { name: name("wan0"), ..other_card.clone() }),
            vec![LinkEvent::Removed(index(2))],
        ),
        ("never ours", seen(link(3, "wlan0")), vec![]),
    ] {
        assert_eq!(table.saw(now), want, "{what}");
    }
}

#[test]
fn a_link_that_is_gone_is_removed_once() {
    let mut table = Table::new(selection("eth*"));
    let _ = table.saw(seen(link(2, "eth0")));
    assert_eq!(table.gone(unusable(2)), [LinkEvent::Removed(index(2))]);
    assert_eq!(table.gone(unusable(2)), []);
}

#[test]
fn a_second_list_brings_only_what_was_missed() {
    let mut table = Table::new(selection("eth*"));
    for number in [2, 3] {
        let _ = table.saw(seen(link(number, &format!("eth{number}"))));
    }
    table.begin_list();
    assert_eq!(table.saw(seen(link(3, "eth3"))), []);
    assert_eq!(table.saw(seen(link(4, "eth4"))), [LinkEvent::Added(link(4, "eth4"))]);
    assert_eq!(table.end_list(), [LinkEvent::Removed(index(2)), LinkEvent::Listed]);
    let left: Vec<u32> = table.links().map(|link| link.index.get()).collect();
    assert_eq!(left, [3, 4]);
}

#[test]
fn a_change_while_the_list_is_read_counts() {
    let mut table = Table::new(selection("eth*"));
    table.begin_list();
    let _ = table.saw(seen(link(2, "eth2")));
    let _ = table.saw(seen(link(3, "eth3")));
    let _ = table.gone(unusable(2));
    assert_eq!(table.end_list(), [LinkEvent::Listed]);
    assert_eq!(table.links().count(), 1);
}

#[test]
fn another_selection_removes_what_it_does_not_want() {
    let mut table = Table::new(selection("*"));
    for (number, text) in [(2, "eth0"), (3, "wan0")] {
        let _ = table.saw(seen(link(number, text)));
    }
    assert_eq!(table.select(selection("wan*")), [LinkEvent::Removed(index(2))]);
    assert_eq!(table.saw(seen(link(2, "eth0"))), []);
}

#[test]
fn links_beyond_the_bound_wait_until_there_is_room() {
    let mut table = Table::new(selection("eth*"));
    let bound = u32::try_from(MAX_LINKS).unwrap();
    for number in 1..=bound {
        assert!(matches!(table.saw(seen(link(number, &format!("eth{number}"))))[..], [LinkEvent::Added(_)]));
    }
    let extra = link(bound + 1, "ethx");
    assert_eq!(table.saw(seen(extra.clone())), [LinkEvent::TooMany(name("ethx"))]);
    assert!(!table.has_room_again());
    let _ = table.gone(unusable(1));
    assert!(table.has_room_again(), "a list would now show the link that was left alone");
    table.begin_list();
    assert_eq!(table.saw(seen(extra.clone())), [LinkEvent::Added(extra)]);
}

#[test]
fn the_hardware_addresses_of_all_links_are_known_whether_or_not_they_are_ours() {
    let mut table = Table::new(selection("eth*"));
    let of = |last| HardwareAddr([2, 0, 0, 0, 0, last]);
    let other = |number, last| Seen { index: index(number), hardware: Some(of(last)), usable: None };
    table.begin_list();
    for seen in [other(1, 9), unusable(5), seen(link(2, "eth0")), other(6, 9), other(7, 2), other(8, 8)] {
        let _ = table.saw(seen);
    }
    let _ = table.end_list();
    assert_eq!(table.hardware(), [of(2), of(9), of(8)], "ours first, each once");
    let _ = table.gone(other(8, 8));
    assert_eq!(table.hardware(), [of(2), of(9)], "one is gone");
    table.begin_list();
    let _ = table.saw(seen(link(2, "eth0")));
    let _ = table.end_list();
    assert_eq!(table.hardware(), [of(2)], "the list does not show the others any more");
    let _ = table.saw(unusable(2));
    assert_eq!(table.hardware(), [], "it has none any more");
}
