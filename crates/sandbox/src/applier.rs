//! Helpers of a broker, each with one capability and nothing that it could name.
//!
//! Where one capability is worth as much as root, the broker does without it and forks a process for it: an
//! [`Applier`], which can do one thing to the descriptors that it is handed. It is forked first of all, while the
//! broker has opened nothing and runs no loop; it climbs a ladder as a worker does, says what it is restricted by, and
//! serves until its broker ends.
//!
//! ```no_run
//! # use std::os::fd::{AsFd, OwnedFd};
//! # use orlop_sandbox::{applier::{Applier, Forked}, profile::Profile};
//! # fn broker(profile: &'static Profile, setting: OwnedFd) -> Result<(), Box<dyn std::error::Error>> {
//! fn write(value: u32, setting: Option<OwnedFd>) -> bool {
//!     setting.is_some_and(|fd| rustix::io::pwrite(fd, value.to_string().as_bytes(), 0).is_ok())
//! }
//! let forked: Forked<u32, bool> = Applier::fork(profile, write)?; // before the loop, before anything is opened
//! let mut applier = forked.attest(false)?; // any time later, even under the broker's own filter
//! applier.send(&7, Some(setting.as_fd()))?;
//! assert!(applier.recv()?);
//! # Ok(())
//! # }
//! ```

use core::marker::PhantomData;
use core::time::Duration;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use postcard::experimental::max_size::MaxSize;
use rustix::net::{AddressFamily, SocketFlags, SocketType};
use rustix::process::Pid;
use serde::{Deserialize, Serialize};

use crate::channel::{Blocking, ChannelError, Message, Received};
use crate::fatal::{Exit, Fatal};
use crate::posture::{Posture, Status};
use crate::profile::{CHANNEL_SLOT, Need, Profile};
use crate::{broker, rungs, sys};

mod ladder;

pub use ladder::Confined;

/// Jobs that an applier should have at once, at most: with their descriptors they stay far below what the kernel lets a
/// user have under way.
pub const AT_ONCE: usize = 32;

/// How long an answer may take. Writing a setting takes microseconds; a few make the kernel tidy up all of its memory.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// What an applier does with a job and the descriptor that came with it.
///
/// It runs confined: what the rules of the profile do not allow fails with `ENOSYS`.
pub type Work<In, Out> = fn(In, Option<OwnedFd>) -> Out;

/// The first message of an applier.
#[derive(Debug, Serialize, Deserialize, MaxSize)]
enum Hello {
    /// What it is restricted by.
    Confined(Posture),
    /// It could not confine itself, has said why on stderr, and ends with this code.
    Failed(u8),
}

/// An applier that has been started and is perhaps not confined yet.
#[derive(Debug)]
#[must_use]
pub struct Forked<In, Out> {
    profile: &'static Profile,
    status: File,
    socket: Blocking,
    types: PhantomData<fn(In) -> Out>,
}

/// An applier whose posture is known and enough. It takes jobs, `In`, and answers each with an `Out`, in their order.
///
/// It ends when this is dropped.
#[derive(Debug)]
pub struct Applier<In, Out> {
    posture: Posture,
    status: File,
    socket: Blocking,
    /// Jobs that it has not answered.
    under_way: usize,
    types: PhantomData<fn(In) -> Out>,
}

impl<In: Message, Out: Message> Applier<In, Out> {
    /// Starts an applier, which will do `work`. For a process of one thread that has not opened anything yet which
    /// matters to nobody else: the first thing that a broker does.
    ///
    /// # Errors
    /// When there can be no more processes, or the profile is incomplete.
    pub fn fork(profile: &'static Profile, work: Work<In, Out>) -> Result<Forked<In, Out>, Fatal> {
        if let Some(what) = profile.incomplete() {
            return Err(Fatal::new(Exit::Software, format!("the profile {} is incomplete: {what}", profile.name)));
        }
        Self::start(profile, work)
    }

    /// As [`Applier::fork`], for a profile that a test has taken something out of.
    ///
    /// # Errors
    /// As [`Applier::fork`].
    #[cfg(feature = "mutants")]
    pub fn fork_mutant(profile: &'static Profile, work: Work<In, Out>) -> Result<Forked<In, Out>, Fatal> {
        Self::start(profile, work)
    }

    fn start(profile: &'static Profile, work: Work<In, Out>) -> Result<Forked<In, Out>, Fatal> {
        let os = |cause: io::Error| Fatal::os(format!("cannot start {}", profile.name), cause);
        let own = Status::read(&rungs::own_status()?).map_err(os)?;
        if own.threads != 1 {
            return Err(Fatal::new(Exit::Software, format!("{} threads before forking", own.threads)));
        }
        let (ours, theirs) =
            rustix::net::socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
                .map_err(|errno| os(errno.into()))?;
        let parent = rustix::process::getpid();
        let pid = sys::fork(theirs.as_fd(), CHANNEL_SLOT, move |channel| serve(profile, channel, parent, work))
            .map_err(os)?;
        let socket = Blocking::new(ours);
        socket.expect_answers_within(ANSWER_WITHIN).map_err(os)?;
        let status = File::open(format!("/proc/{}/status", pid.as_raw_nonzero())).map_err(os)?;
        Ok(Forked { profile, status, socket, types: PhantomData })
    }

    /// Hands it a job, and the descriptor that this is about, if there is room for them now. For a job of several frames there
    /// is room when no other is under way.
    ///
    /// # Errors
    /// [`ChannelError::Full`] when there is no room: nothing was sent then, and once an answer has been received there
    /// is some. After any other error the conversation is over.
    pub fn send(&mut self, job: &In, fd: Option<BorrowedFd<'_>>) -> Result<(), ChannelError> {
        self.socket.try_send(job, fd, self.under_way == 0)?;
        self.under_way += 1;
        Ok(())
    }

    /// Waits for the answer to the oldest job.
    ///
    /// # Errors
    /// [`ChannelError::PeerGone`] when it has ended, [`ChannelError::Silent`] when it takes too long. The conversation
    /// is over after any error.
    pub fn recv(&mut self) -> Result<Out, ChannelError> {
        let Received { message, .. } = self.socket.recv(false)?;
        self.under_way = self.under_way.saturating_sub(1);
        Ok(message)
    }

    /// What it is restricted by: claimed by it, and as far as the kernel shows it, observed.
    #[must_use]
    pub fn posture(&self) -> &Posture {
        &self.posture
    }

    /// What the kernel says about it now.
    ///
    /// # Errors
    /// When it is gone.
    pub fn observe(&self) -> io::Result<Status> {
        Posture::observe(&self.status)
    }
}

impl<In: Message, Out: Message> Forked<In, Out> {
    /// Waits until it has locked itself in, and checks what it says against what the kernel says.
    ///
    /// # Errors
    /// [`Exit::Permission`] when its posture is not what its profile requires or not what it claims; the code that it
    /// ended with, when it could not confine itself.
    pub fn attest(self, require_landlock: bool) -> Result<Applier<In, Out>, Fatal> {
        let Self { profile, status, socket, types } = self;
        let failed = |exit| Fatal::new(exit, format!("{} did not lock itself in", profile.name));
        let posture = match socket.recv::<Hello>(false) {
            Ok(Received { message: Hello::Confined(posture), .. }) => posture,
            Ok(Received { message: Hello::Failed(code), .. }) => {
                return Err(failed(Exit::from_code(code).unwrap_or(Exit::Software)));
            }
            Err(cause) => return Err(failed(Exit::Os).cause(cause)),
        };
        let observed =
            Posture::observe(&status).map_err(|cause| Fatal::os(format!("cannot observe {}", profile.name), cause))?;
        broker::attest(profile.name, &posture, &observed, profile)?;
        let need = if require_landlock { Need::Require } else { profile.landlock.need };
        posture.landlock.judge(need, profile.name)?;
        Ok(Applier { posture, status, socket, under_way: 0, types })
    }
}

/// The applier's own life. Gives what it ends with.
fn serve<In: Message, Out: Message>(
    profile: &'static Profile,
    channel: OwnedFd,
    parent: Pid,
    work: Work<In, Out>,
) -> u8 {
    let confined = match ladder::climb(profile, Some(parent)) {
        Ok(posture) => Confined { socket: Blocking::new(channel), posture },
        Err(fatal) => {
            let exit = fatal.report().code();
            // Whoever does not hear it sees that we are gone.
            let _unheard = Blocking::new(channel).send(&Hello::Failed(exit));
            return exit;
        }
    };
    match confined.serve(work) {
        Ok(()) => Exit::Done.code(),
        Err(cause) => Fatal::new(Exit::Refused, format!("{} ends", profile.name)).cause(cause).report().code(),
    }
}
