//! Mutations as data: each layer and each pin removed in turn. A mutant that lets nothing through means that the layer is
//! not tested, and the suite is red.
//!
//! Layers cover for each other, which is their purpose. So a mutation names the layers that shadow the one it removes; they
//! are taken away in the *baseline* too. What the mutant lets through and the baseline stops is the layer's own work.

use orlop_sandbox::profile::{Need, Pin, Profile, Root, Rule};

use crate::listener::Listener;

/// A piece of what holds an attacker.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    /// Own user and group.
    Ids,
    /// No capabilities, and secure bits locked.
    Capabilities,
    /// An empty bounding set.
    Bounding,
    /// `no_new_privs`.
    NoNewPrivs,
    /// An empty root.
    Root,
    /// Resource limits.
    Limits,
    /// No descriptor but the slots.
    CloseOthers,
    /// The filter that kills.
    Denied,
    /// The filter that allows.
    Allowed,
    /// Landlock.
    Landlock,
    /// All pins of one system call.
    Pins(&'static str),
    /// One pin: system call, alternative, place in the conjunction.
    Pin(&'static str, usize, usize),
    /// The listener's socket type, filter or lock.
    Listener(Listener),
}

/// One layer or pin removed.
#[derive(Clone, Copy, Debug)]
pub struct Mutation {
    /// Short name, unique.
    pub name: &'static str,
    /// What is removed.
    pub removes: &'static [Part],
    /// What is away in mutant and baseline alike, because it would hide the difference.
    pub shadows: &'static [Part],
    /// Why the shadows shadow it; empty when there are none.
    pub because: &'static str,
}

impl Mutation {
    /// The profile and listener of the mutant.
    #[must_use]
    pub fn mutant(&self, of: &Profile) -> (Profile, Listener) {
        without(of, self.removes.iter().chain(self.shadows))
    }

    /// The same with the removed part back in place.
    #[must_use]
    pub fn baseline(&self, of: &Profile) -> (Profile, Listener) {
        without(of, self.shadows.iter())
    }
}

const FILTERS: &[Part] = &[Part::Denied, Part::Allowed];

/// Every layer, and the parts of the packet listener. The pins are listed by [`pins`].
pub const LAYERS: &[Mutation] = &[
    Mutation {
        name: "user",
        removes: &[Part::Ids],
        shadows: FILTERS,
        because: "the filters kill what a change of user would allow",
    },
    Mutation {
        name: "capabilities",
        removes: &[Part::Capabilities],
        shadows: &[Part::Denied, Part::Allowed, Part::Ids, Part::Landlock],
        because: "leaving uid 0 empties the sets by itself; the filters and Landlock refuse the calls that need them",
    },
    Mutation {
        name: "bounding-set",
        removes: &[Part::Bounding],
        shadows: &[Part::Denied, Part::Allowed, Part::Root, Part::Landlock, Part::NoNewPrivs, Part::Capabilities],
        because: "a bounding set matters at an exec that may gain something: no filters, a root with set-user-ID files, no no_new_privs, no locked secure bits",
    },
    Mutation {
        name: "no-new-privs",
        removes: &[Part::NoNewPrivs],
        shadows: &[Part::Denied, Part::Allowed, Part::Root, Part::Landlock],
        because: "a set-user-ID program must be there to be run",
    },
    Mutation {
        name: "root",
        removes: &[Part::Root],
        shadows: &[Part::Denied, Part::Allowed, Part::Landlock],
        because: "the filters leave no call that takes a path, Landlock no path that opens",
    },
    Mutation {
        name: "landlock",
        removes: &[Part::Landlock],
        shadows: &[Part::Denied, Part::Allowed, Part::Root],
        because: "the filters leave no call that takes a path, the empty root no file",
    },
    Mutation { name: "limits", removes: &[Part::Limits], shadows: &[], because: "" },
    Mutation { name: "close-others", removes: &[Part::CloseOthers], shadows: &[], because: "" },
    Mutation {
        name: "deny-list",
        removes: &[Part::Denied],
        shadows: &[Part::Allowed],
        because: "what the deny-list kills, the allow-list would refuse",
    },
    Mutation { name: "allow-list", removes: &[Part::Allowed], shadows: &[], because: "" },
    Mutation { name: "filters", removes: FILTERS, shadows: &[], because: "" },
    Mutation {
        name: "listener-lock",
        removes: &[Part::Listener(Listener::Unlocked)],
        shadows: FILTERS,
        because: "the deny-list kills setsockopt",
    },
    Mutation { name: "listener-filter", removes: &[Part::Listener(Listener::Unfiltered)], shadows: &[], because: "" },
    Mutation {
        name: "listener-type",
        removes: &[Part::Listener(Listener::Raw)],
        shadows: &[Part::Pins("write")],
        because: "the pin of write(2) keeps it off the packet socket",
    },
];

/// One mutation per pin of the profile's rules, and one per rule with all its pins.
#[must_use]
pub fn pins(of: &Profile) -> Vec<Mutation> {
    let mut mutations = Vec::new();
    for Rule { syscall, pins, why: _ } in of.syscalls {
        for (at, alternative) in pins.iter().enumerate() {
            for place in 0..alternative.len() {
                let name = leak_text(format!("{}.{at}.{place}", syscall.name));
                let removes = leak([Part::Pin(syscall.name, at, place)]);
                mutations.push(Mutation { name, removes, shadows: &[], because: "" });
            }
        }
    }
    mutations
}

/// `of` without these parts.
fn without<'p>(of: &Profile, parts: impl Iterator<Item = &'p Part>) -> (Profile, Listener) {
    let (mut profile, mut listener) = (*of, Listener::Granted);
    for part in parts {
        match *part {
            Part::Ids => profile.layers.ids = Need::Off,
            Part::Capabilities => profile.layers.capabilities = Need::Off,
            Part::Bounding => profile.layers.bounding = Need::Off,
            Part::NoNewPrivs => profile.layers.no_new_privs = Need::Off,
            Part::Root => (profile.layers.root, profile.root) = (Need::Off, Root::Keep),
            Part::Limits => profile.layers.limits = Need::Off,
            Part::CloseOthers => profile.layers.close_others = Need::Off,
            Part::Denied => profile.layers.denied = Need::Off,
            Part::Allowed => profile.layers.allowed = Need::Off,
            Part::Landlock => profile.landlock.need = Need::Off,
            Part::Pins(name) => profile.syscalls = change(profile.syscalls, name, |_| Vec::new()),
            Part::Pin(name, at, place) => {
                profile.syscalls = change(profile.syscalls, name, |rule| unpinned(rule, at, place))
            }
            Part::Listener(other) => listener = other,
        }
    }
    (profile, listener)
}

fn change(rules: &[Rule], name: &str, pins: impl Fn(&Rule) -> Vec<&'static [Pin]>) -> &'static [Rule] {
    let changed: Vec<Rule> = rules
        .iter()
        .map(|rule| if rule.syscall.name == name { Rule { pins: Vec::leak(pins(rule)), ..*rule } } else { *rule })
        .collect();
    Vec::leak(changed)
}

/// The rule's alternatives without one pin. An alternative without any pin is the rule without any.
fn unpinned(rule: &Rule, at: usize, place: usize) -> Vec<&'static [Pin]> {
    let mut alternatives: Vec<&'static [Pin]> = rule.pins.to_vec();
    let Some(alternative) = alternatives.get_mut(at) else { return alternatives };
    let rest: Vec<Pin> =
        alternative.iter().enumerate().filter(|(here, _)| *here != place).map(|(_, pin)| *pin).collect();
    if rest.is_empty() {
        return Vec::new();
    }
    *alternative = Vec::leak(rest);
    alternatives
}

/// A test program's tables live as long as it does.
fn leak<T, const N: usize>(items: [T; N]) -> &'static [T] {
    Box::leak(Box::new(items))
}

fn leak_text(text: String) -> &'static str {
    String::leak(text)
}
