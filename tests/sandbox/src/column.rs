//! What an attack runs against: nothing, a real profile, or a mutant of one. One column of the table.

use orlop_sandbox::profile::{Layers, Need, Profile, Root};

use crate::listener::Listener;
use crate::mutation::{Mutation, layers, pins};
use crate::target::Target;

/// One column.
#[derive(Clone, Debug)]
pub struct Column {
    /// The word that the attacking process is started with. It inherits no memory, and finds the column by it.
    pub key: String,
    /// The process whose profile this is, or would be.
    pub target: &'static Target,
    /// The profile in force; none in the control.
    pub profile: Option<&'static Profile>,
    /// How the packet listener was opened.
    pub listener: Listener,
}

impl Column {
    /// No sandbox at all: where every attack that is to count must succeed.
    #[must_use]
    pub fn control(target: &'static Target) -> Self {
        Self { key: "control".to_owned(), target, profile: None, listener: Listener::Careless }
    }

    /// The target as it ships.
    #[must_use]
    pub fn whole(target: &'static Target) -> Self {
        Self { key: "whole".to_owned(), target, profile: Some(target.profile), listener: Listener::Granted }
    }

    /// The target's user and capabilities, and no other layer.
    #[must_use]
    pub fn bare(target: &'static Target) -> Self {
        Self::of("bare".to_owned(), target, (bare(target.profile), Listener::Granted))
    }

    /// The target's user, without its capabilities and without any other layer.
    #[must_use]
    pub fn powerless(target: &'static Target) -> Self {
        let profile = Profile { keep: &[], ..bare(target.profile) };
        Self::of("powerless".to_owned(), target, (profile, Listener::Granted))
    }

    /// The target without what `mutation` removes.
    #[must_use]
    pub fn mutant(target: &'static Target, mutation: &Mutation) -> Self {
        Self::of(format!("mutant:{}", mutation.name), target, mutation.mutant(target.profile))
    }

    /// The same with the removed part back: only the shadows are away.
    #[must_use]
    pub fn baseline(target: &'static Target, mutation: &Mutation) -> Self {
        if mutation.shadows.is_empty() {
            return Self::whole(target);
        }
        Self::of(format!("baseline:{}", mutation.name), target, mutation.baseline(target.profile))
    }

    fn of(key: String, target: &'static Target, (profile, listener): (Profile, Listener)) -> Self {
        Self { key, target, profile: Some(Box::leak(Box::new(profile))), listener }
    }

    /// The column of that key.
    #[must_use]
    pub fn by_key(target: &'static Target, key: &str) -> Option<Self> {
        let mutation = |name: &str| mutations(target).into_iter().find(|mutation| mutation.name == name);
        match key.split_once(':') {
            None if key == "control" => Some(Self::control(target)),
            None if key == "whole" => Some(Self::whole(target)),
            None if key == "bare" => Some(Self::bare(target)),
            None if key == "powerless" => Some(Self::powerless(target)),
            Some(("mutant", name)) => mutation(name).as_ref().map(|mutation| Self::mutant(target, mutation)),
            Some(("baseline", name)) => mutation(name).as_ref().map(|mutation| Self::baseline(target, mutation)),
            _ => None,
        }
    }

    /// The user that an attacker under this column is.
    #[must_use]
    pub fn uid(&self) -> u32 {
        self.profile.map_or(0, |_| self.target.profile.ids.uid)
    }
}

/// Every mutation of the target's profile: layers, then pins.
#[must_use]
pub fn mutations(target: &'static Target) -> Vec<Mutation> {
    layers(target).into_iter().chain(pins(target.profile)).collect()
}

/// Who it is, and nothing that holds it.
fn bare(profile: &Profile) -> Profile {
    let mut bare = *profile;
    let Layers { ids, capabilities, bounding, .. } = profile.layers;
    let off = Need::Off;
    bare.layers = Layers {
        ids,
        capabilities,
        bounding,
        no_new_privs: off,
        root: off,
        limits: off,
        close_others: off,
        denied: off,
        allowed: off,
    };
    bare.root = Root::Keep;
    bare.landlock.need = off;
    bare
}
