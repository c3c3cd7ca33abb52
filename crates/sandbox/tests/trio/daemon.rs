//! A daemon as small as one can be: its worker echoes numbers and reads from the descriptor that it is granted.

use std::ffi::CString;
use std::io::Write as _;
use std::os::fd::AsFd;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use orlop_sandbox::broker::{Attested, Broker, Keep};
use orlop_sandbox::channel::ChannelError;
use orlop_sandbox::datagram::Datagram;
use orlop_sandbox::fatal::{Exit, Fatal};
use orlop_sandbox::posture::Status;
use orlop_sandbox::profile::{
    Denied, Ids, Kind, Landlock, LandlockSpec, Layers, Limits, Need, Profile, Root, Rule, Slot, Usage, join,
};
use orlop_sandbox::seccomp::{EVERYWHERE, IN_WORKERS, LEGACY, WORKER_BASE};
use orlop_sandbox::signals::Signals;
use orlop_sandbox::supervisor::{Birth, Plan, Started, Supervisor, hold_signals};
use orlop_sandbox::worker::{Context, Worker};
use orlop_sandbox::{clock, log, profile, syscall};
use orlop_wire::MaxSize;
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};
use serde::{Deserialize, Serialize};
use tracing::level_filters::LevelFilter;

use crate::appliers::{self, Appliers};

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
const WORKER_DENIED: [Denied; EVERYWHERE.len() + IN_WORKERS.len() + LEGACY.len()] =
    join(&[&EVERYWHERE, &IN_WORKERS, &LEGACY]);
const SLOT: Slot = Slot { fd: 3, kind: Kind::Channel, usage: Usage::Both, why: "messages" };

const WORKER: Profile = Profile {
    name: "trio-worker",
    role: profile::Role::Worker,
    ids: Ids { uid: 64_100, gid: 64_100 },
    keep: &[],
    slots: &[SLOT],
    syscalls: &WORKER_RULES,
    denied: &WORKER_DENIED,
    root: Root::Empty,
    limits: Limits::WORKER,
    landlock: Landlock { need: Need::Prefer, spec: LandlockSpec::Nothing },
    layers: Layers::ALL,
};

/// As good, but not what the broker expects.
static OTHER_WORKER: Profile = Profile { name: "trio-worker-other", ids: Ids { uid: 64_099, gid: 64_099 }, ..WORKER };

const BROKER_RULES: [Rule; WORKER_BASE.len() + 4] = join(&[
    &[
        Rule::any(syscall!(SYS_sendmsg), "grants"),
        Rule::any(syscall!(SYS_pread64), "what the kernel says about the worker"),
        Rule::any(syscall!(SYS_timerfd_settime), "the deadline of the hello"),
        Rule::any(syscall!(SYS_sendto), "messages and datagrams"),
        Rule::any(syscall!(SYS_write), "stdout"),
        Rule::any(syscall!(SYS_exit_group), "any code"),
    ],
    &unpinned(),
]);
const BROKER_DENIED: [Denied; EVERYWHERE.len() + LEGACY.len()] = join(&[&EVERYWHERE, &LEGACY]);

/// The base table without the three rules that the broker's replace.
const fn unpinned() -> [Rule; WORKER_BASE.len() - 2] {
    let mut rules = [WORKER_BASE[0]; WORKER_BASE.len() - 2];
    let replaced = [syscall!(SYS_sendto).number, syscall!(SYS_write).number, syscall!(SYS_exit_group).number];
    let (mut from, mut to) = (0, 0);
    while from < WORKER_BASE.len() {
        let number = WORKER_BASE[from].syscall.number;
        if number != replaced[0] && number != replaced[1] && number != replaced[2] {
            rules[to] = WORKER_BASE[from];
            to += 1;
        }
        from += 1;
    }
    rules
}

const BROKER: Profile = Profile {
    name: "trio-broker",
    role: profile::Role::Broker,
    ids: Ids { uid: 0, gid: 0 },
    keep: &[],
    slots: &[SLOT],
    syscalls: &BROKER_RULES,
    denied: &BROKER_DENIED,
    root: Root::Keep,
    limits: Limits::BROKER,
    landlock: Landlock { need: Need::Prefer, spec: LandlockSpec::NamedPaths },
    layers: Layers::ALL,
};

/// Which of the three this process is.
pub(crate) enum Role {
    Supervisor,
    Broker(i32),
    Worker(&'static Profile),
}

impl Role {
    pub(crate) fn of(arguments: &[String]) -> Option<Self> {
        if arguments.first().is_some_and(|name| name == WORKER.name) {
            return Some(Self::Worker(&WORKER));
        }
        if arguments.first().is_some_and(|name| name == OTHER_WORKER.name) {
            return Some(Self::Worker(&OTHER_WORKER));
        }
        match Started::of(arguments.iter().map(Into::into)).unwrap() {
            (Started::AsBroker(Birth { worker, .. }), _) => Some(Self::Broker(worker)),
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
            supervise(arguments, has("--oneshot"))
        }
        Role::Broker(worker) => {
            log::init("broker", LevelFilter::INFO);
            let appliers = if has("--appliers") { Appliers::fork() } else { Ok(Appliers::default()) };
            let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
            appliers.and_then(|appliers| runtime.block_on(serve(worker, appliers, &has))).map(Exit::code)
        }
        Role::Worker(profile) => {
            log::init("worker", LevelFilter::INFO);
            work(profile).map(|()| 0)
        }
    };
    match result {
        Ok(code) => ExitCode::from(code),
        Err(fatal) => fatal.report().into(),
    }
}

fn supervise(arguments: &[String], oneshot: bool) -> Result<u8, Fatal> {
    let supervisor = Supervisor::open(Path::new("/proc/self/exe"))?;
    supervisor.run(&Plan {
        broker_args: arguments.iter().map(|argument| CString::new(argument.as_str()).unwrap()).collect(),
        broker: &BROKER,
        worker: if arguments.iter().any(|argument| argument == "--other-worker") { &OTHER_WORKER } else { &WORKER },
        lent: &appliers::LENT,
        oneshot,
        once: arguments.iter().any(|argument| argument == "--once"),
        hard_stop: Some(Duration::from_secs(2)),
    })
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

async fn serve(worker: i32, appliers: Appliers, has: &impl Fn(&str) -> bool) -> Result<Exit, Fatal> {
    // Afterwards there is no system call to ask with.
    let own = std::process::id();
    let broker = Broker::start(&BROKER, worker, WORKER.name)?;
    let signals = Signals::open().unwrap();
    let (ours, theirs) = std::os::unix::net::UnixDatagram::pair().unwrap();
    let relay = broker.relay();
    let mut narrow = broker.narrow(Keep { require_landlock: has("--require-landlock"), ..Keep::default() })?;
    appliers.play(narrow.posture(), has)?;
    let protocol = if has("--other-build") { PROTOCOL + 1 } else { PROTOCOL };
    let Attested { channel, posture } = narrow.await_worker::<ToWorker, ToBroker>(&WORKER, protocol).await?;
    say(&format!("pids broker={own} worker={worker}"));
    say(&format!("worker {posture}"));
    say(&format!("broker {}", narrow.posture()));
    tokio::spawn(relay.run());
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
