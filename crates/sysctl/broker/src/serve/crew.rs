//! The appliers: one process for each capability that was granted.

use std::os::fd::BorrowedFd;

use orlop_sandbox::applier::{Applier, Forked};
use orlop_sandbox::capability::Capability;
use orlop_sandbox::channel::ChannelError;
use orlop_sandbox::fatal::Fatal;
use orlop_sandbox::posture::Posture;
use orlop_sandbox::privileges::is_permitted;
use orlop_sandbox::profile::Profile;
use orlop_sysctl_contract::{Class, Job, Trial};
use orlop_sysctl_profiles::{
    APPLIER_ADMIN, APPLIER_NET, APPLIER_PTRACE, APPLIER_RAWIO, APPLIER_RESOURCE, APPLIER_ROOT, BROKER, BROKER_RESOURCE,
};

use super::apply::{Writer, Writers};
use crate::write::work;

/// Which applier writes the keys of which class.
const APPLIERS: [(Class, &Profile); 6] = [
    (Class::Root, &APPLIER_ROOT),
    (Class::NetAdmin, &APPLIER_NET),
    (Class::SysAdmin, &APPLIER_ADMIN),
    (Class::SysRawio, &APPLIER_RAWIO),
    (Class::SysResource, &APPLIER_RESOURCE),
    (Class::SysPtrace, &APPLIER_PTRACE),
];

/// Appliers that lock themselves in while their broker does other things.
#[derive(Debug)]
pub(super) struct Forks(Vec<(Class, &'static str, Forked<Job, Trial>)>);

/// Appliers at work.
#[derive(Debug)]
pub(super) struct Crew(Vec<Hand>);

/// One applier.
#[derive(Debug)]
pub(super) struct Hand {
    class: Class,
    name: &'static str,
    /// Until it ends, which it should not.
    applier: Option<Applier<Job, Trial>>,
    posture: Posture,
}

impl Forks {
    /// Starts an applier for each capability that this process may have, and one without any.
    ///
    /// # Errors
    /// There can be no more processes.
    pub(super) fn all() -> Result<Self, Fatal> {
        let mut forks = Vec::with_capacity(APPLIERS.len());
        for (class, profile) in APPLIERS {
            if granted(profile)? {
                forks.push((class, profile.name, Applier::fork(profile, work)?));
            }
        }
        Ok(Self(forks))
    }

    /// Waits until all of them are confined.
    ///
    /// # Errors
    /// One is not.
    pub(super) fn attest(self, require_landlock: bool) -> Result<Crew, Fatal> {
        let hand = |(class, name, forked): (Class, &'static str, Forked<Job, Trial>)| {
            let applier = forked.attest(require_landlock)?;
            Ok(Hand { class, name, posture: applier.posture().clone(), applier: Some(applier) })
        };
        self.0.into_iter().map(hand).collect::<Result<_, _>>().map(Crew)
    }
}

fn granted(profile: &Profile) -> Result<bool, Fatal> {
    for capability in profile.keep {
        if !is_permitted(*capability)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// What the broker itself keeps: `user.*` asks for a capability when it is opened.
///
/// # Errors
/// None on a kernel that works.
pub(super) fn broker_profile() -> Result<&'static Profile, Fatal> {
    Ok(if is_permitted(Capability::SysResource)? { &BROKER_RESOURCE } else { &BROKER })
}

impl Writers for Crew {
    type Writer = Hand;

    fn of(&mut self, class: Class) -> Option<&mut Hand> {
        let at = self.position(class).or_else(|| self.position(Class::Root))?;
        self.0.get_mut(at)
    }

    fn second(&mut self, class: Class) -> Option<&mut Hand> {
        // A key may need more than our table says, and a file below `net/` may be only root's.
        let other = match class {
            Class::Root => Class::SysAdmin,
            Class::NetAdmin => Class::Root,
            Class::SysAdmin | Class::SysRawio | Class::SysResource | Class::SysPtrace => return None,
        };
        // Where the class has no writer of its own, its first one was root's.
        self.position(class)?;
        let at = self.position(other)?;
        self.0.get_mut(at)
    }
}

impl Crew {
    fn position(&self, class: Class) -> Option<usize> {
        self.0.iter().position(|hand| hand.class == class)
    }

    /// Whether one of them has ended, which it should not.
    pub(super) fn is_short(&self) -> bool {
        self.0.iter().any(|hand| hand.applier.is_none())
    }

    /// What each is restricted by, by the names of their profiles.
    pub(super) fn postures(&self) -> impl Iterator<Item = (&'static str, &Posture)> {
        self.0.iter().map(|hand| (hand.name, &hand.posture))
    }
}

impl Writer for Hand {
    fn name(&self) -> &'static str {
        self.name
    }

    fn send(&mut self, job: &Job, setting: BorrowedFd<'_>) -> Option<bool> {
        match self.applier.as_mut()?.send(job, Some(setting)) {
            Ok(()) => Some(true),
            Err(ChannelError::Full) => Some(false),
            Err(cause) => self.ended(&cause),
        }
    }

    fn recv(&mut self) -> Option<Trial> {
        match self.applier.as_mut()?.recv() {
            Ok(trial) => Some(trial),
            Err(cause) => self.ended(&cause),
        }
    }
}

impl Hand {
    fn ended<T>(&mut self, cause: &ChannelError) -> Option<T> {
        tracing::error!(applier = self.name, %cause, "an applier has ended: its settings are not in force");
        self.applier = None;
        None
    }
}
