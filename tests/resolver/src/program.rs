//! A program that asks for names.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::rdata::opt::EdnsOption;
use hickory_proto::rr::{RData, RecordType};
use orlop_testbed::Host;

/// Where programs ask.
pub const STUB: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 53)), 53);

/// The code of an extended error among the options (RFC 8914 section 2).
const EXTENDED_ERROR: u16 = 15;

/// How long a program waits, which is how long glibc does.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is asked, and how.
#[derive(Debug, Clone)]
pub struct Question {
    name: String,
    kind: RecordType,
    at: SocketAddr,
    tcp: bool,
    edns: bool,
}

/// What was answered.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The message.
    pub message: Message,
    /// As it came.
    pub bytes: Vec<u8>,
    /// How long it took.
    pub took: Duration,
}

impl Question {
    /// For the IPv4 address of `name`, in a datagram with EDNS.
    #[must_use]
    pub fn of(name: &str) -> Self {
        Self { name: name.to_owned(), kind: RecordType::A, at: STUB, tcp: false, edns: true }
    }

    /// For records of this type.
    #[must_use]
    pub fn kind(self, kind: RecordType) -> Self {
        Self { kind, ..self }
    }

    /// Over TCP.
    #[must_use]
    pub fn tcp(self) -> Self {
        Self { tcp: true, ..self }
    }

    /// Over IPv6.
    #[must_use]
    pub fn ipv6(self) -> Self {
        Self { at: SocketAddr::new(Ipv6Addr::LOCALHOST.into(), 53), ..self }
    }

    /// Without EDNS.
    #[must_use]
    pub fn plain(self) -> Self {
        Self { edns: false, ..self }
    }

    /// As a message with this number.
    #[must_use]
    pub fn bytes(&self, id: u16) -> Vec<u8> {
        let mut bytes = id.to_be_bytes().to_vec();
        bytes.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, u8::from(self.edns)]);
        for label in self.name.split('.').filter(|label| !label.is_empty()) {
            bytes.push(u8::try_from(label.len()).unwrap_or(u8::MAX));
            bytes.extend(label.as_bytes());
        }
        bytes.push(0);
        bytes.extend(u16::from(self.kind).to_be_bytes());
        bytes.extend([0, 1]);
        if self.edns {
            bytes.extend([0, 0, 41, 0x10, 0, 0, 0, 0, 0, 0, 0]);
        }
        bytes
    }

    /// Asks, as a program on this host.
    ///
    /// # Errors
    /// Nobody answers within five seconds, or what comes is no message.
    pub fn ask(&self, host: &Host) -> Result<Answer> {
        let (bytes, at, tcp) = (self.bytes(0x4f72), self.at, self.tcp);
        let (bytes, took) = host.inside(move || {
            let begun = Instant::now();
            let answer = raw(at, &bytes, tcp)?;
            Ok((answer, begun.elapsed()))
        })?;
        let message = Message::from_vec(&bytes).with_context(|| format!("no message: {bytes:02x?}"))?;
        anyhow::ensure!(message.metadata.id == 0x4f72, "the answer to another question");
        Ok(Answer { message, bytes, took })
    }
}

/// Sends these bytes, and gives what comes back.
///
/// # Errors
/// Nothing does, within five seconds.
pub fn raw(at: SocketAddr, bytes: &[u8], tcp: bool) -> Result<Vec<u8>> {
    if tcp {
        let mut stream = TcpStream::connect_timeout(&at, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(&u16::try_from(bytes.len())?.to_be_bytes())?;
        stream.write_all(bytes)?;
        let mut length = [0; 2];
        stream.read_exact(&mut length)?;
        let mut answer = vec![0; u16::from_be_bytes(length).into()];
        stream.read_exact(&mut answer)?;
        return Ok(answer);
    }
    let any: IpAddr = if at.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0))?;
    socket.connect(at)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.send(bytes)?;
    let mut answer = vec![0; 65_536];
    let length = socket.recv(&mut answer).context("no answer")?;
    answer.truncate(length);
    Ok(answer)
}

impl Answer {
    /// The response code.
    #[must_use]
    pub fn code(&self) -> ResponseCode {
        self.message.metadata.response_code
    }

    /// The addresses in the answer, as text.
    #[must_use]
    pub fn addresses(&self) -> Vec<String> {
        let addresses = self.message.answers.iter().filter_map(|record| {
            if let RData::A(address) = &record.data {
                Some(address.0.to_string())
            } else if let RData::AAAA(address) = &record.data {
                Some(address.0.to_string())
            } else {
                None
            }
        });
        addresses.collect()
    }

    /// The extended error (RFC 8914), by its number.
    #[must_use]
    pub fn extended_error(&self) -> Option<u16> {
        let edns = self.message.edns.as_ref()?;
        edns.options().as_ref().iter().find_map(|(code, option)| {
            if let EdnsOption::Unknown(_, data) = option
                && u16::from(*code) == EXTENDED_ERROR
            {
                data.first_chunk().map(|number| u16::from_be_bytes(*number))
            } else {
                None
            }
        })
    }
}

/// The one address of `name`, as a program on this host finds it.
///
/// # Errors
/// It does not find exactly one.
pub fn address(host: &Host, name: &str) -> Result<String> {
    let answer = Question::of(name).ask(host)?;
    let [address] = &answer.addresses()[..] else { anyhow::bail!("{name}: {:?}", answer.message) };
    Ok(address.clone())
}
