//! What workers and appliers do, all of it, as a process that can run under a mutant of its profile: talk to the broker, hear a
//! packet, wait for a timer, read and write a file, take and return memory, log, let go of descriptors, and end.

use std::future::poll_fn;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use orlop_sandbox::applier::Confined;
use orlop_sandbox::clock;
use orlop_sandbox::datagram::Datagram;
use orlop_sandbox::listener::Accepting;
use orlop_sandbox::packet::PacketSocket;
use orlop_sandbox::profile::{Profile, Rule};
use orlop_sandbox::timer::BootTimer;
use orlop_sandbox::worker::{Context, Worker};

use crate::target::Target;

/// From the broker: what to do, and with what. To the broker: what was done, and what came of it.
pub(crate) type Message = (u8, u32);

/// Answer with the number and one.
pub(crate) const ECHO: u8 = 1;
/// Hear one packet from the descriptor that comes along; answer with its length.
pub(crate) const HEAR: u8 = 2;
/// Wait so many milliseconds.
pub(crate) const WAIT: u8 = 3;
/// Take so many bytes, in one growing piece and in many small ones, and give them back; answer with their sum.
pub(crate) const GROW: u8 = 4;
/// Write a line to the log.
pub(crate) const LOG: u8 = 5;
/// Let the descriptor that comes along go.
pub(crate) const RELEASE: u8 = 6;
/// End with this status.
pub(crate) const END: u8 = 7;
/// Read a byte of the file that comes along, write the next one in its place, and read again; answer with both.
pub(crate) const TOUCH: u8 = 8;
/// Hear one datagram from the UDP socket that comes along; answer with its length, if it is known who has sent it.
pub(crate) const HEAR_DATAGRAM: u8 = 9;

/// Take the connection that waits at the TCP listener that comes along; answer with how much is heard through it.
pub(crate) const ACCEPT: u8 = 12;

/// Read a byte of the file that comes along; answer with it.
pub(crate) const READ: u8 = 10;

/// Take 32 random bytes from the kernel; answer with their number.
pub(crate) const DRAW: u8 = 11;

/// Conversation number of this test.
const PROTOCOL: u32 = 0x7e57;

/// Runs the workload under a target's profile without the rule of that name.
///
/// # Errors
/// When the process could not be locked up.
pub fn run(arguments: &[String]) -> Result<ExitCode> {
    let [target, without] = arguments else { bail!("expected a target and the name of a rule") };
    let target = Target::by_key(target).context("no such target")?;
    let profile = profile_without(target, without);
    if target.is_applier() {
        let confined = Confined::climb_mutant(profile)?;
        return Ok(confined.serve(do_one).map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS));
    }
    run_worker(profile)
}

/// The target's profile without the rule of that name.
fn profile_without(target: &Target, name: &str) -> &'static Profile {
    let rules: Vec<Rule> = target.profile.syscalls.iter().filter(|rule| rule.syscall.name != name).copied().collect();
    Box::leak(Box::new(Profile { syscalls: Vec::leak(rules), ..*target.profile }))
}

/// What an applier does with an order. It ends when its broker does.
fn do_one((order, number): Message, fd: Option<OwnedFd>) -> Message {
    let done = match order {
        ECHO => Ok(number + 1),
        TOUCH => fd.context("no file").and_then(|fd| touch(&fd)),
        GROW => grow(number),
        LOG => Ok(log()),
        RELEASE => Ok(u32::from(fd.is_some())),
        _ => Err(anyhow::anyhow!("there is no order {order}")),
    };
    (order, done.unwrap_or(FAILED))
}

/// No right answer.
const FAILED: u32 = u32::MAX;

fn touch(file: &OwnedFd) -> Result<u32> {
    let (mut before, mut after) = ([0], [0]);
    rustix::io::pread(file, &mut before, 0)?;
    rustix::io::pwrite(file, &[before[0] + 1], 0)?;
    rustix::io::pread(file, &mut after, 0)?;
    Ok(u32::from(before[0]) << 8 | u32::from(after[0]))
}

fn read(file: &OwnedFd) -> Result<u32> {
    let mut byte = [0];
    rustix::io::pread(file, &mut byte, 0)?;
    Ok(byte[0].into())
}

fn log() -> u32 {
    u32::from(std::io::stderr().write_all(b"INFO worker logged\n").is_ok())
}

fn run_worker(profile: &'static Profile) -> Result<ExitCode> {
    let climb = || {
        let locked = Worker::open_mutant(profile)?.prepare(|preparation| preparation.timer())?.drop_user()?.lock()?;
        locked.enter(PROTOCOL, async |context| serve(context).await)
    };
    match climb() {
        Ok(Ok(status)) => Ok(ExitCode::from(status)),
        Ok(Err(error)) => Err(error),
        Err(fatal) => {
            write!(std::io::stderr(), "{fatal}").context("cannot say why")?;
            bail!("not locked up")
        }
    }
}

/// Serves until told to end, and with which status.
async fn serve(context: Context<Message, Message, BootTimer>) -> Result<u8> {
    let Context { channel, resources: timer, posture: _ } = context;
    loop {
        let received = channel.recv().await.context("no order")?;
        let (order, number) = received.message;
        let answer = match order {
            ECHO => number + 1,
            HEAR => hear(received.fd.context("no listener")?).await.context("heard nothing")?,
            HEAR_DATAGRAM => hear_datagram(received.fd.context("no socket")?).await.context("heard nothing")?,
            ACCEPT => accept(received.fd.context("no listener")?).await.context("nobody came")?,
            READ => read(&received.fd.context("no file")?)?,
            WAIT => wait(&timer, number).await.context("no timer")?,
            GROW => grow(number).context("no memory")?,
            LOG => log(),
            RELEASE => u32::from(received.fd.is_some()),
            DRAW => draw().context("no random bytes")?,
            END => return Ok(u8::try_from(number)?),
            _ => bail!("there is no order {order}"),
        };
        channel.send(&(order, answer)).await.context("no answer")?;
    }
}

async fn hear(fd: OwnedFd) -> Result<u32> {
    let mut packet = [0; 2048];
    let received = PacketSocket::from_fd(fd)?.recv(&mut packet).await?;
    Ok(u32::try_from(received.len)?)
}

async fn hear_datagram(fd: OwnedFd) -> Result<u32> {
    let mut datagram = [0; 64];
    let (len, from) = Datagram::from_fd(fd)?.recv_from(&mut datagram).await?;
    from.context("from nobody")?;
    Ok(u32::try_from(len)?)
}

async fn accept(fd: OwnedFd) -> Result<u32> {
    let listener = Accepting::from_fd(fd)?;
    let (connection, _from) = poll_fn(|context| listener.poll_accept(context)).await?;
    let mut room = [0; 64];
    Ok(u32::try_from(poll_fn(|context| connection.poll_recv(context, &mut room)).await?)?)
}

fn draw() -> Result<u32> {
    let mut bytes = [0; 32];
    Ok(u32::try_from(rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty())?)?)
}

async fn wait(timer: &BootTimer, millis: u32) -> Result<u32> {
    let until = clock::now().after(Duration::from_millis(millis.into()));
    timer.set(Some(until))?;
    timer.expired().await?;
    Ok(u32::from(clock::now() >= until))
}

/// Growth as a daemon sees it, then what its limit on address space promises: memory given back can be taken again, and one
/// piece may have most of it.
fn grow(bytes: u32) -> Result<u32> {
    let mut large = Vec::new();
    for at in 0..bytes {
        large.push(u8::try_from(at % 7)?);
    }
    let small: Vec<Box<[u8; 512]>> = (0..bytes / 2048).map(|_| Box::new([1; 512])).collect();
    let sum = large.iter().map(|byte| u32::from(*byte)).sum::<u32>()
        + small.iter().map(|piece| u32::from(piece[511])).sum::<u32>();
    drop((large, small));
    for _ in 0..16 {
        let mut piece = Vec::<u8>::new();
        piece.try_reserve_exact(ALWAYS_MAPPED).context("memory that was given back is gone")?;
        std::hint::black_box(&piece);
    }
    let mut piece = Vec::<u8>::new();
    for share in [3, 6] {
        piece.try_reserve_exact(LIMIT / 8 * share).context("a piece cannot grow within the limit")?;
        std::hint::black_box(&piece);
    }
    Ok(sum)
}

/// Above this size glibc asks the kernel for each piece (its threshold grows to 32 MiB and no further).
const ALWAYS_MAPPED: usize = 40 << 20;
/// The worker's address space.
const LIMIT: usize = 256 << 20;
