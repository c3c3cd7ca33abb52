//! The broker's side: it narrows itself, waits until it knows what its workers can do, and only then talks to them.
//!
//! [`Broker::start`] → [`Broker::narrow`] → [`Narrow::newborn`] → [`Narrow::attest`] → [`Attested`]. Before narrowing a
//! broker opens what it will need (netlink, directories, signals); afterwards it has the capabilities and system calls of
//! its profile. Every worker, first or started again, arrives as a [`Newborn`]. A descriptor can be granted only through
//! the [`BrokerChannel`] of an [`Attested`] worker, so never before its posture is known.

use core::pin::pin;
use core::task::Poll;
use core::time::Duration;
use std::fs::File;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::net::{SocketType, sockopt};
use rustix::process::Pid;

use crate::channel::{BrokerChannel, Message, Received, Socket};
use crate::daemon::Daemon;
use crate::fatal::{Exit, Fatal};
use crate::landlock::{self, Reach};
use crate::posture::{Gap, Gaps, Posture, Status};
use crate::privileges;
use crate::profile::{FIRST_REQUEST_SLOT, Landlock, Layers, Need, Profile, READY_SLOT, ROSTER_SLOT};
use crate::relay::Relay;
use crate::roster::{Newborn, Roster};
use crate::seccomp::Filters;
use crate::timer::BootTimer;
use crate::worker::Hello;
use crate::{clock, limits, rungs, sys};

/// How long a worker may take to lock itself in; it needs about a millisecond.
const HELLO_WITHIN: Duration = Duration::from_secs(5);

/// How long a worker that could not lock itself in has for saying why.
const LAST_WORDS_WITHIN: Duration = Duration::from_millis(200);

/// A broker that has not given anything up yet.
#[derive(Debug)]
#[must_use]
pub struct Broker {
    daemon: &'static Daemon,
    profile: &'static Profile,
    parent: Option<Pid>,
    own: File,
    supervisor: Option<File>,
    roster: Roster,
    ready: Option<OwnedFd>,
    requests: Vec<(usize, OwnedFd)>,
    deadline: BootTimer,
    hellos: Vec<BootTimer>,
}

/// A broker that holds what its profile says.
#[derive(Debug)]
#[must_use]
pub struct Narrow {
    daemon: &'static Daemon,
    posture: Posture,
    own: File,
    supervisor: Option<File>,
    roster: Roster,
    /// For each optional worker, by its place.
    requests: Vec<(usize, OwnedFd)>,
    deadline: BootTimer,
    /// For each worker, by its place: it could not be made any more when the worker comes.
    hellos: Vec<BootTimer>,
    require_landlock: bool,
}

/// A worker whose posture is known and enough. Its log is relayed from now on.
#[derive(Debug)]
pub struct Attested<Out, In> {
    /// To and from the worker; the only thing that can grant a descriptor.
    pub channel: BrokerChannel<Out, In>,
    /// Who it is.
    pub profile: &'static Profile,
    /// What the worker is restricted by: claimed by it, and as far as the kernel shows it, observed.
    pub posture: Posture,
    status: File,
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
    /// TCP ports of others that it connects to.
    pub connect: &'p [u16],
    /// TCP ports of this machine that it connects from, where it does not leave the choice to the kernel.
    pub bind: &'p [u16],
    /// Whether less than all of Landlock is fatal, in broker and worker.
    pub require_landlock: bool,
}

/// Has the kernel count what this process uses up in the name of its daemon's [account](Daemon::account), not of root. For a
/// broker, before it builds its loop; what it has forked by then, its appliers, stays as it is.
///
/// # Errors
/// [`Exit::Permission`] when the process may not change its user.
pub fn take_account(daemon: &Daemon) -> Result<(), Fatal> {
    if daemon.broker.layers == Layers::UNPRIVILEGED { Ok(()) } else { privileges::charge_to(daemon.account()) }
}

impl Broker {
    /// Takes the slots of a broker of `daemon`, which runs under `profile`: the daemon's own for it, or one that keeps more of
    /// what the daemon is lent. Must be called inside a tokio runtime, before the process opens anything else.
    ///
    /// # Errors
    /// When the process was not started by a supervisor, or the daemon is incomplete.
    pub fn start(daemon: &'static Daemon, profile: &'static Profile) -> Result<Self, Fatal> {
        if let Some(what) = daemon.incomplete().or_else(|| profile.incomplete()) {
            return Err(Fatal::new(Exit::Software, format!("the daemon {} is incomplete: {what}", daemon.name)));
        }
        let is_roster = |fd: BorrowedFd<'_>| sockopt::socket_type(fd) == Ok(SocketType::SEQPACKET);
        if sys::with_descriptor(ROSTER_SLOT, is_roster) != Some(true) {
            return Err(Fatal::new(Exit::Usage, "there is no roster of workers")
                .help("--broker-of is for the supervisor's own use; run the daemon without it"));
        }
        sys::set_name(profile.name);
        sys::protect_relocated().map_err(|errno| Fatal::os("cannot make relocated data read-only", errno))?;
        let os = |what: &'static str| move |cause: io::Error| Fatal::os(what, cause);
        let slot = |fd| sys::take_inherited(fd).map_err(os("a descriptor from the supervisor is missing"));
        let roster = slot(ROSTER_SLOT)?;
        let ready = slot(READY_SLOT)?;
        let requests = daemon.asked_for().zip(FIRST_REQUEST_SLOT..).map(|(at, fd)| Ok((at, slot(fd)?)));
        let requests = requests.collect::<Result<_, Fatal>>()?;
        let parent = rustix::process::getppid();
        let timer = || BootTimer::new().map_err(os("cannot make a timer"));
        Ok(Self {
            daemon,
            profile,
            parent,
            own: File::open("/proc/self/status").map_err(os("cannot open /proc/self/status"))?,
            // From another process namespace the supervisor cannot be seen.
            supervisor: parent.and_then(|pid| File::open(format!("/proc/{}/status", pid.as_raw_nonzero())).ok()),
            roster: Roster::new(roster).map_err(os("cannot watch the roster"))?,
            ready: Some(ready),
            requests,
            deadline: timer()?,
            hellos: daemon.workers.iter().map(|_| timer()).collect::<Result<_, _>>()?,
        })
    }

    /// The eventfd by which the supervisor hears that the daemon has done what it is there for; `None` the second time.
    pub fn ready(&mut self) -> Option<OwnedFd> {
        self.ready.take()
    }

    /// Gives up everything but what the profile and `keep` say.
    ///
    /// # Errors
    /// [`Exit::Permission`] when a capability or a required layer is missing, with the line of the image's YAML that
    /// grants it.
    pub fn narrow(self, keep: Keep<'_>) -> Result<Narrow, Fatal> {
        let Self { daemon, profile, parent, own, supervisor, roster, ready: _, requests, deadline, hellos } = self;
        let Keep { read, adjust, write, connect, bind, require_landlock } = keep;
        let filters = Filters::compile(profile)?;
        let kept = profile.capabilities();
        privileges::require(profile.keep)?;
        limits::apply(profile.limits)?;
        if profile.layers != Layers::UNPRIVILEGED {
            privileges::bound(kept)?;
            privileges::lock_secure_bits()?;
            privileges::become_user(profile.ids)?;
            privileges::charge_to(daemon.account())?;
        }
        privileges::hold(kept, kept)?;
        privileges::forbid_new_privileges()?;
        limits::refuse_debuggers()?;
        privileges::die_with(parent)?;
        let Landlock { need, .. } = profile.landlock;
        let need = if require_landlock { Need::Require } else { need };
        let landlock = landlock::restrict(need, Reach { read, adjust, write, connect, bind })?;
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
        rungs::warm();
        filters.install()?;
        let mut narrow =
            Narrow { daemon, posture, own, supervisor, roster, requests, deadline, hellos, require_landlock };
        narrow.posture.status = narrow.observe_own()?;
        let [real, ..] = narrow.posture.status.uids;
        let is_charged = profile.layers == Layers::UNPRIVILEGED || real == daemon.account();
        let met = narrow.posture.meets(profile).and(if is_charged { Ok(()) } else { Err(Gaps(vec![Gap::Ids])) });
        met.map_err(|gaps| Fatal::new(Exit::Permission, "the broker is not confined").cause(gaps))?;
        Ok(narrow)
    }
}

impl Narrow {
    /// Waits for the next worker: each that the daemon cannot do without comes by itself, an optional one when it was
    /// [asked for](Narrow::ask), and whichever was started again. Cancelling loses nothing.
    ///
    /// # Errors
    /// The supervisor is gone, or is of another build.
    pub async fn newborn(&self) -> Result<Newborn, Fatal> {
        let name = |index: usize| self.daemon.workers.get(index).map(|worker| worker.profile.name);
        self.roster.next(name).await.map_err(|cause| Fatal::os("cannot hear of the workers", cause))
    }

    /// Waits until the worker has locked itself in, and checks what it says against what the kernel says.
    ///
    /// # Errors
    /// [`Exit::Permission`] when the worker's posture is not what its profile requires or not what it claims,
    /// [`Exit::Os`] when it ends or takes too long before that, [`Exit::Software`] when it is of another build.
    pub async fn attest<Out: Message, In: Message>(
        &self,
        newborn: Newborn,
        protocol: u32,
    ) -> Result<Attested<Out, In>, Fatal> {
        let Newborn { index, generation: _, pid: _, restarts: _, last: _, socket, relay, status } = newborn;
        let known = self.daemon.workers.get(index).zip(self.hellos.get(index));
        let (worker, deadline) = known.ok_or_else(|| Fatal::new(Exit::Software, "there is no such worker"))?;
        let profile = worker.profile;
        let Hello { protocol: spoken, posture } = hello(&socket, &relay, deadline).await?;
        if spoken != protocol {
            return Err(Fatal::new(
                Exit::Software,
                format!("the worker speaks protocol {spoken}, the broker {protocol}"),
            )
            .help("install both programs from the same build"));
        }
        let observed = Posture::observe(&status).map_err(|cause| Fatal::os("cannot observe the worker", cause))?;
        attest("worker", &posture, &observed, profile)?;
        let need = if self.require_landlock { Need::Require } else { profile.landlock.need };
        posture.landlock.judge(need, profile.name)?;
        let (own, workers) = (self.posture.landlock, posture.landlock);
        if own.is_weak() || workers.is_weak() {
            tracing::warn!(broker = %own, worker = %workers, "weaker sandbox: Landlock is not fully enforced");
        }
        tokio::spawn(relay.clone().run());
        Ok(Attested { channel: BrokerChannel::new(socket, Some(relay)), profile, posture, status })
    }

    /// The next worker, once it is confined: what a broker of one worker waits for.
    ///
    /// # Errors
    /// As [`Narrow::newborn`] and [`Narrow::attest`].
    pub async fn worker<Out: Message, In: Message>(&self, protocol: u32) -> Result<Attested<Out, In>, Fatal> {
        self.attest(self.newborn().await?, protocol).await
    }

    /// Asks the supervisor for the optional worker in place `index`. Where it runs, or will soon be started again, nothing
    /// happens.
    ///
    /// # Errors
    /// There is no optional worker in that place.
    pub fn ask(&self, index: usize) -> io::Result<()> {
        let request = self.requests.iter().find(|(at, _)| *at == index).ok_or(io::ErrorKind::NotFound)?;
        match rustix::io::write(&request.1, &1_u64.to_ne_bytes()) {
            // So often asked for that the counter is full: the supervisor has not looked yet, and will.
            Err(rustix::io::Errno::AGAIN) => Ok(()),
            result => Ok(result.map(|_whole| ())?),
        }
    }

    /// What `future` gives, unless it takes longer than `limit`.
    ///
    /// # Errors
    /// None on a kernel that works.
    pub async fn within<T>(&self, limit: Duration, future: impl Future<Output = T>) -> Result<Option<T>, Fatal> {
        within(&self.deadline, limit, future).await
    }

    /// Whose broker it is.
    #[must_use]
    pub fn daemon(&self) -> &'static Daemon {
        self.daemon
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

    fn observe_own(&self) -> Result<Status, Fatal> {
        Posture::observe(&self.own).map_err(|cause| Fatal::os("cannot read /proc/self/status", cause))
    }
}

impl<Out, In> Attested<Out, In> {
    /// What the kernel says about the worker now.
    ///
    /// # Errors
    /// When it is gone.
    pub fn observe(&self) -> io::Result<Status> {
        Posture::observe(&self.status)
    }
}

async fn hello(socket: &Socket, relay: &Relay, deadline: &BootTimer) -> Result<Hello, Fatal> {
    let failed = |cause: String| Fatal::os("the worker did not lock itself in", cause);
    match within(deadline, HELLO_WITHIN, socket.recv::<Hello>(0)).await? {
        Some(Ok(Received { message, .. })) => Ok(message),
        Some(Err(cause)) => {
            // It has said why on its stderr, and ends: whoever reads our log should know.
            let _suppressed = within(deadline, LAST_WORDS_WITHIN, relay.clone().run()).await?;
            Err(failed(cause.to_string()))
        }
        None => Err(failed(format!("nothing heard for {HELLO_WITHIN:?}"))),
    }
}

async fn within<T>(deadline: &BootTimer, limit: Duration, future: impl Future<Output = T>) -> Result<Option<T>, Fatal> {
    let os = |cause: io::Error| Fatal::os("cannot set the timer", cause);
    deadline.set(Some(clock::now().after(limit))).map_err(os)?;
    let mut future = pin!(future);
    let mut late = pin!(deadline.expired());
    let value = core::future::poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(value) => Poll::Ready(Some(value)),
        Poll::Pending => late.as_mut().poll(context).map(|_| None),
    })
    .await;
    // Nobody waits for it any more, and it would wake a broker that sleeps.
    deadline.set(None).map_err(os)?;
    Ok(value)
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
