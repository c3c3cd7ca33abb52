//! The ladder by which a worker gives everything up, one rung after the other.
//!
//! [`Worker::open`] → [`Worker::prepare`] → [`Worker::drop_user`] → [`Worker::lock`] → [`Locked::enter`]. Each rung
//! is a type: none can be skipped or taken twice, and the channel, which brings the first bytes from outside and
//! the descriptors that bring more, exists only on the last.
//!
//! ```no_run
//! # use orlop_sandbox::{fatal::Fatal, profile::Profile, worker::{Context, Worker}};
//! # fn daemon(profile: &'static Profile) -> Result<(), Fatal> {
//! let locked = Worker::open(profile)?.prepare(|preparation| preparation.timer())?.drop_user()?.lock()?;
//! locked.enter(1, async |context: Context<u32, u32, _>| {
//!     while let Ok(received) = context.channel.recv().await {
//!         let _ = context.channel.send(&received.message).await;
//!     }
//! })?;
//! # Ok(())
//! # }
//! ```

use std::fs::File;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};

use orlop_machine::Seed;
use postcard::experimental::max_size::MaxSize;
use rustix::fs::FileType;
use rustix::io::Errno;
use rustix::net::{SocketType, sockopt};
use rustix::process::Pid;
use serde::{Deserialize, Serialize};
use tokio::runtime::Runtime;

use crate::channel::{Message, Socket, WorkerChannel};
use crate::fatal::{Exit, Fatal};
use crate::posture::Posture;
use crate::profile::{CHANNEL_SLOT, JOINT_SLOT, Kind, Need, Profile, Slot};
use crate::seccomp::Filters;
use crate::timer::BootTimer;
use crate::{privileges, rungs, sys};

/// A worker process on one rung of the ladder.
#[derive(Debug)]
#[must_use]
pub struct Worker<Rung> {
    profile: &'static Profile,
    rung: Rung,
}

/// First rung: nothing but the slots is open.
#[derive(Debug)]
pub struct Opened {
    parent: Option<Pid>,
    channel: OwnedFd,
}

/// Second rung: everything that a locked process could not make is made.
#[derive(Debug)]
pub struct Prepared<R> {
    kit: Kit<R>,
    parent: Option<Pid>,
}

/// Third rung: an ordinary user without capabilities, in an empty root.
#[derive(Debug)]
pub struct Dropped<R>(Kit<R>);

/// What a worker carries up the ladder.
#[derive(Debug)]
struct Kit<R> {
    status: File,
    filters: Filters,
    runtime: Runtime,
    socket: Socket,
    resources: R,
}

/// The top: every layer of the profile is in force. Only from here is there a channel.
#[derive(Debug)]
#[must_use]
pub struct Locked<R> {
    runtime: Runtime,
    socket: Socket,
    resources: R,
    posture: Posture,
}

/// What a locked worker runs with.
#[derive(Debug)]
pub struct Context<Out, In, R> {
    /// To and from the broker.
    pub channel: WorkerChannel<Out, In>,
    /// What `prepare` made.
    pub resources: R,
    /// What this process claims to be restricted by; the broker has it too.
    pub posture: Posture,
}

/// The first message of a worker: which conversation it speaks, and what it is restricted by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub(crate) struct Hello {
    pub(crate) protocol: u32,
    pub(crate) posture: Posture,
}

impl Worker<Opened> {
    /// Takes the slots of `profile` and closes everything else.
    ///
    /// # Errors
    /// When the process was not started by a supervisor, or the profile is incomplete.
    pub fn open(profile: &'static Profile) -> Result<Self, Fatal> {
        match profile.incomplete() {
            None => Self::climb(profile),
            Some(what) => {
                Err(Fatal::new(Exit::Software, format!("the profile {} is incomplete: {what}", profile.name)))
            }
        }
    }

    /// As [`Worker::open`], for a profile that a test has taken something out of.
    ///
    /// # Errors
    /// When the slots are not what the profile says.
    #[cfg(feature = "mutants")]
    pub fn open_mutant(profile: &'static Profile) -> Result<Self, Fatal> {
        Self::climb(profile)
    }

    fn climb(profile: &'static Profile) -> Result<Self, Fatal> {
        if let Some(slot) = profile.slots.iter().find(|slot| !slot.is_filled()) {
            let problem = format!("descriptor {} is not {:?}: {}", slot.fd, slot.kind, slot.why);
            return Err(Fatal::new(Exit::Usage, problem).help(
                "a supervisor starts this program; run the daemon itself, which has the same name without -worker",
            ));
        }
        if profile.layers.close_others != Need::Off {
            sys::close_from(profile.last_slot() + 1).map_err(|errno| Fatal::os("cannot close descriptors", errno))?;
        }
        sys::set_name(profile.name);
        if profile.layers.ids != Need::Off {
            // What its loop watches is counted for its own user from the start, not for root and all who share that user.
            privileges::charge_to(profile.ids.uid)?;
        }
        sys::default_fault_signals();
        sys::protect_relocated().map_err(|errno| Fatal::os("cannot make relocated data read-only", errno))?;
        let channel = sys::take_inherited(CHANNEL_SLOT).map_err(|cause| Fatal::os("there is no channel", cause))?;
        // Its death ends us (the supervisor asked for that before it started us), so whoever this is lives.
        Ok(Self { profile, rung: Opened { parent: rustix::process::getppid(), channel } })
    }

    /// Builds the loop, and with `make` whatever else the worker will need: after the lock nothing can be opened.
    ///
    /// # Errors
    /// When the loop cannot be built, or `make` fails.
    pub fn prepare<R>(
        self,
        make: impl FnOnce(&mut Preparation) -> io::Result<R>,
    ) -> Result<Worker<Prepared<R>>, Fatal> {
        let Self { profile, rung: Opened { parent, channel } } = self;
        // First of all, so that its descriptors have the numbers that the filter pins.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build()
            .map_err(|cause| Fatal::os("cannot build the loop", cause))?;
        let wake = profile.wake_fd();
        if !wakes_the_loop(wake) {
            return Err(Fatal::new(Exit::Software, format!("descriptor {wake} is not the eventfd of the loop"))
                .help("mio has changed the order in which it opens its descriptors: correct Profile::wake_fd"));
        }
        let status = rungs::own_status()?;
        let filters = Filters::compile(profile)?;
        let in_the_loop = runtime.enter();
        rustix::io::ioctl_fionbio(&channel, true).map_err(|errno| Fatal::os("cannot use the channel", errno))?;
        let socket = Socket::new(channel).map_err(|cause| Fatal::os("cannot watch the channel", cause))?;
        let resources =
            make(&mut Preparation(profile)).map_err(|cause| Fatal::os("cannot prepare the worker", cause))?;
        drop(in_the_loop);
        // Last of all: nothing that stays open may have these numbers but what is granted.
        for number in profile.kept_numbers() {
            drop(sys::take_inherited(number).map_err(|cause| Fatal::os("a number is not kept", cause))?);
        }
        rungs::warm();
        let kit = Kit { status, filters, runtime, socket, resources };
        Ok(Worker { profile, rung: Prepared { kit, parent } })
    }
}

/// What can be had before the lock, inside the loop: descriptors and randomness.
#[derive(Debug)]
pub struct Preparation(&'static Profile);

impl Preparation {
    /// A timer that counts the time asleep.
    ///
    /// # Errors
    /// When there is no descriptor left.
    pub fn timer(&mut self) -> io::Result<BootTimer> {
        BootTimer::new()
    }

    /// Its end of what joins this worker to another one: frames to and from it, of one type each way, without descriptors.
    /// For a worker whose profile has the slot [`JOINT_SLOT`]. Both are of one daemon, neither believes the other.
    ///
    /// # Errors
    /// There is no such slot, or it was taken before.
    pub fn joint<Out: Message, In: Message>(&mut self) -> io::Result<WorkerChannel<Out, In>> {
        // Without the slot the number is one of the loop's own.
        if !self.0.slots.iter().any(Slot::is_joint) {
            return Err(Errno::BADF.into());
        }
        let joint = sys::take_inherited(JOINT_SLOT)?;
        rustix::io::ioctl_fionbio(&joint, true)?;
        Ok(WorkerChannel::joint(Socket::new(joint)?))
    }

    /// 32 bytes from the kernel: all the entropy a machine ever gets.
    ///
    /// # Errors
    /// None on a kernel that works.
    pub fn seed(&mut self) -> io::Result<Seed> {
        let mut bytes = [0; 32];
        let mut filled = 0;
        while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match rustix::rand::getrandom(rest, rustix::rand::GetRandomFlags::empty()) {
                Ok(more) => filled += more,
                Err(Errno::INTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(Seed::from_bytes(bytes))
    }
}

impl<R> Worker<Prepared<R>> {
    /// Becomes the profile's user, without capabilities, in an empty root, under its limits.
    ///
    /// # Errors
    /// [`Exit::Permission`] when a required layer is missing, with the line of the image's YAML that grants it.
    pub fn drop_user(self) -> Result<Worker<Dropped<R>>, Fatal> {
        let Self { profile, rung: Prepared { kit, parent } } = self;
        rungs::drop_user(profile, parent)?;
        Ok(Worker { profile, rung: Dropped(kit) })
    }
}

impl<R> Worker<Dropped<R>> {
    /// Puts Landlock and the system call filters in force.
    ///
    /// # Errors
    /// [`Exit::Permission`] when a required layer is missing or does not do what it says.
    pub fn lock(self) -> Result<Locked<R>, Fatal> {
        let Self { profile, rung: Dropped(kit) } = self;
        let Kit { status, filters, runtime, socket, resources } = kit;
        let posture = rungs::lock(profile, status, &filters)?;
        Ok(Locked { runtime, socket, resources, posture })
    }
}

impl<R> Locked<R> {
    /// Says hello to the broker, in conversation `protocol`, and runs the worker until `run` is done.
    ///
    /// # Errors
    /// When the broker is gone before it has heard the hello.
    pub fn enter<Out: Message, In: Message, T>(
        self,
        protocol: u32,
        run: impl AsyncFnOnce(Context<Out, In, R>) -> T,
    ) -> Result<T, Fatal> {
        let Self { runtime, socket, resources, posture } = self;
        let result = runtime.block_on(async {
            let hello = Hello { protocol, posture };
            socket.send(&hello).await.map_err(|cause| Fatal::os("the broker does not hear the hello", cause))?;
            let Hello { posture, .. } = hello;
            Ok(run(Context { channel: WorkerChannel::new(socket), resources, posture }).await)
        });
        // Taking the loop down would wake threads that it never had, which is not in the table. The process ends.
        core::mem::forget(runtime);
        result
    }

    /// What this process claims to be restricted by.
    #[must_use]
    pub fn posture(&self) -> &Posture {
        &self.posture
    }
}

impl Slot {
    /// Whether what should be open there is.
    pub(crate) fn is_filled(&self) -> bool {
        let fits = |fd: BorrowedFd<'_>| match self.kind {
            Kind::Any => true,
            Kind::Pipe => file_type(fd) == Some(FileType::Fifo),
            Kind::Null => file_type(fd) == Some(FileType::CharacterDevice),
            Kind::Channel => sockopt::socket_type(fd) == Ok(SocketType::SEQPACKET),
            // The kernel has no type for it, and no other file of ours has none.
            Kind::Request => file_type(fd) == Some(FileType::Unknown),
        };
        sys::with_descriptor(self.fd, fits).unwrap_or(false)
    }
}

fn file_type(fd: BorrowedFd<'_>) -> Option<FileType> {
    rustix::fs::fstat(fd).ok().map(|stat| FileType::from_raw_mode(stat.st_mode))
}

/// Whether descriptor `fd` is an eventfd with nothing to read. What else the loop opens cannot be read at all.
fn wakes_the_loop(fd: i32) -> bool {
    sys::with_descriptor(fd, |fd| rustix::io::read(fd, &mut [0_u8; 8])) == Some(Err(Errno::AGAIN))
}
