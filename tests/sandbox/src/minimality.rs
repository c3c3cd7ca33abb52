//! Each allowed system call removed in turn: a rule without which the worker still does everything right is not needed.

use std::io::{IoSlice, Write as _};
use std::mem::MaybeUninit;
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use orlop_sandbox::profile::Rule;
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, recv, sendmsg};

use crate::arena::Arena;
use crate::arena::trial::Trial;
use crate::listener::Listener;
use crate::target::Target;
use crate::workload::{ACCEPT, DRAW, ECHO, END, GROW, HEAR, HEAR_DATAGRAM, LOG, Message, READ, RELEASE, TOUCH, WAIT};

/// Why a rule stays that the workload cannot notice here, if it does.
fn kept(name: &str) -> Option<&'static str> {
    (name == "clock_gettime").then_some(
        "the clock is read without a system call here; a machine whose clock source does not allow that falls back to it",
    )
}

/// Whether it depends on how much memory this program has in use if the workload notices that a rule is away. musl's allocator
/// keeps its books in mapped pages without `brk`, until there are so many that it would ask for mprotect, and ends.
fn depends_on_memory(target: &Target, name: &str) -> bool {
    name == "brk" && target.is_applier() && cfg!(target_env = "musl")
}

/// The name under which nothing is removed.
pub const WHOLE: &str = "nothing";

/// One rule and what its absence did.
pub struct Verdict {
    /// The rule.
    pub rule: &'static Rule,
    /// What went differently; `None` when nothing did.
    pub difference: Option<String>,
    /// Why it stays all the same.
    pub kept: Option<&'static str>,
    /// Whether both is right: that it is noticed, and that it is not.
    pub either: bool,
}

impl Verdict {
    /// Whether the rule is needed, or kept for a reason that is stated and still true.
    #[must_use]
    pub fn stands(&self) -> bool {
        self.either || self.difference.is_some() != self.kept.is_some()
    }
}

/// Removes each rule in turn. The whole profile must do everything right, or nothing would be proven.
///
/// # Errors
/// When the arena fails, or the workload fails under the whole profile.
pub fn verdicts(arena: &mut Arena, target: &'static Target) -> Result<Vec<Verdict>> {
    let whole = transcript(arena, target, WHOLE)?;
    anyhow::ensure!(whole == right(target), "under the whole profile the workload went wrong: {whole:?}");
    target
        .profile
        .syscalls
        .iter()
        .map(|rule| {
            let went = transcript(arena, target, rule.syscall.name)?;
            let difference = whole
                .iter()
                .zip(&went)
                .find(|(right, went)| right != went)
                .map(|(right, went)| format!("{right}, but {went}"));
            Ok(Verdict {
                rule,
                difference,
                kept: kept(rule.syscall.name),
                either: depends_on_memory(target, rule.syscall.name),
            })
        })
        .collect()
}

/// Prints the verdicts. Whether every rule stands.
///
/// # Errors
/// As [`verdicts`].
pub fn report(arena: &mut Arena, target: &'static Target) -> Result<bool> {
    let verdicts = verdicts(arena, target)?;
    println!("{:<18} {:<58} without it", "allowed call", "why");
    for Verdict { rule, difference, kept, either: _ } in &verdicts {
        let without = difference.clone().or_else(|| kept.map(|why| format!("nothing changes; kept: {why}")));
        println!("{:<18} {:<58.58} {}", rule.syscall.name, rule.why, without.as_deref().unwrap_or("NOTHING CHANGES"));
    }
    println!("{} system calls allowed", verdicts.len());
    Ok(verdicts.iter().all(Verdict::stands))
}

/// What a process that works answers, step by step.
fn right(target: &Target) -> Vec<String> {
    script(target)
        .map(|(what, _, want)| format!("{what}: {want}"))
        .chain(["log: INFO worker logged".to_owned(), "end: exit status: 0".to_owned()])
        .collect()
}

/// The steps of a target.
fn script(target: &Target) -> impl Iterator<Item = &'static (&'static str, Message, u32)> {
    let can = move |order: u8| match order {
        HEAR => target.listens(),
        HEAR_DATAGRAM => target.hears_datagrams(),
        ACCEPT => target.accepts(),
        WAIT => target.has_a_timer(),
        DRAW => target.draws(),
        TOUCH => target.is_applier(),
        READ => target.reads_disks(),
        RELEASE => target.is_applier() || target.is_granted(),
        _ => true,
    };
    SCRIPT.iter().filter(move |(_, (order, _), _)| can(*order))
}

/// Steps in words, the order, and the right answer.
const SCRIPT: &[(&str, Message, u32)] = &[
    ("echo", (ECHO, 41), 42),
    ("hear a packet", (HEAR, 0), PACKET_LEN),
    ("hear a datagram", (HEAR_DATAGRAM, 0), DATAGRAM_LEN),
    ("take a connection", (ACCEPT, 0), DATAGRAM_LEN),
    ("wait for a timer", (WAIT, 5), 1),
    ("take random bytes", (DRAW, 0), 32),
    ("read and write a file", (TOUCH, 0), 0x61_62),
    ("read a disk", (READ, 0), 0x61),
    ("take and return memory", (GROW, 4 << 20), 12_582_907 + 2048),
    ("log", (LOG, 0), 1),
    ("let descriptors go", (RELEASE, 200), 200),
    ("echo after all that", (ECHO, 1), 2),
];
const PACKET_LEN: u32 = 300;
const DATAGRAM_LEN: u32 = 30;
const PATIENCE: Duration = Duration::from_secs(2);

/// Runs the workload without the rule of that name, and writes down how each step went.
fn transcript(arena: &mut Arena, target: &'static Target, without: &str) -> Result<Vec<String>> {
    let Trial { mut child, channel: end, stderr } = arena.start(target, &["workload", target.key, without], false)?;
    let mut steps = Vec::new();
    let channel = end.as_fd();
    let greeted = answer(channel).is_ok_and(|frame| !frame.is_empty());
    for (what, order, _) in script(target) {
        let went = if greeted { step(arena, target, channel, *order) } else { Err(anyhow::anyhow!("no hello")) };
        steps.push(format!("{what}: {}", went.map_or_else(|error| format!("{error:#}"), |number| number.to_string())));
    }
    if !target.is_applier() {
        let _ = say(channel, (END, 0), None);
    }
    // This is how an applier is told.
    drop(end);
    let deadline = Instant::now() + PATIENCE;
    let status = loop {
        match child.try_wait()? {
            Some(status) => break status.to_string(),
            None if Instant::now() > deadline => {
                child.kill()?;
                child.wait()?;
                break "had to be ended".to_owned();
            }
            None => std::thread::sleep(Duration::from_millis(1)),
        }
    };
    let log = crate::arena::trial::read_log(stderr)?;
    steps.push(format!("log: {}", String::from_utf8_lossy(&log).trim()));
    steps.push(format!("end: {status}"));
    Ok(steps)
}

fn step(arena: &Arena, target: &Target, channel: BorrowedFd<'_>, order: Message) -> Result<u32> {
    match order.0 {
        HEAR => {
            let listener = Listener::Granted.open(arena.ifindex())?;
            say(channel, order, Some(listener.as_fd()))?;
            arena.send_dhcp(usize::try_from(PACKET_LEN)?)?;
            heard(channel)
        }
        HEAR_DATAGRAM => {
            let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
            socket.set_nonblocking(true)?;
            say(channel, order, Some(socket.as_fd()))?;
            let datagram = vec![0; usize::try_from(DATAGRAM_LEN)?];
            UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?.send_to(&datagram, socket.local_addr()?)?;
            heard(channel)
        }
        ACCEPT => {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
            listener.set_nonblocking(true)?;
            let mut program = TcpStream::connect(listener.local_addr()?)?;
            program.write_all(&vec![0; usize::try_from(DATAGRAM_LEN)?])?;
            say(channel, order, Some(listener.as_fd()))?;
            heard(channel)
        }
        TOUCH | READ => {
            let file = rustix::fs::memfd_create(c"setting", rustix::fs::MemfdFlags::CLOEXEC)?;
            rustix::io::write(&file, b"a")?;
            say(channel, order, Some(file.as_fd()))?;
            heard(channel)
        }
        RELEASE => {
            let file = std::fs::File::open("/dev/null")?;
            let mut released = 0;
            // So many that one that keeps them comes to its limit.
            let all = order.1.max(u32::try_from(target.profile.limits.open_files)?);
            for _ in 0..all {
                say(channel, (RELEASE, 0), Some(file.as_fd()))?;
                released += heard(channel)?;
            }
            Ok(if released == all { order.1 } else { released })
        }
        _ => {
            say(channel, order, None)?;
            heard(channel)
        }
    }
}

fn say(channel: BorrowedFd<'_>, order: Message, fd: Option<BorrowedFd<'_>>) -> Result<()> {
    let mut buffer = [0; 16];
    let frame = orlop_wire::encode(&order, &mut buffer)?;
    let mut room = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut room);
    let fds: Vec<BorrowedFd<'_>> = fd.into_iter().collect();
    anyhow::ensure!(fds.is_empty() || control.push(SendAncillaryMessage::ScmRights(&fds)), "no room for a descriptor");
    sendmsg(channel, &[IoSlice::new(frame)], &mut control, SendFlags::NOSIGNAL)
        .context("the worker does not listen")?;
    Ok(())
}

fn heard(channel: BorrowedFd<'_>) -> Result<u32> {
    let frame = answer(channel)?;
    let (_, number): Message = orlop_wire::decode(&frame)?;
    Ok(number)
}

fn answer(channel: BorrowedFd<'_>) -> Result<Vec<u8>> {
    anyhow::ensure!(crate::arena::trial::poll_one(channel, PATIENCE)?, "no answer");
    let mut frame = vec![0; 4096];
    let (length, _) = recv(channel, &mut frame, RecvFlags::DONTWAIT)?;
    frame.truncate(length);
    Ok(frame)
}
