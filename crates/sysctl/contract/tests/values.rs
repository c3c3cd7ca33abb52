//! What the values of the contract say of themselves: lines that are written, problems that are told, settings that hold.
#![allow(clippy::unwrap_used, reason = "a test says what failed by panicking")]

use orlop_sysctl_contract::{
    Class, Directory, Key, KeyError, Lock, MAX_LINE, MAX_LISTS, MAX_READING, MAX_SOURCE, MAX_TEXT, MAX_VALUE, Name,
    Origin, Policy, Prefix, Problem, Refused, Request, Rules, STEPS_AT_ONCE, Skipped, Step, TEXT_AT_ONCE, Value,
    ValueError, Want, holds, is_comparable, is_in_force,
};
use orlop_wire::{Str, decode, encode, max_size};

fn exactly(text: &str) -> Want {
    Want::Exactly(Value::new(text).unwrap())
}

fn step(path: &str, want: Want) -> Step {
    Step {
        key: Key::new(path).unwrap(),
        want,
        origin: Origin { source: 0, line: 1 },
        replaces: None,
        lenient: false,
        by_pattern: false,
    }
}

#[test]
fn what_is_written_is_the_value_and_a_line_end() {
    for (what, want, line) in [
        ("a text", exactly("|/bin/x  %p"), "|/bin/x  %p\n"),
        ("nothing", exactly(""), "\n"),
        ("a spelling", exactly("0x10"), "0x10\n"),
        ("a number that is wanted at least", Want::AtLeast(65_536), "65536\n"),
    ] {
        assert_eq!(want.line(), line, "{what}");
    }
}

#[test]
fn a_problem_is_an_error_when_the_line_is_of_no_effect() {
    let elsewhere = Origin { source: 2, line: 9 };
    for (problem, is_error, other) in [
        (Problem::NotText, true, None),
        (Problem::LongLine, true, None),
        (Problem::NoAssignment, true, None),
        (Problem::Key(KeyError::Relative), true, None),
        (Problem::Value(ValueError::TooLong), true, None),
        (Problem::Pattern, true, None),
        (Problem::NotANumber, true, None),
        (Problem::Directive(Str::truncated("at-most")), true, None),
        (Problem::TooMany, true, None),
        (Problem::CommentInValue, false, None),
        (Problem::NoMatch, false, None),
        (Problem::SetByName(elsewhere), false, Some(elsewhere)),
        (Problem::DidYouMean(Str::truncated("vm.swappiness")), false, None),
    ] {
        assert_eq!((problem.is_error(), problem.other()), (is_error, other), "{problem}");
    }
}

#[test]
fn a_key_that_was_perhaps_meant_is_told_as_it_is_typed() {
    let key = Key::new("net/ipv4/conf/eth0.100/rp_filter").unwrap();
    let told = Problem::did_you_mean(&key).to_string();
    assert_eq!(told, "there is no such key; did you mean net.ipv4.conf.eth0/100.rp_filter?");
}

#[test]
fn a_setting_holds_however_it_is_spelled_and_is_in_force_only_as_it_is_written() {
    for (what, want, now, holding, in_force) in [
        ("the number", exactly("10"), "10\n", true, true),
        ("the number in hexadecimal", exactly("0xa"), "10\n", true, false),
        ("another number", exactly("11"), "10\n", false, false),
        ("names in another order", exactly("b a"), "a b\n", true, false),
        ("one name, twice", exactly("a a"), "a\n", false, false),
        ("a mask, and a group of eight digits", exactly("0,deadbeef"), "deadbeef\n", true, false),
        ("a mask, and what the kernel would have said in full", exactly("0,f"), "f\n", false, false),
        ("at least, and more", Want::AtLeast(10), "11\n", true, true),
        ("at least, and as much", Want::AtLeast(10), "10\n", true, true),
        ("at least, and less", Want::AtLeast(10), "9\n", false, false),
    ] {
        assert_eq!((holds(&want, now), is_in_force(&want, now)), (holding, in_force), "{what}");
    }
}

#[test]
fn a_number_that_is_wanted_at_least_is_held_against_one_number_only() {
    for (what, want, before, comparable) in [
        ("a text against anything", exactly("a"), Some("1 2\n"), true),
        ("a text against nothing", exactly("a"), None, true),
        ("a number against a number", Want::AtLeast(1), Some("7\n"), true),
        ("a number against two", Want::AtLeast(1), Some("7\t8\n"), false),
        ("a number against a text", Want::AtLeast(1), Some("max\n"), false),
        ("a number against nothing", Want::AtLeast(1), None, false),
    ] {
        assert_eq!(is_comparable(&want, before), comparable, "{what}");
    }
}

#[test]
fn what_is_sent_is_what_was_made() {
    let mut buffer = [0; max_size::<Value>()];
    let value = Value::new("a b").unwrap();
    assert_eq!(encode(&value, &mut buffer), Ok(&b"\x03a b"[..]));
    assert_eq!((decode(b"\x03a b"), format!("{value:?}").as_str()), (Ok(value), "\"a b\""));
    assert!(decode::<Value>(b"\x02a\0").is_err());

    let mut buffer = [0; max_size::<Key>()];
    let key = Key::new("vm/swappiness").unwrap();
    assert_eq!(encode(&key, &mut buffer), Ok(&b"\x0dvm/swappiness"[..]));
    assert_eq!(encode(&key.parent(), &mut buffer), Ok(&b"\x02vm"[..]));
    assert_eq!(encode(&Name::new(key.name()).unwrap(), &mut buffer), Ok(&b"\x0aswappiness"[..]));
    assert_eq!(encode(&Directory::root(), &mut buffer), Ok(&b"\x00"[..]));
    assert_eq!(format!("{key:?}, {:?}", key.parent()), "\"vm/swappiness\", \"vm\"");
}

#[test]
fn a_key_has_as_many_names_and_bytes_as_allowed_and_no_more() {
    let (deep, deeper) = (["a"; 16].join("/"), ["a"; 17].join("/"));
    let (long, longer) = ("a".repeat(255), "a".repeat(256));
    for (what, path, want) in [
        ("16 names", &deep, Ok(())),
        ("17 names", &deeper, Err(KeyError::TooLong)),
        ("255 bytes", &long, Ok(())),
        ("256 bytes", &longer, Err(KeyError::TooLong)),
    ] {
        assert_eq!(Key::new(path).map(drop), want, "{what}");
        assert_eq!(Directory::new(path).map(drop), want, "{what}, as a folder");
    }
}

#[test]
fn what_is_permitted_says_what_it_is() {
    let rules = |prefixes: &[&str]| {
        let prefixes = prefixes.iter().map(|path| Prefix::new(Directory::new(path).unwrap())).collect();
        Rules { prefixes, ..Rules::default() }
    };
    for (what, path, lock, want) in [
        ("a setting", "vm/swappiness", false, (Class::Root, None, None)),
        ("a setting, with --lock", "vm/swappiness", true, (Class::Root, None, None)),
        ("a lock", "kernel/modules_disabled", false, (Class::Root, Some(Lock::Modules), Some(Skipped::NeedsLock))),
        ("a lock, with --lock", "kernel/modules_disabled", true, (Class::Root, Some(Lock::Modules), None)),
    ] {
        let asked = step(path, exactly("1"));
        let permitted = Policy::new(&rules(&["kernel", "vm"]), lock).permit(asked.clone()).unwrap();
        assert_eq!((permitted.class(), permitted.lock(), permitted.hold()), want, "{what}");
        assert_eq!(*permitted.step(), asked, "{what}");
    }
    assert_eq!([Skipped::NeedsLock.name(), Skipped::KeyMissing.name()], ["needs-lock", "key-missing"]);
}

#[test]
fn a_number_takes_no_room_and_what_was_refused_takes_none_either() {
    let (mut policy, page) = (Policy::new(&Rules::default(), false), "x".repeat(4096));
    for number in 0..MAX_TEXT / 4096 - 1 {
        let _permitted = policy.permit(step(&format!("k/{number}"), exactly(&page))).unwrap();
    }
    assert_eq!(policy.permit(step("k/0", exactly(&page))), Err(Refused::Twice));
    assert!(policy.permit(step("the/last/page", exactly(&page))).is_ok());
    assert!(policy.permit(step("a/number", Want::AtLeast(u64::MAX))).is_ok());
    assert_eq!(policy.permit(step("one/more", exactly("1"))), Err(Refused::TooMuch));
}

#[test]
fn bounds_are_as_large_as_their_reasons_say() {
    for (what, bound, least) in [
        ("the longest key and the longest value, with ` = ` between them, on a line", MAX_LINE, 255 + MAX_VALUE + 3),
        ("a list of five thousand settings of sixty bytes in a source", MAX_SOURCE, 5_000 * 60),
        ("the longest line in a source", MAX_SOURCE, MAX_LINE),
        ("the largest source among all", MAX_TEXT, MAX_SOURCE),
        ("fifty patterns through a thousand folders", MAX_LISTS, 50 * 1000),
        ("a hundred usual lines in a notice", TEXT_AT_ONCE, 100 * 60),
        ("two hundred usual settings in a request", STEPS_AT_ONCE, 200 * 60),
        ("a reading, which shows when a value goes on", 2 * MAX_VALUE, MAX_READING),
        ("the longest setting and what is said of it in a request", 2 * MAX_VALUE, max_size::<Request>()),
    ] {
        assert!(bound >= least, "{what}: {bound} is less than {least}");
    }
}
