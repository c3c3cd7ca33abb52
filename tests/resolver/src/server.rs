//! A name server that answers as a test wants, over UDP and TCP, and remembers what it was asked.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use orlop_testbed::Host;
use orlop_testbed::background::{Background, STOP_EVERY};

/// One question that has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// From which port.
    pub from: SocketAddr,
    /// Whether over TCP.
    pub tcp: bool,
    /// The message.
    pub bytes: Vec<u8>,
    /// The name, as it was written.
    pub name: String,
    /// The type that is asked for.
    pub kind: u16,
}

/// What is sent back.
#[derive(Debug, Clone)]
pub struct Reply {
    /// How long after the question, or the reply before it.
    pub after: Duration,
    /// The message.
    pub bytes: Vec<u8>,
}

/// A running server; it ends when dropped.
pub struct Server {
    _threads: [Background; 2],
    asked: Arc<Mutex<Vec<Asked>>>,
    script: Arc<Mutex<Script>>,
}

type Script = Box<dyn Fn(&Asked) -> Vec<Reply> + Send>;

/// `SERVFAIL`.
pub const SERVFAIL: u8 = 2;
/// `NXDOMAIN`.
pub const NXDOMAIN: u8 = 3;
/// `NOTIMP`.
pub const NOTIMP: u8 = 4;
/// `REFUSED`.
pub const REFUSED: u8 = 5;

impl Asked {
    /// Reads a question.
    ///
    /// # Errors
    /// It is none.
    pub fn read(from: SocketAddr, tcp: bool, bytes: &[u8]) -> Result<Self> {
        let mut labels = Vec::new();
        let mut at = 12;
        loop {
            let length = usize::from(*bytes.get(at).context("no name")?);
            at += 1;
            if length == 0 {
                break;
            }
            labels.push(String::from_utf8_lossy(bytes.get(at..at + length).context("no label")?).into_owned());
            at += length;
        }
        let kind = bytes.get(at..at + 2).context("no type")?;
        Ok(Self {
            from,
            tcp,
            bytes: bytes.to_vec(),
            name: labels.join("."),
            kind: u16::from_be_bytes([kind[0], kind[1]]),
        })
    }

    /// Where the question ends in the message.
    fn end(&self) -> usize {
        12 + self.name.len() + usize::from(!self.name.is_empty()) + 1 + 4
    }

    /// The start of an answer: header and question, with this response code and so many records.
    fn begun(&self, code: u8, counts: [u16; 3]) -> Vec<u8> {
        let mut bytes = self.bytes[..self.end()].to_vec();
        bytes[2] = 0x81;
        bytes[3] = 0x80 | code;
        for (at, count) in counts.into_iter().enumerate() {
            bytes[6 + 2 * at..8 + 2 * at].copy_from_slice(&count.to_be_bytes());
        }
        bytes
    }

    /// An answer with these records, each of the name that was asked for: type, seconds, data.
    #[must_use]
    pub fn records(&self, records: &[(u16, u32, &[u8])]) -> Reply {
        let mut bytes = self.begun(0, [u16::try_from(records.len()).unwrap_or(u16::MAX), 0, 0]);
        for (kind, ttl, data) in records {
            bytes.extend([0xc0, 12]);
            bytes.extend(kind.to_be_bytes());
            bytes.extend([0, 1]);
            bytes.extend(ttl.to_be_bytes());
            bytes.extend(u16::try_from(data.len()).unwrap_or(u16::MAX).to_be_bytes());
            bytes.extend(*data);
        }
        Reply { after: Duration::ZERO, bytes }
    }

    /// This IPv4 address, for so many seconds; for another type, that there is none.
    #[must_use]
    pub fn address(&self, ttl: u32, address: [u8; 4]) -> Reply {
        if self.kind == 1 { self.records(&[(1, ttl, &address)]) } else { self.nothing(0) }
    }

    /// A failure, without any record.
    #[must_use]
    pub fn code(&self, code: u8) -> Reply {
        Reply { after: Duration::ZERO, bytes: self.begun(code, [0; 3]) }
    }

    /// That there is nothing, with the SOA that says for how long (30 s); the code says whether there is such a name.
    #[must_use]
    pub fn nothing(&self, code: u8) -> Reply {
        let mut bytes = self.begun(code, [0, 1, 0]);
        // The root's: no label is before its own.
        bytes.extend([0, 0, 6, 0, 1, 0, 0, 0, 30, 0, 22, 0, 0]);
        bytes.extend([0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 30]);
        Reply { after: Duration::ZERO, bytes }
    }

    /// That the answer does not fit into a datagram.
    #[must_use]
    pub fn truncated(&self) -> Reply {
        let mut reply = self.code(0);
        reply.bytes[2] |= 0x02;
        reply
    }
}

impl Reply {
    /// So much later.
    #[must_use]
    pub fn after(self, after: Duration) -> Self {
        Self { after, ..self }
    }

    /// With other bytes.
    #[must_use]
    pub fn changed(mut self, change: impl FnOnce(&mut Vec<u8>)) -> Self {
        change(&mut self.bytes);
        self
    }
}

impl Server {
    /// Starts one at port 53 of an address of the host.
    ///
    /// # Errors
    /// When the port cannot be had.
    pub fn start(host: &Host, at: &str, script: impl Fn(&Asked) -> Vec<Reply> + Send + 'static) -> Result<Self> {
        let at = SocketAddr::new(at.parse::<IpAddr>()?, 53);
        let asked = Arc::new(Mutex::new(Vec::new()));
        let script: Arc<Mutex<Script>> = Arc::new(Mutex::new(Box::new(script)));
        let (known, says) = (Arc::clone(&asked), Arc::clone(&script));
        let hear = move |asked: Asked| {
            let replies = says.lock().unwrap_or_else(PoisonError::into_inner)(&asked);
            known.lock().unwrap_or_else(PoisonError::into_inner).push(asked);
            replies
        };
        let of_streams = hear.clone();
        let datagrams = Background::start(host, "a name server", move |life| {
            let socket = UdpSocket::bind(at)?;
            socket.set_read_timeout(Some(STOP_EVERY))?;
            life.ready()?;
            let mut room = [0; 4096];
            while life.goes_on() {
                let Ok((length, from)) = socket.recv_from(&mut room) else { continue };
                let replies = hear(Asked::read(from, false, &room[..length])?);
                // Each in its time, also while others are asked for.
                let socket = socket.try_clone()?;
                std::thread::spawn(move || {
                    for Reply { after, bytes } in replies {
                        std::thread::sleep(after);
                        let _gone = socket.send_to(&bytes, from);
                    }
                });
            }
            Ok(())
        })?;
        let streams = Background::start(host, "a name server of long answers", move |life| {
            let listener = TcpListener::bind(at)?;
            listener.set_nonblocking(true)?;
            life.ready()?;
            while life.goes_on() {
                let Ok((mut stream, from)) = listener.accept() else {
                    std::thread::sleep(Duration::from_millis(5));
                    continue;
                };
                stream.set_nonblocking(false)?;
                stream.set_read_timeout(Some(Duration::from_secs(1)))?;
                let mut length = [0; 2];
                if stream.read_exact(&mut length).is_err() {
                    continue;
                }
                let mut question = vec![0; u16::from_be_bytes(length).into()];
                stream.read_exact(&mut question)?;
                for Reply { after, bytes } in of_streams(Asked::read(from, true, &question)?) {
                    std::thread::sleep(after);
                    stream.write_all(&u16::try_from(bytes.len())?.to_be_bytes())?;
                    stream.write_all(&bytes)?;
                }
            }
            Ok(())
        })?;
        Ok(Self { _threads: [datagrams, streams], asked, script })
    }

    /// It answers like this from now on.
    pub fn become_like(&self, script: impl Fn(&Asked) -> Vec<Reply> + Send + 'static) {
        *self.script.lock().unwrap_or_else(PoisonError::into_inner) = Box::new(script);
    }

    /// What it was asked so far.
    #[must_use]
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How often it was asked for this name.
    #[must_use]
    pub fn times(&self, name: &str) -> usize {
        self.asked().iter().filter(|asked| asked.name.eq_ignore_ascii_case(name)).count()
    }
}
