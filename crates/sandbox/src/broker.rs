//! The broker's side: it narrows itself, waits until it knows what its worker can do, and only then talks to it.
//!
//! [`Broker::start`] → [`Broker::narrow`] → [`Narrow::await_worker`] → [`Attested`]. Before narrowing a broker opens
//! what it will need (netlink, directories, signals); afterwards it has the capabilities and system calls of its
//! profile. A descriptor can be granted only through the [`BrokerChannel`] of an [`Attested`] worker, so never
//! before its posture is known.

use core::pin::pin;
use core::task::Poll;
use core::time::Duration;
use std::fs::File;
use std::io;
use std::os::fd::BorrowedFd;
use std::path::Path;

use rustix::net::{SocketType, sockopt};
use rustix::process::Pid;

use crate::channel::{self, BrokerChannel, Message, Received, Socket};
use crate::fatal::{Exit, Fatal};
use crate::landlock::{self, Paths};
use crate::posture::{Posture, Status};
use crate::privileges;
use crate::profile::{Landlock, Need, Profile};
use crate::relay::Relay;
use crate::seccomp::Filters;
use crate::timer::BootTimer;
use crate::worker::Hello;
use crate::{clock, limits, sys};

/// The descriptor number of the pipe from the worker's stderr.
pub const STDERR_SLOT: i32 = 4;

/// How long a worker may take to lock itself in; it needs about a millisecond.
const HELLO_WITHIN: Duration = Duration::from_secs(5);

/// How long a worker that could not lock itself in has for saying why.
const LAST_WORDS_WITHIN: Duration = Duration::from_millis(200);

/// A broker that has not given anything up yet.
#[derive(Debug)]
#[must_use]
pub struct Broker {
    profile: &'static Profile,
    parent: Option<Pid>,
    own: File,
    worker: Option<File>,
    supervisor: Option<File>,
    socket: Socket,
    deadline: BootTimer,
    relay: Relay,
}

/// A broker that holds what its profile says.
#[derive(Debug)]
#[must_use]
pub struct Narrow {
    posture: Posture,
    own: File,
    worker: Option<File>,
    supervisor: Option<File>,
    socket: Option<Socket>,
    deadline: BootTimer,
    relay: Relay,
    require_landlock: bool,
}

/// A worker whose posture is known and enough.
#[derive(Debug)]
pub struct Attested<Out, In> {
    /// To and from the worker; the only thing that can grant a descriptor.
    pub channel: BrokerChannel<Out, In>,
    /// What the worker is restricted by: claimed by it, and as far as the kernel shows it, observed.
    pub posture: Posture,
}

/// What a broker keeps when it narrows itself.
#[derive(Debug, Clone, Copy, Default)]
pub struct Keep<'p> {
    /// Directories and files that it reads.
    pub read: &'p [&'p Path],
    /// Directories whose files it reads and writes as they are, such as `/proc/sys`. A rule of Landlock ends when the
    /// kernel forgets its directory: have it open for as long as you need it.
    pub adjust: &'p [&'p Path],
    /// Directories in which it makes, writes, renames and removes files.
    pub write: &'p [&'p Path],
    /// Whether less than all of Landlock is fatal, in broker and worker.
    pub require_landlock: bool,
}

impl Broker {
    /// Takes the slots of a broker whose worker is process `worker`. Must be called inside a tokio runtime, before
    /// the process opens anything else.
    ///
    /// # Errors
    /// When the process was not started by a supervisor, or the profile is incomplete.
    pub fn start(profile: &'static Profile, worker: i32, worker_role: &'static str) -> Result<Self, Fatal> {
        if let Some(what) = profile.incomplete() {
            return Err(Fatal::new(Exit::Software, format!("the profile {} is incomplete: {what}", profile.name)));
        }
        let is_channel = |fd: BorrowedFd<'_>| sockopt::socket_type(fd) == Ok(SocketType::SEQPACKET);
        if sys::with_descriptor(channel::SLOT, is_channel) != Some(true) {
            return Err(Fatal::new(Exit::Usage, "there is no channel to a worker")
                .help("--broker-of is for the supervisor's own use; run the daemon without it"));
        }
        sys::set_name(profile.name);
        sys::protect_relocated().map_err(|errno| Fatal::os("cannot make relocated data read-only", errno))?;
        let os = |what: &'static str| move |cause: io::Error| Fatal::os(what, cause);
        let channel = sys::take_inherited(channel::SLOT).map_err(os("there is no channel"))?;
        let socket = Socket::new(channel).map_err(os("cannot watch the channel"))?;
        socket.refuse_descriptors();
        let pipe = sys::take_inherited(STDERR_SLOT).map_err(os("there is no pipe from the worker's stderr"))?;
        let relay = Relay::new(pipe, worker_role).map_err(os("cannot watch the worker's stderr"))?;
        let parent = rustix::process::getppid();
        Ok(Self {
            profile,
            parent,
            own: File::open("/proc/self/status").map_err(os("cannot open /proc/self/status"))?,
            // A worker that is gone already has said why; that is heard when it is awaited.
            worker: File::open(format!("/proc/{worker}/status")).ok(),
            // From another process namespace the supervisor cannot be seen.
            supervisor: parent.and_then(|pid| File::open(format!("/proc/{}/status", pid.as_raw_nonzero())).ok()),
            socket,
            deadline: BootTimer::new().map_err(os("cannot make a timer"))?,
            relay,
        })
    }

    /// The relay of the worker's stderr. Unless it runs, what the worker logs is lost, and when the pipe is full the
    /// worker waits.
    #[must_use]
    pub fn relay(&self) -> Relay {
        self.relay.clone()
    }

    /// Gives up everything but what the profile and `keep` say.
    ///
    /// # Errors
    /// [`Exit::Permission`] when a capability or a required layer is missing, with the line of the image's YAML that
    /// grants it.
    pub fn narrow(self, keep: Keep<'_>) -> Result<Narrow, Fatal> {
        let Self { profile, parent, own, worker, supervisor, socket, deadline, relay } = self;
        let Keep { read, adjust, write, require_landlock } = keep;
        let filters = Filters::compile(profile)?;
        let kept = profile.capabilities();
        privileges::require(profile.keep)?;
        limits::apply(profile.limits)?;
        privileges::bound(kept)?;
        privileges::lock_secure_bits()?;
        privileges::become_user(profile.ids)?;
        privileges::hold(kept, kept)?;
        privileges::forbid_new_privileges()?;
        limits::refuse_debuggers()?;
        privileges::die_with(parent)?;
        let Landlock { need, .. } = profile.landlock;
        let need = if require_landlock { Need::Require } else { need };
        let landlock = landlock::restrict(need, Paths { read, adjust, write })?;
        landlock.judge(need, "broker")?;
        let status = Status::read(&own).map_err(|cause| Fatal::os("cannot read /proc/self/status", cause))?;
        if status.threads != 1 {
            return Err(Fatal::new(Exit::Software, format!("{} threads before narrowing", status.threads)));
        }
        let posture = Posture {
            status,
            allowed: filters.allowed(),
            denied: filters.denied(),
            landlock,
            empty_root: false,
            limited: limits::in_force(profile.limits),
            open_files: sys::open_files(),
        };
        filters.install()?;
        let mut narrow =
            Narrow { posture, own, worker, supervisor, socket: Some(socket), deadline, relay, require_landlock };
        narrow.posture.status = narrow.observe_own()?;
        narrow
            .posture
            .meets(profile)
            .map_err(|gaps| Fatal::new(Exit::Permission, "the broker is not confined").cause(gaps))?;
        Ok(narrow)
    }
}

impl Narrow {
    /// Waits until the worker has locked itself in, and checks what it says against what the kernel says.
    ///
    /// # Errors
    /// [`Exit::Permission`] when the worker's posture is not what `profile` requires or not what it claims,
    /// [`Exit::Os`] when it ends or takes too long before that, [`Exit::Software`] when it is of another build.
    pub async fn await_worker<Out: Message, In: Message>(
        &mut self,
        profile: &Profile,
        protocol: u32,
    ) -> Result<Attested<Out, In>, Fatal> {
        let socket = self.socket.take().ok_or_else(|| Fatal::new(Exit::Software, "the worker was awaited twice"))?;
        let Hello { protocol: spoken, posture } = self.hello(&socket).await?;
        if spoken != protocol {
            return Err(Fatal::new(
                Exit::Software,
                format!("the worker speaks protocol {spoken}, the broker {protocol}"),
            )
            .help("install both programs from the same build"));
        }
        let observed = self.observe_worker().map_err(|cause| Fatal::os("cannot observe the worker", cause))?;
        attest("worker", &posture, &observed, profile)?;
        let need = if self.require_landlock { Need::Require } else { profile.landlock.need };
        posture.landlock.judge(need, profile.name)?;
        let (own, workers) = (self.posture.landlock, posture.landlock);
        if own.is_weak() || workers.is_weak() {
            tracing::warn!(broker = %own, worker = %workers, "weaker sandbox: Landlock is not fully enforced");
        }
        Ok(Attested { channel: BrokerChannel::new(socket), posture })
    }

    async fn hello(&self, socket: &Socket) -> Result<Hello, Fatal> {
        let failed = |cause: String| Fatal::os("the worker did not lock itself in", cause);
        match self.within(HELLO_WITHIN, socket.recv::<Hello>(false)).await? {
            Some(Ok(Received { message, .. })) => Ok(message),
            Some(Err(cause)) => {
                // It has said why on its stderr, and ends: whoever reads our log should know.
                let _suppressed = self.within(LAST_WORDS_WITHIN, self.relay.clone().run()).await?;
                Err(failed(cause.to_string()))
            }
            None => Err(failed(format!("nothing heard for {HELLO_WITHIN:?}"))),
        }
    }

    /// What `future` gives, unless it takes longer than `limit`.
    ///
    /// # Errors
    /// None on a kernel that works.
    pub async fn within<T>(&self, limit: Duration, future: impl Future<Output = T>) -> Result<Option<T>, Fatal> {
        let os = |cause: io::Error| Fatal::os("cannot set the timer", cause);
        self.deadline.set(Some(clock::now().after(limit))).map_err(os)?;
        let mut future = pin!(future);
        let mut late = pin!(self.deadline.expired());
        Ok(core::future::poll_fn(|context| match future.as_mut().poll(context) {
            Poll::Ready(value) => Poll::Ready(Some(value)),
            Poll::Pending => late.as_mut().poll(context).map(|_| None),
        })
        .await)
    }

    /// What this broker is restricted by.
    #[must_use]
    pub fn posture(&self) -> &Posture {
        &self.posture
    }

    /// What the kernel says about the supervisor, if this process can see it.
    #[must_use]
    pub fn supervisor(&self) -> Option<Status> {
        self.supervisor.as_ref().and_then(|status| Posture::observe(status).ok())
    }

    /// What the kernel says about the worker now.
    ///
    /// # Errors
    /// When it is gone.
    pub fn observe_worker(&self) -> io::Result<Status> {
        self.worker.as_ref().ok_or_else(|| io::ErrorKind::NotFound.into()).and_then(Posture::observe)
    }

    fn observe_own(&self) -> Result<Status, Fatal> {
        Posture::observe(&self.own).map_err(|cause| Fatal::os("cannot read /proc/self/status", cause))
    }
}

/// Believes a process that is what it claims, as far as the kernel shows it, and what its profile requires.
pub(crate) fn attest(who: &str, claimed: &Posture, observed: &Status, profile: &Profile) -> Result<(), Fatal> {
    let refused = |cause: String| Err(Fatal::new(Exit::Permission, format!("the {who} is not confined")).cause(cause));
    if claimed.status != *observed {
        return refused(format!("it claims {:?}, and the kernel says {observed:?}", claimed.status));
    }
    claimed.meets(profile).or_else(|gaps| refused(gaps.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::posture::tests::{PROFILE, locked};

    #[test]
    fn a_worker_is_believed_only_if_the_kernel_says_the_same() {
        let honest = locked();
        assert_eq!(attest("worker", &honest, &honest.status, &PROFILE), Ok(()));
        let observed = Status { no_new_privs: false, ..honest.status.clone() };
        let fatal = attest("worker", &honest, &observed, &PROFILE).unwrap_err();
        assert_eq!(fatal.exit, Exit::Permission);
        assert!(fatal.cause.unwrap().starts_with("it claims Status"));
    }

    #[test]
    fn a_worker_that_admits_a_gap_is_refused_too() {
        let honest = Posture { empty_root: false, ..locked() };
        let fatal = attest("worker", &honest, &honest.status, &PROFILE).unwrap_err();
        assert_eq!(fatal.cause.as_deref(), Some("not as required: the root directory"));
    }
}
