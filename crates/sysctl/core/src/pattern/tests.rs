use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;

#[test]
fn a_name_matches_as_in_glob() {
    for (what, pattern, name, want) in [
        ("itself", "eth0", "eth0", true),
        ("less", "eth0", "eth", false),
        ("more", "eth", "eth0", false),
        ("star for nothing", "eth*", "eth", true),
        ("star in the middle", "e*0", "eth10", true),
        ("star that must try again", "*ab", "aab", true),
        ("two stars", "*a*b", "xaxxb", true),
        ("two stars, no end", "*a*b", "xaxxbx", false),
        ("stars side by side", "a**b", "ab", true),
        ("one character", "eth?", "eth1", true),
        ("one character, none there", "eth?", "eth", false),
        ("one character of two bytes", "?", "é", true),
        ("a range", "eth[0-3]", "eth2", true),
        ("outside the range", "eth[0-3]", "eth4", false),
        ("not in the set", "eth[!0-3]", "eth4", true),
        ("not in the set, the other sign", "eth[^0-3]", "eth1", false),
        ("a bracket in brackets", "[]a]", "]", true),
        ("a hyphen at the start", "[-a]", "-", true),
        ("a hyphen at the end", "[a-]", "-", true),
        ("a hyphen escaped", r"[a\-c]", "b", false),
        ("a range backwards", "[z-a]", "m", false),
        ("an exclamation mark in brackets", "[a!]", "!", true),
        ("a star escaped", r"a\*", "a*", true),
        ("a star escaped, something else", r"a\*", "ab", false),
        ("a star in brackets", "[*]", "*", true),
        ("a dot at the start, by a star", "*", ".hidden", false),
        ("a dot at the start, by a question mark", "?a", ".a", false),
        ("a dot at the start, by a set", "[.]a", ".a", false),
        ("a dot at the start, by a dot", ".*", ".hidden", true),
        ("a dot at the start, escaped", r"\.*", ".hidden", true),
        ("a dot elsewhere", "eth0*", "eth0.100", true),
        ("nothing", "", "", true),
        ("star and nothing", "*", "", true),
    ] {
        assert_eq!(matches_name(pattern, name), want, "{what}");
        assert!(is_sound(pattern), "{what}");
    }
}

#[test]
fn a_star_does_not_cross_a_slash() {
    for (pattern, path, want) in [
        ("net/*/conf", "net/ipv4/conf", true),
        ("net/*", "net/ipv4/conf", false),
        ("*", "net/ipv4", false),
        ("net/*/*", "net/ipv4", false),
        ("*/*/*", "net/ipv4/conf", true),
    ] {
        assert_eq!(matches(pattern, path), want, "{pattern} and {path}");
    }
}

#[test]
fn a_pattern_that_cannot_be_understood_is_unsound() {
    let stars = "*a".repeat(200);
    for (what, pattern) in [
        ("open bracket", "eth["),
        ("open bracket with members", "eth[0-9"),
        ("a bracket that holds nothing", "eth[]"),
        ("a bracket that holds nothing else", "eth[!]"),
        ("closed in the next name", "eth[a/b]"),
        ("closed by an escaped bracket", r"eth[a\]"),
        ("backslash at the end", r"eth*\"),
        ("a class", "eth[[:digit:]]"),
        ("200 stars", &stars),
    ] {
        assert!(!is_sound(pattern), "{what}");
        let (start, _) = pattern.split_once(['[', '\\', '*']).unwrap();
        assert!(!matches(pattern, start), "{what}: it matches nothing");
    }
    assert!(is_pattern("a[") && is_pattern("a*") && is_pattern("a?") && !is_pattern("a]"));
}

#[test]
fn no_pattern_takes_long() {
    let name = "a".repeat(255);
    let (begun, pattern) = (Instant::now(), format!("{}b", "*aaaaaa".repeat(MAX_STARS)));
    for _ in 0..100 {
        assert!(!matches_name(&pattern, &name));
    }
    // Where stars multiply it would take centuries.
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

/// The definition, without any thought for time.
fn oracle(pattern: &[char], name: &[char]) -> bool {
    match (pattern, name) {
        ([], []) => true,
        (['*', pattern @ ..], name) => (0..=name.len()).any(|taken| oracle(pattern, &name[taken..])),
        (['?', pattern @ ..], [_, name @ ..]) => oracle(pattern, name),
        (['[', '!', member, ']', pattern @ ..], [c, name @ ..]) => member != c && oracle(pattern, name),
        (['[', low, '-', high, ']', pattern @ ..], [c, name @ ..]) => {
            (low..=high).contains(&c) && oracle(pattern, name)
        }
        ([own, pattern @ ..], [c, name @ ..]) => own == c && oracle(pattern, name),
        (_, _) => false,
    }
}

proptest! {
    #[test]
    fn the_fast_answer_is_the_right_one(
        pattern in prop::collection::vec(prop::sample::select(vec!["*", "?", "a", "b", "[!a]", "[a-b]", "[b-c]"]), 0..8),
        name in "[abc]{0,9}",
    ) {
        let pattern = pattern.concat();
        let chars = |text: &str| text.chars().collect::<Vec<_>>();
        prop_assert_eq!(matches_name(&pattern, &name), oracle(&chars(&pattern), &chars(&name)));
    }

    #[test]
    fn any_pattern_and_any_name_have_an_answer(pattern in r"[\[\]!^*?\\a.-]{0,12}|.{0,12}", name: String) {
        let _ = (is_sound(&pattern), matches(&pattern, &name), matches_name(&pattern, &pattern));
    }

    #[test]
    fn a_name_with_every_character_escaped_is_itself(name in ".{0,12}") {
        let pattern: String = name.chars().flat_map(|c| ['\\', c]).collect();
        prop_assert!(matches_name(&pattern, &name));
        prop_assert!(is_sound_name(&pattern));
    }
}
