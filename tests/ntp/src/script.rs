//! A time server that answers as a test wants, in the right form or in any other (RFC 5905 section 7.3).

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context as _, Result};
use orlop_testbed::background::{Background, STOP_EVERY};
use orlop_testbed::{Host, eventually};

/// Bytes of a question and of a plain answer.
pub const HEADER: usize = 48;
/// Seconds from 1900, where NTP counts from, to 1970.
const TO_1970: u64 = 2_208_988_800;
/// Room for any datagram that a client may send.
const ROOM: usize = 2048;
/// How long a server on the same machine may take to answer.
const ANSWER: Duration = Duration::from_millis(500);

/// A packet field by field, to be made wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are those of RFC 5905 figure 8")]
pub struct Packet {
    pub leap: u8,
    pub version: u8,
    pub mode: u8,
    pub stratum: u8,
    pub root_delay: u32,
    pub root_dispersion: u32,
    pub reference_id: [u8; 4],
    pub origin: u64,
    pub receive: u64,
    pub transmit: u64,
    /// What follows the header.
    pub tail: Vec<u8>,
}

/// The NTP timestamp of this moment, `off` seconds later.
#[must_use]
pub fn timestamp(off: i64) -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let secs = since.as_secs().wrapping_add(TO_1970).wrapping_add_signed(off);
    let fraction = (u64::from(since.subsec_nanos()) << 32) / 1_000_000_000;
    (secs << 32) | fraction
}

impl Packet {
    /// A correct answer of a primary server whose clock is this many seconds ahead.
    #[must_use]
    pub fn answer(question: &[u8], ahead: i64) -> Self {
        let sent = question.get(HEADER - 8..HEADER).and_then(|bytes| bytes.first_chunk());
        let origin = sent.map_or(0, |sent| u64::from_be_bytes(*sent));
        let now = timestamp(ahead);
        Self {
            leap: 0,
            version: 4,
            mode: 4,
            stratum: 1,
            root_delay: 0,
            root_dispersion: 1,
            reference_id: *b"GPS\0",
            origin,
            receive: now,
            transmit: now,
            tail: Vec::new(),
        }
    }

    /// A kiss-o'-death with this code.
    #[must_use]
    pub fn kiss(question: &[u8], code: [u8; 4]) -> Self {
        Self { leap: 3, stratum: 0, reference_id: code, ..Self::answer(question, 0) }
    }

    /// The bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        // Poll 6 and a precision of 2^-23 s.
        let mut bytes = vec![(self.leap << 6) | (self.version << 3) | self.mode, self.stratum, 6, 0xe9];
        bytes.extend(self.root_delay.to_be_bytes());
        bytes.extend(self.root_dispersion.to_be_bytes());
        bytes.extend(self.reference_id);
        for at in [self.receive, self.origin, self.receive, self.transmit] {
            bytes.extend(at.to_be_bytes());
        }
        bytes.extend(&self.tail);
        bytes
    }
}

/// What is sent for one question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// From where the question went to.
    Direct(Vec<u8>),
    /// From the same address and another port, as somebody who only guesses would.
    FromElsewhere(Vec<u8>),
}

/// A question that a client asked.
#[derive(Debug, Clone)]
pub struct Asked {
    /// When it was read.
    pub at: Instant,
    /// Who asked.
    pub from: SocketAddr,
    /// The whole datagram.
    pub question: Vec<u8>,
}

/// The running server; it ends when dropped.
pub struct Scripted {
    /// Its address, as the daemon is told it.
    pub address: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    _thread: Background,
}

impl Scripted {
    /// Starts one on the loopback of a host.
    ///
    /// # Errors
    /// When the port cannot be had.
    pub fn on(host: &Host, port: u16, answer: impl Fn(&[u8]) -> Vec<Reply> + Send + 'static) -> Result<Self> {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let thread_asked = Arc::clone(&asked);
        let thread = Background::start(host, "the scripted time server", move |life| {
            let (here, elsewhere) =
                (UdpSocket::bind((Ipv4Addr::LOCALHOST, port))?, UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?);
            here.set_read_timeout(Some(STOP_EVERY))?;
            life.ready()?;
            let mut room = [0; ROOM];
            while life.goes_on() {
                let Ok((length, from)) = here.recv_from(&mut room) else { continue };
                let question = room[..length].to_vec();
                let replies = answer(&question);
                let asked = Asked { at: Instant::now(), from, question };
                thread_asked.lock().unwrap_or_else(PoisonError::into_inner).push(asked);
                for reply in replies {
                    // Whoever asked may be gone.
                    let _ = match reply {
                        Reply::Direct(bytes) => here.send_to(&bytes, from),
                        Reply::FromElsewhere(bytes) => elsewhere.send_to(&bytes, from),
                    };
                }
            }
            Ok(())
        })?;
        Ok(Self { address: format!("127.0.0.1:{port}"), asked, _thread: thread })
    }

    /// What was asked so far, in order.
    #[must_use]
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits for the `n`-th question, counted from 1.
    ///
    /// # Errors
    /// When it does not come `within` the time.
    pub fn wait_for(&self, n: usize, within: Duration) -> Result<Asked> {
        let what = format!("question {n} to {}", self.address);
        eventually(&what, within, || Ok(self.asked().into_iter().nth(n.saturating_sub(1))))
    }
}

/// Asks a server, from the calling thread's network: by how many seconds it is ahead, in this or another era; `None` while it
/// is not synchronised.
///
/// # Errors
/// When nobody answers.
pub fn asked(server: (Ipv4Addr, u16)) -> Result<Option<i64>> {
    let socket = UdpSocket::bind(("0.0.0.0", 0))?;
    socket.set_read_timeout(Some(ANSWER))?;
    socket.connect(server)?;
    let mut question = [0; HEADER];
    question[0] = 0x23;
    socket.send(&question)?;
    let mut room = [0; ROOM];
    let length = socket.recv(&mut room)?;
    let answer = &room[..length];
    let secs = answer.get(40..44).and_then(|bytes| bytes.first_chunk()).context("a short answer")?;
    let now = u32::try_from(timestamp(0) >> 32)?;
    let ahead = u32::from_be_bytes(*secs).wrapping_sub(now);
    let is_synchronised = answer[0] >> 6 != 3 && (1..16).contains(&answer[1]);
    Ok(is_synchronised.then_some(i64::from(ahead.cast_signed())))
}
