use orlop_machine::Seed;
use orlop_resolver_contract::CacheSize;

use super::*;
use crate::query::Key;
use crate::reply::{Expected, Reply};

fn key(name: u16) -> Key {
    Key::new(&[&b"\x02"[..], &name.to_be_bytes().map(|byte| byte | 0x80), &[0]].concat(), 1, false, false)
}

/// An answer with one address of this life, and so many bytes of text.
fn stored(key: &Key, ttl: u32, text: usize) -> Stored {
    let question = [key.name(), &[0, 1, 0, 1]].concat();
    let text = [&[255][..], &[b'x'; 255]].concat().repeat(text / 256);
    let length = u16::try_from(text.len()).unwrap().to_be_bytes();
    let a = [b"\xc0\x0c\0\x01\0\x01", &ttl.to_be_bytes()[..], b"\0\x04\x01\x02\x03\x04"].concat();
    let txt = [b"\xc0\x0c\0\x10\0\x01", &ttl.to_be_bytes()[..], &length, &text].concat();
    let message = [&b"\0\x07\x80\0\0\x01\0\x02\0\0\0\0"[..], &question, &a, &txt].concat();
    match Reply::read(&message, Expected { id: 7, question: &question }, &Conduct::default()) {
        Ok(Reply::Answer(stored)) => stored,
        other => panic!("{other:?}"),
    }
}

fn at(secs: u64) -> Instant {
    Instant::from_nanos(0).after(Duration::from_secs(secs))
}

fn small() -> Cache {
    let conduct = Conduct { cache: CacheSize::MIN, ..Conduct::default() };
    Cache::new(&conduct, &mut Chance::new(Seed::from_bytes([1; 32])))
}

fn is_there(cache: &mut Cache, name: u16) -> bool {
    matches!(cache.find(at(0), &key(name)), Found::Fresh(..))
}

#[test]
fn it_never_holds_more_bytes_than_it_may() {
    let mut cache = small();
    for name in 0..2000 {
        let size = usize::from(name) * 37 % 4000;
        cache.insert(at(0), &key(name & 0x7f7f), stored(&key(name & 0x7f7f), 60, size));
        assert!(cache.status().bytes <= CacheSize::MIN.bytes());
    }
    let status = cache.status();
    assert!(status.evicted > 0 && status.bytes > CacheSize::MIN.bytes() / 2, "{status:?}");
    let bytes: usize = cache.slots.iter().flatten().map(|entry| cost(&entry.stored)).sum();
    assert_eq!(usize::try_from(status.bytes).unwrap(), bytes);
    assert_eq!(usize::try_from(status.entries).unwrap(), cache.slots.iter().flatten().count());
}

#[test]
fn what_is_asked_for_again_and_again_stays() {
    let mut cache = small();
    for name in 0..127 {
        cache.insert(at(0), &key(name), stored(&key(name), 60, 8000));
        assert!(is_there(&mut cache, 0), "{name}");
    }
    assert!(!is_there(&mut cache, 1), "what nobody asks for goes");
}

#[test]
fn an_answer_of_sixty_four_kilobytes_is_kept_and_one_that_has_no_room_is_not() {
    let mut cache = small();
    let large = stored(&key(1), 60, 65_000);
    assert!(large.size() > 64_000);
    cache.insert(at(0), &key(1), large.clone());
    assert!(is_there(&mut cache, 1));
    cache.limit = large.size();
    cache.insert(at(0), &key(1), large);
    assert!(!is_there(&mut cache, 1));
    assert_eq!((cache.status().entries, cache.status().bytes), (0, 0));
}

#[test]
fn what_is_new_takes_the_place_of_what_is_old() {
    let mut cache = small();
    cache.insert(at(0), &key(1), stored(&key(1), 60, 0));
    let before = cache.status();
    cache.insert(at(0), &key(1), stored(&key(1), 90, 0));
    assert_eq!(cache.status(), before);
    let Found::Fresh(found, 60) = cache.find(at(60), &key(1)) else { panic!("it lives longer now") };
    assert_eq!(found.lifetime(), 90);
}

#[test]
fn two_keys_with_one_hash_are_not_taken_for_each_other() {
    let mut cache = small();
    cache.insert(at(0), &key(1), stored(&key(1), 60, 0));
    let (first, second) = (cache.hash(&key(1)), cache.hash(&key(2)));
    let slot = cache.index.remove(&first).unwrap();
    cache.index.insert(second, slot);
    assert_eq!(cache.find(at(0), &key(2)), Found::Nothing);
}

#[test]
fn a_hash_is_different_in_every_process() {
    let other = Cache::new(&Conduct::default(), &mut Chance::new(Seed::from_bytes([2; 32])));
    assert_ne!(small().hash(&key(1)), other.hash(&key(1)));
}

#[test]
fn an_entry_takes_less_than_four_hundred_bytes() {
    let name = b"\x03www\x07example\x03com\0";
    let key = Key::new(name, 1, false, false);
    assert!(cost(&stored(&key, 60, 0)) < 300, "{}", cost(&stored(&key, 60, 0)));
}

/// Its bytes as an allocator rounds them up and with what that keeps of its own, its slot, and two places of the index.
#[test]
fn an_answer_counts_with_what_is_needed_to_find_it() {
    let answer = stored(&key(1), 60, 0);
    assert_eq!(answer.size(), 52);
    assert_eq!(cost(&answer), 64 + 16 + size_of::<Option<Entry>>() + 2 * 16);
}

#[test]
fn an_answer_is_fresh_for_its_life_and_stale_for_a_day_after() {
    let day = 86_400;
    for (secs, want) in
        [(0, Some("fresh")), (59, Some("fresh")), (60, Some("stale")), (59 + day, Some("stale")), (60 + day, None)]
    {
        let mut cache = small();
        cache.insert(at(0), &key(1), stored(&key(1), 60, 0));
        let found = match cache.find(at(secs), &key(1)) {
            Found::Fresh(_, age) => (u64::from(age) == secs).then_some("fresh"),
            Found::Stale(_, AskFirst::Yes) => Some("stale"),
            Found::Stale(_, AskFirst::No) => Some("held"),
            Found::Nothing => None,
        };
        assert_eq!(found, want, "after {secs} s");
    }
}

#[test]
fn after_asking_in_vain_nobody_is_asked_for_half_a_minute() {
    let mut cache = small();
    cache.insert(at(0), &key(1), stored(&key(1), 60, 0));
    cache.hold(at(100), &key(1));
    for (secs, want) in [(100, AskFirst::No), (129, AskFirst::No), (130, AskFirst::Yes)] {
        let Found::Stale(_, ask_first) = cache.find(at(secs), &key(1)) else { panic!("it is there for a day") };
        assert_eq!(ask_first, want, "at {secs} s");
        assert_eq!(cache.is_held(at(secs), &key(1)), want == AskFirst::No, "at {secs} s");
    }
    cache.insert(at(100), &key(1), stored(&key(1), 60, 0));
    assert!(!cache.is_held(at(100), &key(1)), "there is another answer");
}

#[test]
fn what_has_no_life_is_not_kept() {
    let mut cache = small();
    cache.insert(at(0), &key(1), stored(&key(1), 0, 0));
    assert_eq!(cache.status(), CacheStatus::default());
    cache.insert(at(0), &key(1), stored(&key(1), 1, 0));
    assert_eq!(cache.status().entries, 1);
}

#[test]
fn it_may_be_full_to_the_byte() {
    let mut cache = small();
    let all: Vec<Stored> = (0..3).map(|name| stored(&key(name), 60, 0)).collect();
    cache.limit = all.iter().map(cost).sum();
    all.into_iter().zip(0..).for_each(|(stored, name)| cache.insert(at(0), &key(name), stored));
    assert_eq!((cache.status().entries, cache.status().evicted), (3, 0));
    cache.insert(at(0), &key(3), stored(&key(3), 60, 0));
    assert_eq!((cache.status().entries, cache.status().evicted), (3, 1));
}

#[test]
fn a_failure_is_over_when_it_is_over() {
    for (code, want) in [(Code::NXDOMAIN, true), (Code::SERVFAIL, false), (Code::REFUSED, false)] {
        let mut cache = small();
        let question = [key(1).name(), &[0, 1, 0, 1]].concat();
        cache.insert(at(0), &key(1), Stored::failure(&question, code, &[]));
        assert!(matches!(cache.find(at(4), &key(1)), Found::Fresh(..)), "{code:?}");
        assert_eq!(matches!(cache.find(at(5), &key(1)), Found::Stale(..)), want, "{code:?}");
    }
}
