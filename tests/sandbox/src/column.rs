//! What an attack runs against: nothing, a real profile, or a mutant of one. One column of the table.

use orlop_dhcp_profiles::WORKER;
use orlop_sandbox::profile::Profile;

use crate::listener::Listener;
use crate::mutation::{LAYERS, Mutation, pins};

/// The user that workers run as.
pub const WORKER_UID: u32 = WORKER.ids.uid;

/// One column.
#[derive(Clone, Debug)]
pub struct Column {
    /// By this the attacking process, whose memory is fresh, finds it again.
    pub key: String,
    /// The profile in force; none in the control.
    pub profile: Option<&'static Profile>,
    /// How the packet listener was opened.
    pub listener: Listener,
}

impl Column {
    /// No sandbox at all: where every attack that is to count must succeed.
    #[must_use]
    pub fn control() -> Self {
        Self { key: "control".to_owned(), profile: None, listener: Listener::Careless }
    }

    /// The DHCP worker as it ships.
    #[must_use]
    pub fn worker() -> Self {
        Self { key: "worker".to_owned(), profile: Some(&WORKER), listener: Listener::Granted }
    }

    /// The DHCP worker without what `mutation` removes.
    #[must_use]
    pub fn mutant(mutation: &Mutation) -> Self {
        let (profile, listener) = mutation.mutant(&WORKER);
        Self { key: format!("mutant:{}", mutation.name), profile: Some(Box::leak(Box::new(profile))), listener }
    }

    /// The same with the removed part back: only the shadows are away.
    #[must_use]
    pub fn baseline(mutation: &Mutation) -> Self {
        if mutation.shadows.is_empty() {
            return Self::worker();
        }
        let (profile, listener) = mutation.baseline(&WORKER);
        Self { key: format!("baseline:{}", mutation.name), profile: Some(Box::leak(Box::new(profile))), listener }
    }

    /// The column of that key.
    #[must_use]
    pub fn by_key(key: &str) -> Option<Self> {
        let mutation = |name: &str| mutations().into_iter().find(|mutation| mutation.name == name);
        match key.split_once(':') {
            None if key == "control" => Some(Self::control()),
            None if key == "worker" => Some(Self::worker()),
            Some(("mutant", name)) => mutation(name).as_ref().map(Self::mutant),
            Some(("baseline", name)) => mutation(name).as_ref().map(Self::baseline),
            _ => None,
        }
    }
}

/// Every mutation of the DHCP worker's profile: layers, then pins.
#[must_use]
pub fn mutations() -> Vec<Mutation> {
    LAYERS.iter().copied().chain(pins(&WORKER)).collect()
}
