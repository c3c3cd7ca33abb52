//! A daemon as small as one can be: its worker echoes numbers and reads from the descriptor that it is granted.

use std::ffi::CString;
use std::io::Write as _;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use orlop_sandbox::broker::{Attested, Broker, Keep};
use orlop_sandbox::channel::ChannelError;
use orlop_sandbox::daemon::{self, Processes, Service};
use orlop_sandbox::datagram::Datagram;
use orlop_sandbox::fatal::{Exit, Fatal};
use orlop_sandbox::posture::Status;
use orlop_sandbox::profile::{Ids, Profile, Rule, join};
use orlop_sandbox::seccomp::WORKER_BASE;
use orlop_sandbox::signals::Signals;
use orlop_sandbox::supervisor::{Birth, Lifetime, Plan, Started, Supervisor, hold_signals, inherited};
use orlop_sandbox::worker::{Context, Worker};
use orlop_sandbox::{base, clock, log, syscall};
use orlop_wire::MaxSize;
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};
use serde::{Deserialize, Serialize};
use tracing::level_filters::LevelFilter;

use crate::appliers::{self, Appliers};
use crate::crew;

#[derive(Debug, Serialize, Deserialize, MaxSize)]
enum ToWorker {
    Echo(u32),
    /// Comes with a datagram socket; answer with the first byte that arrives there.
    Listen,
    /// Comes with a socket to keep until told otherwise.
    Hold,
    /// Close all that are held, and say how many.
    Release,
    Complain,
    Panic,
    Garble,
    Overrun,
    End,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, MaxSize)]
enum ToBroker {
    Echoed(u32),
    Heard(u8),
}

/// What the worker can say: more than its broker understands.
#[derive(Debug, Serialize, Deserialize, MaxSize)]
enum FromWorker {
    Echoed(u32),
    Heard(u8),
    Unknown,
    Long([u8; 32]),
}

const WORKER_RULES: [Rule; WORKER_BASE.len() + 1] =
    join(&[&WORKER_BASE, &[Rule::any(syscall!(SYS_recvfrom), "the granted datagram socket")]]);

pub(crate) const WORKER: Profile =
    Profile { name: "trio-worker", ids: Ids { uid: 64_100, gid: 64_100 }, syscalls: &WORKER_RULES, ..base::WORKER };

/// As good, but not what the broker expects.
const OTHER_WORKER: Profile = Profile { name: "trio-worker-other", ids: Ids { uid: 64_099, gid: 64_099 }, ..WORKER };

const BROKER: Profile = Profile { name: "trio-broker", ..base::BROKER };

/// What a worker is called decides what it does: it gets no other argument.
const PROFILES: [&Profile; 2 + crew::PROFILES.len()] = join(&[&[&WORKER, &OTHER_WORKER], &crew::PROFILES]);

const fn vital(profile: &'static Profile) -> [daemon::Worker; 1] {
    [daemon::Worker { program: PROGRAM, profile, service: Service::Vital, grants: &[] }]
}

/// The link to this program that stands beside itself in a folder of the test's.
pub(crate) const PROGRAM: &str = "trio";

const WORKERS: [daemon::Worker; 1] = vital(&WORKER);
const OTHER_WORKERS: [daemon::Worker; 1] = vital(&OTHER_WORKER);

pub(crate) const SIMPLE: daemon::Daemon = daemon::Daemon {
    name: "trio",
    title: "daemon as small as one can be",
    program: PROGRAM,
    aliases: &[],
    broker: &BROKER,
    workers: &WORKERS,
    joined: &[],
    appliers: &[],
    lent: &appliers::LENT,
    capabilities: &[],
    binds: &[],
    processes: Processes::Own,
    settings: &[],
};
/// What its supervisor starts is not what its broker knows.
static OTHER: daemon::Daemon = daemon::Daemon { workers: &OTHER_WORKERS, ..SIMPLE };
static DAEMON: daemon::Daemon = SIMPLE;

/// Which of the three this process is.
pub(crate) enum Role {
    Supervisor,
    Broker(Birth),
    Worker(&'static Profile),
}

impl Role {
    pub(crate) fn of(arguments: &[String]) -> Option<Self> {
        let name = arguments.first()?;
        if let Some(profile) = PROFILES.into_iter().find(|profile| profile.name == name) {
            return Some(Self::Worker(profile));
        }
        match Started::of(arguments.iter().map(Into::into)).unwrap() {
            (Started::AsBroker(birth), _) => Some(Self::Broker(birth)),
            (Started::ByUser, _) => arguments.iter().any(|argument| argument == "--daemon").then_some(Self::Supervisor),
        }
    }
}

pub(crate) fn play(role: Role, arguments: &[String]) -> ExitCode {
    let has = |flag: &str| arguments.iter().any(|argument| argument == flag);
    let result = match role {
        Role::Supervisor => {
            log::init("supervisor", LevelFilter::INFO);
            if has("--without-landlock") {
                hide_landlock();
            }
            if has("--slow-to-start") {
                hold_signals().unwrap();
                say("starting");
                std::thread::sleep(Duration::from_millis(300));
            }
            supervise(arguments, &has)
        }
        Role::Broker(birth) => {
            log::init("broker", LevelFilter::INFO);
            if let Some(errno) = arguments.iter().find_map(|argument| argument.strip_prefix("--errno=")) {
                let cause = std::io::Error::from_raw_os_error(errno.parse().unwrap());
                return Fatal::os("cannot begin", cause).report().into();
            }
            let appliers = if has("--appliers") { Appliers::fork() } else { Ok(Appliers::default()) };
            let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
            let served = appliers.and_then(|appliers| {
                runtime.block_on(async {
                    if has("--crew") { crew::serve(&birth, &has).await } else { serve(appliers, &has).await }
                })
            });
            served.map(Exit::code)
        }
        Role::Worker(profile) => {
            log::init("worker", LevelFilter::INFO);
            if crew::PROFILES.contains(&profile) { crew::work(profile) } else { work(profile) }.map(|()| 0)
        }
    };
    match result {
        Ok(code) => ExitCode::from(code),
        Err(fatal) => fatal.report().into(),
    }
}

fn supervise(arguments: &[String], has: &impl Fn(&str) -> bool) -> Result<u8, Fatal> {
    let daemon = match () {
        () if has("--other-worker") => &OTHER,
        () if has("--crew") => &crew::DAEMON,
        () => &DAEMON,
    };
    let ready = has("--ready").then(|| inherited(READY)).transpose()?;
    let hard_stop = Duration::from_secs(2);
    // The workers' program is this one, whatever name the compiler gave it.
    let folder = Folder::with_link();
    let supervisor = Supervisor::open_beside(daemon, &folder.0.join(PROGRAM))?;
    drop(folder);
    supervisor.run(Plan {
        daemon,
        broker_args: arguments.iter().map(|argument| CString::new(argument.as_str()).unwrap()).collect(),
        lifetime: match (has("--oneshot"), has("--once")) {
            (false, _) => Lifetime::Service,
            (true, false) => Lifetime::OneShot { hard_stop },
            (true, true) => Lifetime::Single { hard_stop: Some(hard_stop) },
        },
        ready,
    })
}

/// The descriptor on which a test waits until the daemon is ready.
const READY: i32 = 7;

/// A folder with a link to this program in it.
struct Folder(PathBuf);

impl Folder {
    fn with_link() -> Self {
        let folder = std::env::temp_dir().join(format!("trio-{}", std::process::id()));
        std::fs::create_dir(&folder).unwrap();
        std::os::unix::fs::symlink(std::env::current_exe().unwrap(), folder.join(PROGRAM)).unwrap();
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap();
    }
}

/// Makes the kernel look like one that was built without Landlock, to this process and all it starts.
fn hide_landlock() {
    let create = syscall!(SYS_landlock_create_ruleset).number;
    let no_such_call = SeccompAction::Errno(rustix::io::Errno::NOSYS.raw_os_error().unsigned_abs());
    let architecture = std::env::consts::ARCH.try_into().unwrap();
    let filter =
        SeccompFilter::new([(create, vec![])].into(), SeccompAction::Allow, no_such_call, architecture).unwrap();
    let program: BpfProgram = filter.try_into().unwrap();
    seccompiler::apply_filter(&program).unwrap();
}

const PROTOCOL: u32 = 7;

/// More sockets than tokio forgets without waking its own loop (16), which takes a system call of its own.
const HELD: u32 = 40;

async fn serve(appliers: Appliers, has: &impl Fn(&str) -> bool) -> Result<Exit, Fatal> {
    // Afterwards there is no system call to ask with.
    let own = std::process::id();
    let mut broker = Broker::start(&DAEMON, &BROKER)?;
    let ready = broker.ready().expect("it was not taken before");
    let signals = Signals::open().unwrap();
    let (ours, theirs) = std::os::unix::net::UnixDatagram::pair().unwrap();
    let narrow = broker.narrow(Keep { require_landlock: has("--require-landlock"), ..Keep::default() })?;
    appliers.play(narrow.posture(), has)?;
    let protocol = if has("--other-build") { PROTOCOL + 1 } else { PROTOCOL };
    let newborn = narrow.newborn().await?;
    let worker = newborn.pid;
    let attested = narrow.attest::<ToWorker, ToBroker>(newborn, protocol).await?;
    assert_eq!(attested.observe().unwrap(), attested.posture.status);
    let Attested { channel, posture, .. } = attested;
    say(&format!("pids broker={own} worker={worker}"));
    say(&format!("worker {posture}"));
    say(&format!("broker {}", narrow.posture()));
    let supervisor: Option<Status> = narrow.supervisor();
    say(&format!("supervisor effective={}", supervisor.map_or_else(String::new, |s| s.effective.to_string())));

    let lost = |cause: ChannelError| Fatal::os("the worker is lost", cause);
    channel.send(&ToWorker::Echo(42)).await.map_err(lost)?;
    say(&format!("{:?}", channel.recv().await.map_err(lost)?.message));
    channel.send_with(&ToWorker::Listen, theirs.as_fd()).map_err(lost)?;
    ours.send(b"!").unwrap();
    say(&format!("{:?}", channel.recv().await.map_err(lost)?.message));
    for _ in 0..HELD {
        channel.send_with(&ToWorker::Hold, theirs.as_fd()).map_err(lost)?;
    }
    channel.send(&ToWorker::Release).await.map_err(lost)?;
    say(&format!("released {:?}", channel.recv().await.map_err(lost)?.message));
    for (flag, message) in [
        ("--complain", ToWorker::Complain),
        ("--panic", ToWorker::Panic),
        ("--garble", ToWorker::Garble),
        ("--overrun", ToWorker::Overrun),
        ("--end", ToWorker::End),
    ] {
        if has(flag) {
            channel.send(&message).await.map_err(lost)?;
        }
    }
    if has("--chatter") {
        for number in 0..20_000 {
            tracing::info!(number, "a peer makes the broker say this, and the next line, and the one after that");
        }
        tracing::error!("this is for somebody who acts");
        return Err(Fatal::new(Exit::Refused, "it is over"));
    }
    if has("--linger") {
        // Twice as long as a supervisor has patience. It has no system call to sleep with.
        let since = clock::now();
        while clock::now().since(since) < Duration::from_millis(500) {}
    }
    for (flag, exit) in [("--refused", Exit::Refused), ("--unmet", Exit::Unmet), ("--mistaken", Exit::Mistaken)] {
        if has(flag) {
            return Ok(exit);
        }
    }
    if has("--oneshot") && !has("--hang") {
        return Ok(Exit::Done);
    }
    say("ready");
    rustix::io::write(&ready, &1_u64.to_ne_bytes())
        .map_err(|errno| Fatal::os("nobody waits until the daemon is ready", errno))?;
    drop(ready);
    let mut signal = std::pin::pin!(signals.recv());
    let mut message = std::pin::pin!(channel.recv());
    std::future::poll_fn(|context| {
        if signal.as_mut().poll(context).is_ready() {
            say("told to end");
            return if has("--stubborn") { std::task::Poll::Pending } else { std::task::Poll::Ready(Ok(Exit::Done)) };
        }
        message.as_mut().poll(context).map(|message| Err(lost(message.expect_err("the worker sends nothing unasked"))))
    })
    .await
}

pub(crate) fn say(line: &str) {
    let _closed = std::io::stdout().write_all(format!("{line}\n").as_bytes());
}

fn work(profile: &'static Profile) -> Result<(), Fatal> {
    let start = clock::now();
    let locked = Worker::open(profile)?
        .prepare(|preparation| Ok((preparation.timer()?, preparation.seed()?)))?
        .drop_user()?
        .lock()?;
    let locked_in = clock::now().since(start);
    locked.enter(PROTOCOL, async |context: Context<FromWorker, ToWorker, _>| {
        let channel = context.channel;
        let mut held = Vec::new();
        tracing::info!(micros = locked_in.as_micros(), "confined");
        while let Ok(received) = channel.recv().await {
            match received.message {
                ToWorker::Echo(number) => channel.send(&FromWorker::Echoed(number)).await.unwrap(),
                ToWorker::Listen => {
                    let socket = Datagram::from_fd(received.fd.expect("comes with the message")).unwrap();
                    let mut byte = [0];
                    socket.recv(&mut byte).await.unwrap();
                    channel.send(&FromWorker::Heard(byte[0])).await.unwrap();
                }
                ToWorker::Hold => held.push(Datagram::from_fd(received.fd.expect("comes with the message")).unwrap()),
                ToWorker::Release => {
                    let count = held.len();
                    held.clear();
                    channel.send(&FromWorker::Echoed(count.try_into().unwrap())).await.unwrap();
                }
                ToWorker::Complain => tracing::warn!(what = "\nERROR broker forged", "a complaint"),
                ToWorker::Panic => panic!("told to"),
                ToWorker::Garble => channel.send(&FromWorker::Unknown).await.unwrap(),
                ToWorker::Overrun => channel.send(&FromWorker::Long([0xff; 32])).await.unwrap(),
                ToWorker::End => break,
            }
        }
    })
}
