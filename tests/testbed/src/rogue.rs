//! A DHCP server that follows a [`Script`], honest or not.

use std::net::UdpSocket;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use crate::background::{Background, STOP_EVERY};
use crate::deadline::eventually;
use crate::dhcp::Message;
use crate::frame::{SERVER_PORT, Udp};
use crate::host::Host;
use crate::packet::{Hears, PacketSocket, Port};
use crate::script::{Phase, Reply, Script};

/// The running server; it ends when dropped.
pub struct Rogue {
    shared: Arc<Mutex<Shared>>,
    _thread: Background,
}

struct Shared {
    script: Script,
    asked: Vec<Asked>,
}

/// What a client asked.
#[derive(Clone, Debug)]
pub struct Asked {
    /// When it was read.
    pub at: Instant,
    /// How far the client had come in the protocol, as the message shows.
    pub phase: Phase,
    /// The message.
    pub message: Message,
}

impl Rogue {
    /// Starts the server on an interface. For clients to be able to send to it alone, the interface needs the server's
    /// address ([`Host::add_address`]): then the kernel answers ARP, and the port is bound so that it refuses nothing.
    ///
    /// # Errors
    /// When the namespace, the interface or a socket cannot be had.
    pub fn start(host: &Host, interface: &str, script: Script) -> Result<Self> {
        let shared = Arc::new(Mutex::new(Shared { script, asked: Vec::new() }));
        let thread_shared = Arc::clone(&shared);
        let interface = interface.to_owned();
        let thread = Background::start(host, "the scripted server", move |life| {
            let port = Port::named(&interface)?;
            let socket = PacketSocket::open(Hears::IncomingIpv4)?;
            // Another server of the test may hold the port of this host already; one is enough.
            let _holder = UdpSocket::bind(("0.0.0.0", SERVER_PORT));
            life.ready()?;
            let mut pending: Vec<(Instant, Vec<u8>)> = Vec::new();
            while life.goes_on() {
                let now = Instant::now();
                pending.sort_by_key(|(due, _)| *due);
                while pending.first().is_some_and(|(due, _)| *due <= now) {
                    // An interface that is down loses the frame, as a wire would.
                    let _ = socket.send(&port, &pending.remove(0).1);
                }
                let wait =
                    pending.first().map_or(STOP_EVERY, |(due, _)| due.saturating_duration_since(now).min(STOP_EVERY));
                let Some(heard) = socket.receive(wait)? else { continue };
                if heard.outgoing || heard.ifindex != port.ifindex() {
                    continue;
                }
                let Some(udp) = Udp::decode(&heard.frame).filter(|udp| udp.destination_port == SERVER_PORT) else {
                    continue;
                };
                let Some(message) = Message::decode(&udp.payload) else { continue };
                let Some(phase) = Phase::of(&message, udp.destination) else { continue };
                let now = Instant::now();
                let mut shared = thread_shared.lock().unwrap_or_else(PoisonError::into_inner);
                for reply in shared.script.answer(phase) {
                    pending.push(match reply {
                        Reply::Message(template) => (now + template.after, template.frame(&message, port.mac())),
                        Reply::Frame(frame) => (now, frame),
                    });
                }
                shared.asked.push(Asked { at: now, phase, message });
            }
            Ok(())
        })?;
        Ok(Self { shared, _thread: thread })
    }

    /// Replaces the script.
    pub fn set(&self, script: Script) {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner).script = script;
    }

    /// What clients asked so far, in order.
    #[must_use]
    pub fn asked(&self) -> Vec<Asked> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner).asked.clone()
    }

    /// How many messages of a phase came so far.
    #[must_use]
    pub fn count(&self, phase: Phase) -> usize {
        self.asked().iter().filter(|asked| asked.phase == phase).count()
    }

    /// Waits for the `n`-th message of a phase, counted from 1.
    ///
    /// # Errors
    /// When it does not come `within` the time; the error shows what was asked.
    pub fn wait_for(&self, phase: Phase, n: usize, within: Duration) -> Result<Asked> {
        eventually(&format!("message {n} of phase {phase:?}"), within, || {
            Ok(self.asked().into_iter().filter(|asked| asked.phase == phase).nth(n.saturating_sub(1)))
        })
        .with_context(|| {
            format!("asked so far: {:?}", self.asked().iter().map(|asked| asked.phase).collect::<Vec<_>>())
        })
    }
}
