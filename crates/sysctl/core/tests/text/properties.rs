//! Properties of the whole: any bytes, any cuts, any rules.

use proptest::prelude::*;

use crate::targets;

/// Lines that mean something, and pieces of them.
fn line() -> impl Strategy<Value = String> {
    let key = prop::sample::select(vec![
        "net.ipv4.conf.*.rp_filter",
        "net/ipv4/conf/eth0.100/rp_filter",
        "net.ipv4.conf.eth0.100.rp_filter",
        "net.ipv4.conf.eth?.rp_filter",
        "net.*.*.*.rp_filter",
        "vm.swappiness",
        "vm.*",
        "vm/[a-s]*",
        "*",
        "kernel.modules_disabled",
        "net.ipv4.ip_forward",
        "no.such.key",
        "a..b",
        "../x",
        "[",
    ]);
    let dash = prop::sample::select(vec!["", "-"]);
    let value = prop::sample::select(vec!["", "=", " = 1", "=2", " = 1 # one", " = a=b", "= 1\0", " 1", "\r"]);
    (dash, key, value).prop_map(|(dash, key, value)| format!("{dash}{key}{value}"))
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        8 => line(),
        1 => prop::sample::select(vec!["# orlop: at-least", "# orlop: x", "#", "", ";", "\u{feff}", "\u{1c}"]).prop_map(str::to_owned),
    ];
    prop::collection::vec(line, 0..12).prop_map(|lines| lines.join("\n").into_bytes())
}

proptest! {
    #[test]
    fn any_bytes_give_a_plan(data: Vec<u8>) {
        targets::text(&data);
        targets::request(&data);
    }

    #[test]
    fn any_settings_cut_anywhere_give_the_same_plan(
        how in 0_u8..4,
        cuts in prop::collection::vec(0_u16..300, 0..8),
        text in text(),
    ) {
        let places: Vec<u8> = cuts.iter().flat_map(|cut| cut.to_be_bytes()).collect();
        let count = u8::try_from(cuts.len()).unwrap();
        targets::text(&[&[how, count][..], &places, &text].concat());
    }
}
