//! What each fuzz target does with its bytes. `fuzz/` compiles this very file; here the committed seeds and proptest run it
//! on stable.

use std::collections::BTreeSet;

use orlop_sysctl_contract::{
    Dialect, Directory, Key, Lock, MAX_FINDINGS, MAX_STEPS, Origin, Permitted, Policy, Prefix, Request, Rules,
};
use orlop_wire::{decode, encode, max_size};

use crate::stage::{Tree, play};

/// Separates one source from the next in the bytes of [`text`].
pub(crate) const NEXT_SOURCE: u8 = 0x1c;

/// The first byte says how to read, the second how many places to cut at; these follow, as two bytes each; the rest is text.
pub(crate) fn text(data: &[u8]) {
    let [how, cuts, rest @ ..] = data else { return };
    let Some((places, text)) = rest.split_at_checked(usize::from(cuts % 8) * 2) else { return };
    let places: BTreeSet<_> =
        places.as_chunks().0.iter().map(|place| usize::from(u16::from_be_bytes(*place))).collect();
    let dialect = if how & 1 == 0 { Dialect::SysctlD } else { Dialect::LinuxKit };
    let prefixes = ["net/ipv4", "vm/swappiness"].map(|path| Prefix::new(Directory::new(path).unwrap()));
    let prefixes = prefixes.into_iter().filter(|_| how & 2 != 0).collect();
    let rules = Rules { dialect, prefixes, ..Rules::default() };

    let tree = machine();
    let texts: Vec<_> = text.split(|byte| *byte == NEXT_SOURCE).collect();
    let whole = play(&tree, &rules, &texts.iter().map(|text| vec![*text]).collect::<Vec<_>>());
    let pieces: Vec<_> = texts.iter().map(|text| cut(text, &places)).collect();
    assert_eq!(play(&tree, &rules, &pieces), whole, "where a text is cut makes no difference");
    check(&whole, &tree, &rules, &texts);
}

fn cut<'a>(mut text: &'a [u8], places: &BTreeSet<usize>) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    for place in places {
        let (piece, rest) = text.split_at(text.len().min(*place));
        pieces.push(piece);
        text = rest;
    }
    pieces.push(text);
    pieces
}

fn check(said: &[Request], tree: &Tree, rules: &Rules, texts: &[&[u8]]) {
    let exists = |origin: &Origin| {
        let lines = texts[usize::from(origin.source)].split(|byte| *byte == b'\n').count();
        (1..=lines).contains(&usize::try_from(origin.line).unwrap())
    };
    let (mut policy, mut keys, mut findings) = (Policy::new(rules, false), BTreeSet::new(), 0);
    for request in said {
        match request {
            Request::Finding(finding) => {
                findings += 1;
                assert!(exists(&finding.origin), "{finding:?}");
                assert!(keys.is_empty(), "findings come before steps");
            }
            Request::Steps(steps) => {
                for step in &**steps {
                    assert!(exists(&step.origin) && step.replaces.as_ref().is_none_or(exists), "{step:?}");
                    assert!(keys.insert(&step.key), "{} comes twice", step.key);
                    assert!(policy.permit(step.clone()).is_ok(), "{step:?}");
                    assert!(!step.by_pattern || tree.has(step.key.path()) || is_folder(&step.key), "{step:?}");
                }
            }
            Request::List(_) | Request::Done { .. } => {}
        }
        let mut buffer = vec![0; max_size::<Request>()];
        let frame = encode(request, &mut buffer).unwrap();
        assert_eq!(decode::<Request>(frame).as_ref(), Ok(request), "it arrives as it was sent");
    }
    assert!(findings <= MAX_FINDINGS && keys.len() <= MAX_STEPS);
}

/// A pattern whose last name is spelled out does not ask what that is.
fn is_folder(key: &Key) -> bool {
    SETTINGS.iter().any(|path| path.strip_prefix(key.path()).is_some_and(|rest| rest.starts_with('/')))
}

/// Frames of a worker, each after its length in two bytes: whatever they say, a policy keeps its word.
pub(crate) fn request(data: &[u8]) {
    let mut rest = data;
    for prefixed in [false, true] {
        let prefix = Prefix::new(Directory::new("net").unwrap());
        let rules = Rules { prefixes: [prefix.clone()].into_iter().filter(|_| prefixed).collect(), ..Rules::default() };
        let (mut policy, mut permitted) = (Policy::new(&rules, prefixed), Vec::new());
        while let Some((length, more)) = rest.split_first_chunk::<2>() {
            let (frame, more) = more.split_at(more.len().min(usize::from(u16::from_be_bytes(*length))));
            rest = more;
            let Ok(request) = decode::<Request>(frame) else { continue };
            let mut buffer = vec![0; max_size::<Request>()];
            assert_eq!(encode(&request, &mut buffer).unwrap(), frame, "one spelling");
            if let Request::Steps(steps) = request {
                permitted.extend(steps.into_vec().into_iter().filter_map(|step| policy.permit(step).ok()));
            }
        }
        let count = permitted.len();
        let keys: BTreeSet<_> = permitted.iter().map(|step: &Permitted| step.step().key.clone()).collect();
        assert_eq!(keys.len(), count, "a key twice");
        assert!(!prefixed || keys.iter().all(|key| prefix.covers(key)), "a key that no prefix covers");
        let arranged = Policy::arrange(permitted);
        assert!(arranged.settings.iter().all(|step| step.lock().is_none()), "a lock among the settings");
        let settings = arranged.settings.len();
        let locks = arranged.locks(true);
        assert_eq!(settings + locks.len(), count, "a step is lost");
        assert!(locks.is_sorted_by_key(Permitted::lock), "locks out of order");
        assert!(prefixed || locks.iter().all(|step| step.hold().is_some()), "a lock that nobody allowed");
        assert!(locks.iter().all(|step| step.lock() != Some(Lock::Modules) || step.hold().is_some()), "modules");
        rest = data;
    }
}

fn machine() -> Tree {
    Tree::new(SETTINGS)
}

const SETTINGS: [&str; 16] = [
    "kernel/hostname",
    "kernel/modules_disabled",
    "kernel/random/boot_id",
    "net/core/somaxconn",
    "net/ipv4/conf/all/rp_filter",
    "net/ipv4/conf/default/rp_filter",
    "net/ipv4/conf/eth0.100/rp_filter",
    "net/ipv4/conf/eth0/forwarding",
    "net/ipv4/conf/eth0/rp_filter",
    "net/ipv4/conf/lo/rp_filter",
    "net/ipv4/ip_forward",
    "net/ipv6/conf/.x/rp_filter",
    "net/ipv6/conf/a[b]*/rp_filter",
    "net/ipv6/conf/all/rp_filter",
    "vm/drop_caches",
    "vm/swappiness",
];
