//! The plan once more, for settings that have come and gone since.

use orlop_sysctl_contract::{Dialect, Notice, Request, Rules};
use orlop_sysctl_core::Reader;
use proptest::prelude::*;

use crate::stage::{Tree, answered, play, play_with};

const TEXT: &str =
    "net.ipv4.conf.*.x = 1\n-net.ipv4.conf.lo.x\nnet.ipv4.conf.eth0.x = 2\nvm.none.* = 3\nwhat\nvm.a = 4\n";

fn rules(again: bool) -> Rules {
    Rules { again, ..Rules::default() }
}

/// What is planned, without what is asked and said about it.
fn steps(said: &[Request]) -> Vec<Request> {
    said.iter().filter(|request| matches!(request, Request::Steps(_))).cloned().collect()
}

#[test]
fn the_plan_is_made_anew_for_what_is_there_now_and_nothing_is_said_twice() {
    let mut reader = Reader::default();
    let texts = [vec![TEXT.as_bytes()]];
    let first = Tree::new(["net/ipv4/conf/lo/x", "net/ipv4/conf/eth0/x"]);
    let findings = |said: &[Request]| said.iter().filter(|request| matches!(request, Request::Finding(_))).count();
    let said = play_with(&mut reader, &first, &rules(true), &texts);
    assert_eq!(findings(&said), 2, "a line that is none, and a pattern that matches nothing");
    for paths in [
        &["net/ipv4/conf/lo/x", "net/ipv4/conf/eth0/x", "net/ipv4/conf/wan0/x", "vm/none/y"][..],
        &["net/ipv4/conf/wan0/x"],
        &[],
    ] {
        let tree = Tree::new(paths.iter().copied());
        let again = answered(&mut reader, &tree, Notice::Again);
        assert_eq!(steps(&again), steps(&play(&tree, &rules(false), &texts)), "{paths:?}");
        assert_eq!(findings(&again), 0, "{paths:?}");
    }
}

#[test]
fn who_was_not_told_to_remember_does_not_and_who_is_busy_does_not_begin_anew() {
    let (tree, texts) = (Tree::default(), [vec![TEXT.as_bytes()]]);
    let mut reader = Reader::default();
    play_with(&mut reader, &tree, &rules(false), &texts);
    assert_eq!(reader.handle(Notice::Again), []);
    let mut reader = Reader::default();
    let _rules = reader.handle(Notice::Rules(rules(true)));
    assert_eq!(reader.handle(Notice::Again), [], "before the texts");
    let bytes = TEXT.bytes().collect();
    let _finding = reader.handle(Notice::Text { source: 0, bytes, last: true });
    assert!(matches!(reader.handle(Notice::EndOfTexts).as_slice(), [Request::List(_)]));
    assert_eq!(reader.handle(Notice::Again), [], "while it waits for an answer");
}

proptest! {
    #[test]
    fn a_second_plan_is_the_first_one_where_nothing_has_changed(
        lines in prop::collection::vec(prop::sample::select(TEXT.lines().collect::<Vec<_>>()), 0..8),
        paths in prop::collection::vec("(net/ipv4/conf/(lo|eth0|wan0)/x|vm/(a|none/y))", 0..5),
        linuxkit: bool,
    ) {
        let dialect = if linuxkit { Dialect::LinuxKit } else { Dialect::SysctlD };
        let rules = Rules { dialect, ..rules(true) };
        let tree = Tree::new(paths.iter().map(String::as_str));
        let mut reader = Reader::default();
        let text = lines.join("\n");
        let first = play_with(&mut reader, &tree, &rules, &[vec![text.as_bytes()]]);
        for _ in 0..2 {
            prop_assert_eq!(steps(&answered(&mut reader, &tree, Notice::Again)), steps(&first));
        }
    }
}
