//! A record of the frames a host sends and hears, with the DHCP messages read out of them.

use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::background::{Background, STOP_EVERY};
use crate::deadline::eventually;
use crate::dhcp::{Kind, Message};
use crate::frame::Udp;
use crate::host::Host;
use crate::packet::{Hears, Names, PacketSocket};

/// Frames that are no DHCP are only counted beyond this many, so that a flood does not fill the memory.
const MAX_FRAMES: usize = 100_000;

/// Records all interfaces of a host until dropped.
pub struct Capture {
    log: Arc<Mutex<Log>>,
    _thread: Background,
}

#[derive(Default)]
struct Log {
    frames: Vec<Captured>,
    seen: Vec<Seen>,
    heard: u64,
}

/// A frame as it was on the wire (a VLAN tag excepted, which the kernel takes off).
#[derive(Clone, Debug)]
pub struct Captured {
    /// Time since 1970, the kernel's.
    pub at: Duration,
    /// The interface's name.
    pub interface: String,
    /// Whether this host sent it.
    pub outgoing: bool,
    /// Ethernet header included.
    pub frame: Vec<u8>,
}

/// A DHCP message that was sent or heard.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Time since 1970, the kernel's.
    pub at: Duration,
    /// The interface's name.
    pub interface: String,
    /// Whether this host sent it.
    pub outgoing: bool,
    /// IP source.
    pub source: Ipv4Addr,
    /// IP destination.
    pub destination: Ipv4Addr,
    /// Ethernet source.
    pub source_mac: [u8; 6],
    /// The message.
    pub message: Message,
}

impl Capture {
    /// Starts to record; frames after the return are seen.
    ///
    /// # Errors
    /// When the namespace or the socket cannot be had.
    pub fn start(host: &Host) -> Result<Self> {
        let log = Arc::new(Mutex::new(Log::default()));
        let thread_log = Arc::clone(&log);
        let thread = Background::start(host, "the capture", move |life| {
            let socket = PacketSocket::open(Hears::Everything)?;
            let mut names = Names::default();
            life.ready()?;
            while life.goes_on() {
                if let Some(heard) = socket.receive(STOP_EVERY)? {
                    let interface = names.of(heard.ifindex);
                    let captured = Captured { at: heard.at, interface, outgoing: heard.outgoing, frame: heard.frame };
                    thread_log.lock().unwrap_or_else(PoisonError::into_inner).add(captured);
                }
            }
            Ok(())
        })?;
        Ok(Self { log, _thread: thread })
    }

    /// The DHCP messages so far, in order.
    #[must_use]
    pub fn messages(&self) -> Vec<Seen> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).seen.clone()
    }

    /// The messages of one type so far.
    #[must_use]
    pub fn of_kind(&self, kind: Kind) -> Vec<Seen> {
        let mut messages = self.messages();
        messages.retain(|seen| seen.message.kind() == Some(kind));
        messages
    }

    /// All frames so far (the first 100,000; DHCP messages are kept apart, without limit).
    #[must_use]
    pub fn frames(&self) -> Vec<Captured> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).frames.clone()
    }

    /// How many frames were heard or sent.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).heard
    }

    /// Waits for a DHCP message.
    ///
    /// # Errors
    /// When none is wanted `within` the time; the error shows what was seen.
    pub fn wait_for(&self, what: &str, within: Duration, wanted: impl Fn(&Seen) -> bool) -> Result<Seen> {
        eventually(what, within, || Ok(self.messages().into_iter().find(&wanted)))
            .with_context(|| format!("seen so far:\n{}", self.time_line()))
    }

    /// The DHCP messages as a person wants to read them: milliseconds since the first one, direction, content.
    #[must_use]
    pub fn time_line(&self) -> String {
        time_line(&self.messages())
    }
}

impl Log {
    fn add(&mut self, captured: Captured) {
        self.heard += 1;
        if let Some(udp) = Udp::decode(&captured.frame).filter(Udp::is_dhcp)
            && let Some(message) = Message::decode(&udp.payload)
        {
            self.seen.push(Seen {
                at: captured.at,
                interface: captured.interface.clone(),
                outgoing: captured.outgoing,
                source: udp.source,
                destination: udp.destination,
                source_mac: udp.source_mac,
                message,
            });
        }
        if self.frames.len() < MAX_FRAMES {
            self.frames.push(captured);
        }
    }
}

/// See [`Capture::time_line`].
#[must_use]
pub fn time_line(messages: &[Seen]) -> String {
    let start = messages.first().map(|seen| seen.at).unwrap_or_default();
    let mut text = String::new();
    for seen in messages {
        let arrow = if seen.outgoing { '>' } else { '<' };
        let after = seen.at.saturating_sub(start).as_secs_f64() * 1e3;
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "{after:10.3} ms {} {arrow} {:15} {}",
            seen.interface,
            seen.destination.to_string(),
            seen.message
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_line_counts_from_the_first_message() {
        let message = Message::request(Kind::Discover, 7, [2; 6]);
        let first = Seen {
            at: Duration::from_secs(1000),
            interface: "eth0".to_owned(),
            outgoing: true,
            source: Ipv4Addr::UNSPECIFIED,
            destination: Ipv4Addr::BROADCAST,
            source_mac: [2; 6],
            message,
        };
        let second = Seen { at: first.at + Duration::from_micros(1500), outgoing: false, ..first.clone() };
        let text = time_line(&[first, second]);
        let lines: Vec<_> = text.lines().collect();
        assert!(lines[0].starts_with("     0.000 ms eth0 > 255.255.255.255 DISCOVER xid=00000007"), "{text}");
        assert!(lines[1].starts_with("     1.500 ms eth0 < "), "{text}");
    }

    #[test]
    fn a_flood_of_other_frames_does_not_fill_the_memory() {
        let mut log = Log::default();
        for _ in 0..=MAX_FRAMES {
            log.add(Captured { at: Duration::ZERO, interface: String::new(), outgoing: false, frame: Vec::new() });
        }
        assert_eq!((log.frames.len(), log.heard, log.seen.len()), (MAX_FRAMES, MAX_FRAMES as u64 + 1, 0));
    }
}
