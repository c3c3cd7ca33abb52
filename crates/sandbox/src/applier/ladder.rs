//! The ladder by which an applier gives up everything but its capability.

use rustix::fs::{Mode, OFlags};
use rustix::process::Pid;

use super::{Hello, Work};
use crate::channel::{Blocking, ChannelError, Message, Received};
use crate::fatal::Fatal;
use crate::posture::Posture;
use crate::profile::{Kind, Profile};
use crate::seccomp::Filters;
use crate::{rungs, sys};

/// An applier on top of its ladder: every layer of its profile is in force.
#[derive(Debug)]
#[must_use]
pub struct Confined {
    pub(super) socket: Blocking,
    pub(super) posture: Posture,
}

#[cfg(feature = "mutants")]
impl Confined {
    /// Climbs in a process that a test has started, with the channel in its slot, under a profile that it may have taken
    /// something out of.
    ///
    /// # Errors
    /// As for any applier: [`Exit::Permission`](crate::fatal::Exit::Permission) when a layer is missing.
    pub fn climb_mutant(profile: &'static Profile) -> Result<Self, Fatal> {
        let parent = rustix::process::getppid();
        if profile.layers.close_others != crate::profile::Need::Off {
            let closed = sys::close_from(profile.last_slot() + 1);
            closed.map_err(|errno| Fatal::os("cannot close descriptors", errno))?;
        }
        let channel = sys::take_inherited(crate::profile::CHANNEL_SLOT);
        let channel = channel.map_err(|cause| Fatal::os("there is no channel", cause))?;
        let posture = climb(profile, parent)?;
        Ok(Self { socket: Blocking::new(channel), posture })
    }

    /// Says hello, and nothing more.
    ///
    /// # Errors
    /// When nobody listens.
    pub fn greet(&self) -> Result<(), ChannelError> {
        self.socket.send(&Hello::Confined(self.posture.clone()))
    }
}

/// From a fresh copy of `parent` to the top.
pub(super) fn climb(profile: &'static Profile, parent: Option<Pid>) -> Result<Posture, Fatal> {
    sys::set_name(profile.name);
    sys::protect_relocated().map_err(|errno| Fatal::os("cannot make relocated data read-only", errno))?;
    empty_slots(profile)?;
    let status = rungs::own_status()?;
    let filters = Filters::compile(profile)?;
    rungs::warm();
    // That it dies with its parent takes effect when the supervisor has adopted it: a broker that dies may not kill it.
    rungs::drop_user(profile, parent)?;
    rungs::lock(profile, status, &filters)
}

/// Puts `/dev/null` where the profile says so: these are still the broker's.
fn empty_slots(profile: &Profile) -> Result<(), Fatal> {
    let os = |errno| Fatal::os("cannot open /dev/null", errno);
    let null = rustix::fs::open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty()).map_err(os)?;
    let is_empty = |fd| profile.slots.iter().any(|slot| slot.fd == fd && slot.kind == Kind::Null);
    if is_empty(0) {
        rustix::stdio::dup2_stdin(&null).map_err(os)?;
    }
    if is_empty(1) {
        rustix::stdio::dup2_stdout(&null).map_err(os)?;
    }
    Ok(())
}

impl Confined {
    /// Says hello, and does `work` until the broker ends the conversation.
    ///
    /// # Errors
    /// When the conversation ends otherwise.
    pub fn serve<In: Message, Out: Message>(self, work: Work<In, Out>) -> Result<(), ChannelError> {
        let Self { socket, posture } = self;
        socket.send(&Hello::Confined(posture))?;
        loop {
            let Received { message, fd, .. } = match socket.recv(true) {
                Ok(received) => received,
                Err(ChannelError::PeerGone) => return Ok(()),
                Err(error) => return Err(error),
            };
            socket.send(&work(message, fd))?;
        }
    }
}
