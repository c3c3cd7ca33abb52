//! One attack in one fresh process.

use std::fmt;
use std::fs::File;
use std::io::{IoSlice, IoSliceMut, PipeReader, Read, Seek, Write};
use std::mem::MaybeUninit;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use orlop_sandbox::listener::open_answering;
use orlop_sandbox::posture::{Posture, Status};
use orlop_sandbox::profile::LISTENER_SLOTS;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags,
    SocketType, recvmsg, sendmsg, socketpair,
};

use super::placed::place;
use super::wire::Heard;
use super::{Arena, fixtures};
use crate::attack::{self, Attack, Judge};
use crate::broker;
use crate::column::Column;
use crate::payload::EXIT_WELL;
use crate::scene::{CHANNEL, Grants, LEAKED_FILE, LEAKED_SOCKET};
use crate::syscall::from_status;
use crate::target::Target;

/// How a trial ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// The attacker got what it wanted.
    Succeeded,
    /// SIGSYS.
    Killed,
    /// The kernel refused with this errno.
    Refused(crate::syscall::Errno),
    /// The attacker may believe that it succeeded; whoever judges it knows better.
    Contained,
    /// Another signal ended it.
    Signalled(i32),
    /// It ended with a status that reports nothing.
    Ended(i32),
    /// It had to be ended.
    Hung,
    /// The process never came to attack: the sandbox could not be set up.
    NotLocked(String),
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Succeeded => f.pad("SUCCEEDED"),
            Self::Killed => f.pad("killed"),
            Self::Refused(errno) => f.pad(&errno.name()),
            Self::Contained => f.pad("contained"),
            Self::Signalled(signal) => f.pad(&format!("signal {signal}")),
            Self::Ended(status) => f.pad(&format!("status {status}")),
            Self::Hung => f.pad("hung"),
            Self::NotLocked(why) => f.pad(&format!("not locked: {why:.120}")),
        }
    }
}

impl Arena {
    /// Runs `attack` under `column`.
    ///
    /// # Errors
    /// When the arena itself fails; whatever the attacker does is an [`Outcome`].
    pub fn run(&mut self, column: &Column, attack: &Attack) -> Result<Outcome> {
        self.reset(column)?;
        let scene = self.scene.to_argument();
        let arguments = ["attack", column.target.key, &column.key, attack.name, &scene];
        let trial = self.start(column.target, &arguments, attack.own_mounts)?;
        let _kept = self.grant(trial.channel.as_fd(), column)?;
        let ended = trial.wait(column.profile.is_none())?;
        let heard = self.capture.heard(&self.scene)?;
        let outcome = judge(column, attack, &ended, heard);
        if let Outcome::NotLocked(why) = &outcome {
            // Then there was no attack, and the table would prove nothing.
            bail!(
                "{} under {} of {}: the process did not lock itself up: {why}",
                attack.name,
                column.key,
                column.target.key
            );
        }
        if outcome == Outcome::Succeeded {
            // It may have changed what it was granted.
            self.listeners.close();
        }
        Ok(outcome)
    }

    /// Makes one system call under the whole profile of `target`.
    ///
    /// # Errors
    /// When the arena itself fails.
    pub fn probe(&mut self, target: &'static Target, number: i64, arguments: [i64; 6]) -> Result<Outcome> {
        let call: Vec<String> = [number].iter().chain(&arguments).map(i64::to_string).collect();
        let line: Vec<&str> = ["probe", target.key].into_iter().chain(call.iter().map(String::as_str)).collect();
        let ended = self.start(target, &line, false)?.wait(false)?;
        Ok(ended.greeted().map_or_else(|not_locked| not_locked, call_end))
    }

    /// What the kernel says about a process that is locked up under `column`.
    ///
    /// # Errors
    /// When it does not lock itself up.
    pub fn observe(&mut self, column: &Column) -> Result<Status> {
        self.reset(column)?;
        // It waits for grants that never come.
        let scene = self.scene.to_argument();
        let arguments = ["attack", column.target.key, &column.key, "open-passwd", &scene];
        let mut trial = self.start(column.target, &arguments, false)?;
        let status = std::fs::File::open(format!("/proc/{}/status", trial.child.id()))?;
        let greeted = poll_one(trial.channel.as_fd(), PATIENCE)?;
        let observed = Posture::observe(&status);
        // It may have ended by itself; either way it is reaped here.
        let _ = trial.child.kill();
        trial.child.wait()?;
        if !greeted {
            bail!("{} of {} did not lock itself up", column.key, column.target.key);
        }
        Ok(observed?)
    }

    pub(crate) fn start(&self, target: &Target, arguments: &[&str], own_mounts: bool) -> Result<Trial> {
        let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
        let (stderr, stderr_in) = log_of(target)?;
        let leaks = Leaks::make()?;
        let mut command = Command::new(&self.program);
        command.args(arguments);
        command.env_clear().current_dir(fixtures::HOME).stdin(Stdio::null()).stdout(Stdio::null()).stderr(stderr_in);
        let null = File::open("/dev/null")?;
        let (file, socket) = ((leaks.file.as_raw_fd(), LEAKED_FILE), (leaks.socket.as_raw_fd(), LEAKED_SOCKET));
        let [first, second] = LISTENER_SLOTS.map(|slot| (null.as_raw_fd(), slot.fd));
        let channel = (theirs.as_raw_fd(), CHANNEL);
        // Who listens has numbers that are kept for that; nobody else has anything there.
        let numbers = if target.answers() {
            [channel, first, second, file, socket]
        } else {
            [channel, file, socket, file, socket]
        };
        place(&mut command, numbers, own_mounts);
        let child = command.spawn().context("cannot start an attacker")?;
        Ok(Trial { child, channel: ours, stderr })
    }

    /// Puts the grants into the channel's queue. Returns the end of a pipe that must stay open meanwhile.
    fn grant(&mut self, channel: BorrowedFd<'_>, column: &Column) -> Result<PipeReader> {
        let local = |address: IpAddr| open_answering(SocketAddr::new(address, 0));
        let answering = local(Ipv4Addr::LOCALHOST.into())?;
        let answering_6 = local(Ipv6Addr::LOCALHOST.into())?;
        let udp = UdpSocket::bind("192.0.2.1:0")?;
        udp.connect("192.0.2.2:9")?;
        let open_udp = UdpSocket::bind("0.0.0.0:0")?;
        let file = executable(&self.scene.mark())?;
        let ((pipe_out, mut filled), (kept, pipe_in)) = (std::io::pipe()?, std::io::pipe()?);
        filled.write_all(&attack::frame(&self.scene))?;
        let directory = std::fs::File::open(fixtures::HOME)?;
        let (packet, loopback) = self.listeners.of(column, self.scene.ifindex)?;
        self.capture.bait(&self.scene)?;
        let grants: [BorrowedFd<'_>; Grants::COUNT] = [
            answering.as_fd(),
            answering_6.as_fd(),
            udp.as_fd(),
            open_udp.as_fd(),
            file.as_fd(),
            pipe_out.as_fd(),
            pipe_in.as_fd(),
            self.netns.as_fd(),
            directory.as_fd(),
            packet,
            loopback,
        ];
        for fd in grants {
            let one = [fd];
            let mut room = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
            let mut control = SendAncillaryBuffer::new(&mut room);
            if !control.push(SendAncillaryMessage::ScmRights(&one)) {
                bail!("no room for a descriptor");
            }
            match sendmsg(channel, &[IoSlice::new(b"G")], &mut control, SendFlags::NOSIGNAL) {
                // It has ended already; how, is told by its status.
                Err(Errno::PIPE) => break,
                sent => sent?,
            };
        }
        Ok(kept)
    }
}

/// Both ends of what an attacker writes its log to: a pipe, as a worker has it, or the broker's own log, here a file.
fn log_of(target: &Target) -> Result<(File, OwnedFd)> {
    if target.is_applier() {
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        let log = File::from(rustix::fs::open("/var", flags, Mode::RUSR)?);
        return Ok((log.try_clone()?, log.into()));
    }
    let (stderr, stderr_in) = std::io::pipe()?;
    Ok((OwnedFd::from(stderr).into(), stderr_in.into()))
}

/// A file in memory that is a program, and that carries the run's mark. Writable, so that only the sandbox forbids to write it.
fn executable(mark: &[u8]) -> Result<OwnedFd> {
    let fd = rustix::fs::memfd_create(c"granted", rustix::fs::MemfdFlags::CLOEXEC)?;
    let mut file = std::fs::File::from(fd);
    file.write_all(EXIT_WELL)?;
    file.write_all(mark)?;
    file.write_all(&[0; 4096])?;
    // Reopened by its name in /proc: a file that is open for writing cannot be executed, a memfd excepted.
    Ok(file.into())
}

/// What a careless parent leaves open.
struct Leaks {
    file: OwnedFd,
    socket: OwnedFd,
    _far: UnixDatagram,
}

impl Leaks {
    fn make() -> Result<Self> {
        let file = std::fs::File::open("/var/arena/secret")?.into();
        let (near, far) = UnixDatagram::pair()?;
        far.send(b"secret")?;
        Ok(Self { file, socket: near.into(), _far: far })
    }
}

/// A running attacker.
pub(crate) struct Trial {
    pub(crate) child: Child,
    pub(crate) channel: OwnedFd,
    pub(crate) stderr: File,
}

/// An attacker that has ended, and what it left.
#[derive(Default)]
struct Ended {
    status: Option<ExitStatus>,
    messages: Vec<Vec<u8>>,
    descriptors: usize,
    stderr: Vec<u8>,
}

/// Long enough for a busy machine, short enough for a table of hundreds.
const PATIENCE: Duration = Duration::from_secs(5);

impl Trial {
    /// Waits for its end. With `drain` somebody reads what it says meanwhile, until there is nothing more to come.
    fn wait(mut self, mut drain: bool) -> Result<Ended> {
        let pid = rustix::process::Pid::from_child(&self.child);
        let end = rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty())?;
        let deadline = Instant::now() + PATIENCE;
        let (mut ended, mut room) = (Ended::default(), vec![0; LONGEST_MESSAGE]);
        loop {
            let mut wanted = vec![PollFd::new(&end, PollFlags::IN)];
            if drain {
                wanted.push(PollFd::new(&self.channel, PollFlags::IN));
            }
            let left = rustix::event::Timespec::try_from(deadline.saturating_duration_since(Instant::now()))?;
            if poll(&mut wanted, Some(&left))? == 0 {
                self.child.kill()?;
                self.child.wait()?;
                break;
            }
            let over = wanted.first().is_some_and(|fd| !fd.revents().is_empty());
            if over {
                ended.status = Some(self.child.wait()?);
                break;
            }
            drain = ended.take_one(self.channel.as_fd(), &mut room);
        }
        while ended.take_one(self.channel.as_fd(), &mut room) {}
        drop(self.channel);
        ended.stderr = read_log(self.stderr)?;
        Ok(ended)
    }
}

/// What an attacker that has ended wrote to its log.
pub(crate) fn read_log(mut log: File) -> Result<Vec<u8>> {
    // A pipe has no beginning to go back to.
    let _is_pipe = log.rewind();
    let mut text = Vec::new();
    log.read_to_end(&mut text)?;
    Ok(text)
}

impl Ended {
    /// How it ended, if it came as far as to say hello.
    fn greeted(&self) -> Result<ExitStatus, Outcome> {
        let status = self.status.ok_or(Outcome::Hung)?;
        match self.messages.first() {
            Some(greeting) if !greeting.is_empty() => Ok(status),
            _ => Err(Outcome::NotLocked(format!(
                "{status}: {}",
                String::from_utf8_lossy(&self.stderr).trim().replace('\n', "; ")
            ))),
        }
    }

    /// Takes one message as a careless broker would: with its descriptors. Whether there may be more.
    fn take_one(&mut self, channel: BorrowedFd<'_>, room: &mut [u8]) -> bool {
        let mut beside = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
        let mut control = RecvAncillaryBuffer::new(&mut beside);
        let flags = RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC;
        let received = match recvmsg(channel, &mut [IoSliceMut::new(room)], &mut control, flags) {
            Ok(received) => received,
            // Said once, before what is in the queue, when the other end was closed with something unread.
            Err(Errno::CONNRESET) => return true,
            Err(_) => return false,
        };
        let message = room.get(..received.bytes).unwrap_or_default().to_vec();
        self.descriptors += control.drain().count();
        if message.is_empty() {
            // The end, or an empty message: whoever reads on finds out.
            self.messages.push(message);
            return self.messages.iter().rev().take_while(|message| message.is_empty()).count() < 2;
        }
        if self.messages.len() < MOST_KEPT {
            self.messages.push(message);
        }
        true
    }
}

/// Room for a message: more than the largest that any attacker sends.
const LONGEST_MESSAGE: usize = 64 << 10;
/// Messages kept for judging: hello, one attack, and room for what should not be there.
const MOST_KEPT: usize = 8;

/// Waits until there is something to read.
pub(crate) fn poll_one(fd: BorrowedFd<'_>, patience: Duration) -> Result<bool> {
    let patience = rustix::event::Timespec::try_from(patience)?;
    let mut wanted = [PollFd::from_borrowed_fd(fd, PollFlags::IN)];
    Ok(poll(&mut wanted, Some(&patience))? > 0 && wanted.iter().all(|fd| fd.revents().contains(PollFlags::IN)))
}

fn judge(column: &Column, attack: &Attack, ended: &Ended, heard: Heard) -> Outcome {
    let status = match ended.greeted() {
        Ok(status) => status,
        Err(outcome) => return outcome,
    };
    let said = ended.messages.get(1..).unwrap_or_default();
    let call = call_end(status);
    let won = match attack.judge {
        Judge::Kernel => call == Outcome::Succeeded,
        Judge::Wire => heard.anywhere,
        Judge::Beyond => heard.beyond,
        // Nobody looks at what an applier ends with.
        Judge::Supervisor if column.target.is_applier() && column.profile.is_some() => return Outcome::Contained,
        Judge::Supervisor => status.code() == Some(attack::FINAL_STATUS),
        Judge::Broker if column.profile.is_none() => broker::careless(said, ended.descriptors),
        Judge::Broker => broker::careful(column.target.dialect, said),
    };
    match (won, call) {
        (true, _) => Outcome::Succeeded,
        (false, Outcome::Succeeded) => Outcome::Contained,
        (false, other) => other,
    }
}

fn call_end(status: ExitStatus) -> Outcome {
    match (status.signal(), status.code()) {
        (Some(libc::SIGSYS), _) => Outcome::Killed,
        (Some(signal), _) => Outcome::Signalled(signal),
        (None, code) => match from_status(code.unwrap_or(-1)) {
            Some(Ok(_)) => Outcome::Succeeded,
            Some(Err(errno)) => Outcome::Refused(errno),
            None => Outcome::Ended(code.unwrap_or(-1)),
        },
    }
}
