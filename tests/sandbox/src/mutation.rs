//! Mutations as data: each layer and each pin removed in turn. A mutant that lets nothing through means that the layer is
//! not tested, and the suite is red.
//!
//! Layers cover for each other, which is their purpose. So a mutation names the layers that shadow the one it removes; they
//! are taken away in the *baseline* too. What the mutant lets through and the baseline stops is the layer's own work.

use orlop_sandbox::profile::{Need, Pin, Profile, Root, Rule};

use crate::listener::Listener;
use crate::syscall::call;
use crate::target::Target;

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
    /// One pin: system call, alternative, argument.
    Pin(&'static str, usize, u8),
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
    /// Why nothing can be learnt from this mutation of `of` on this machine, if so: there is no such layer to take away.
    #[must_use]
    pub fn impossible(&self, of: &Profile) -> Option<&'static str> {
        if self.removes.contains(&Part::Landlock) && !kernel_has_landlock() {
            return Some("this kernel has no Landlock");
        }
        (self.removes.contains(&Part::Ids) && of.ids.uid == 0).then_some("its user is root")
    }

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

/// Every layer of `target`, and the parts of the packet listener if it has one. The pins are listed by [`pins`].
#[must_use]
pub fn layers(target: &Target) -> Vec<Mutation> {
    let is_listener = |part: &Part| matches!(part, Part::Listener(_));
    let of_target = LAYERS.iter().filter(|layer| target.listens() || !layer.removes.iter().any(is_listener));
    // A worker that reads nothing but its channel could not read a file that was left open either.
    let reads = target.is_applier() || target.profile.allows("read");
    let shadowed = |layer: &Mutation| match layer.removes {
        [Part::CloseOthers] if !reads => {
            Mutation { shadows: &[Part::Allowed, Part::Limits], because: UNREADABLE, ..*layer }
        }
        _ => *layer,
    };
    of_target.map(shadowed).collect()
}

const UNREADABLE: &str =
    "the allow-list leaves no call that reads, and the limit on open files no room for the attack's own";

const LAYERS: &[Mutation] = &[
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
        shadows: &[Part::Pin("close", 0, 0)],
        because: "the pin of close(2) keeps it off the numbers that may be written to",
    },
];

/// Pins that another one shadows: name, what is away in both, why.
const SHADOWED_PINS: &[(&str, &[Part], &str)] = &[(
    "sendto.0.4",
    &[Part::Pin("sendto", 0, 0)],
    "on the channel itself the kernel ignores an address; with the pin on the descriptor gone, no address means at most the peer",
)];

/// One mutation per pin of the profile's rules, named after system call, alternative and argument.
#[must_use]
pub fn pins(of: &Profile) -> Vec<Mutation> {
    let mut mutations = Vec::new();
    for Rule { syscall, pins, why: _ } in of.syscalls {
        for (at, alternative) in pins.iter().enumerate() {
            for pin in *alternative {
                let name = leak_text(format!("{}.{at}.{}", syscall.name, pin.arg));
                let (_, shadows, because) =
                    SHADOWED_PINS.iter().find(|(shadowed, ..)| *shadowed == name).copied().unwrap_or_default();
                let removes = leak([Part::Pin(syscall.name, at, pin.arg)]);
                mutations.push(Mutation { name, removes, shadows, because });
            }
        }
    }
    mutations
}

pub(crate) fn kernel_has_landlock() -> bool {
    // LANDLOCK_CREATE_RULESET_VERSION asks for the version and makes nothing.
    call!(libc::SYS_landlock_create_ruleset, 0_usize, 0, 1).is_ok()
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
            Part::Pin(name, at, arg) => {
                profile.syscalls = change(profile.syscalls, name, |rule| unpinned(rule, at, arg))
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
fn unpinned(rule: &Rule, at: usize, arg: u8) -> Vec<&'static [Pin]> {
    let mut alternatives: Vec<&'static [Pin]> = rule.pins.to_vec();
    let Some(alternative) = alternatives.get_mut(at) else { return alternatives };
    let rest: Vec<Pin> = alternative.iter().filter(|pin| pin.arg != arg).copied().collect();
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
