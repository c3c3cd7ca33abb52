//! A metadata service that says what a test wants it to say, well or badly.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};
use orlop_testbed::Host;

/// A service on a host of its own.
pub struct Cloud {
    asked: Arc<Mutex<Vec<Asked>>>,
}

/// One question as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// `GET /latest/meta-data/`.
    pub line: String,
    /// Names of headers in small letters.
    pub headers: BTreeMap<String, String>,
    /// From which port.
    pub port: u16,
}

/// What is answered.
#[derive(Clone, Debug)]
pub enum Answer {
    /// A status, headers and a body whose length is said.
    Of(u16, Vec<(&'static str, String)>, Vec<u8>),
    /// These bytes as they are, and then the end.
    Raw(Vec<u8>),
    /// These bytes, again and again, until the other side has enough or so many are sent.
    Endless(Vec<u8>, u64),
    /// One byte of this at a time, with as much time between them.
    Slow(Vec<u8>, Duration),
    /// Nothing, and the connection stays.
    Silence,
}

impl Answer {
    /// What was asked for.
    #[must_use]
    pub fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self::Of(200, Vec::new(), body.into())
    }

    /// Only a status.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self::Of(status, Vec::new(), Vec::new())
    }

    /// With one more header.
    #[must_use]
    pub fn with(self, name: &'static str, value: &str) -> Self {
        match self {
            Self::Of(status, mut headers, body) => {
                headers.push((name, value.to_owned()));
                Self::Of(status, headers, body)
            }
            other @ (Self::Raw(_) | Self::Endless(..) | Self::Slow(..) | Self::Silence) => other,
        }
    }
}

/// How a service answers.
pub type Script = dyn Fn(&Asked) -> Answer + Send + Sync;

impl Cloud {
    /// Answers at `address` on `host`, which has that address; on port 80 where it names none.
    ///
    /// # Errors
    /// It cannot listen there.
    pub fn start(
        host: &Host,
        address: &str,
        script: impl Fn(&Asked) -> Answer + Send + Sync + 'static,
    ) -> Result<Self> {
        let address: SocketAddr = address.parse().or_else(|_| format!("{address}:80").parse())?;
        let listener = host.inside(move || TcpListener::bind(address).context("cannot listen"))?;
        let (asked, script): (_, Arc<Script>) = (Arc::new(Mutex::new(Vec::new())), Arc::new(script));
        let heard = Arc::clone(&asked);
        // It ends with the test's process.
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (script, heard) = (Arc::clone(&script), Arc::clone(&heard));
                thread::spawn(move || converse(stream, &*script, &heard));
            }
        });
        Ok(Self { asked })
    }

    /// What was asked so far.
    #[must_use]
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The lines of what was asked so far.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.line).collect()
    }
}

/// Answers until the other side has enough. That it goes is no error.
fn converse(mut stream: TcpStream, script: &Script, heard: &Mutex<Vec<Asked>>) {
    let port = stream.peer_addr().map_or(0, |peer| peer.port());
    let mut bytes = Vec::new();
    loop {
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
            let mut more = [0; 4096];
            match stream.read(&mut more) {
                Ok(len) if len > 0 => bytes.extend_from_slice(&more[..len]),
                _ => return,
            }
            continue;
        };
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let mut lines = head.split("\r\n");
        let line = lines.next().unwrap_or_default().trim_end_matches(" HTTP/1.1").to_owned();
        let headers: BTreeMap<String, String> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        let body: usize = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        if bytes.len() < end + 4 + body {
            let mut more = vec![0; end + 4 + body - bytes.len()];
            if stream.read_exact(&mut more).is_err() {
                return;
            }
            bytes.extend(more);
        }
        bytes.drain(..end + 4 + body);
        let asked = Asked { line, headers, port };
        heard.lock().unwrap_or_else(PoisonError::into_inner).push(asked.clone());
        if !answer(&mut stream, script(&asked)) {
            return;
        }
    }
}

/// Whether the connection goes on.
fn answer(stream: &mut TcpStream, answer: Answer) -> bool {
    match answer {
        Answer::Of(status, headers, body) => {
            let mut head = format!("HTTP/1.1 {status} Said\r\nContent-Length: {}\r\n", body.len());
            for (name, value) in headers {
                head.push_str(&format!("{name}: {value}\r\n"));
            }
            head.push_str("\r\n");
            // In one piece: the end of a second one would wait for the other side's acknowledgement of the first.
            stream.write_all(&[head.as_bytes(), &body].concat()).is_ok()
        }
        Answer::Raw(bytes) => {
            let _gone = stream.write_all(&bytes);
            false
        }
        Answer::Endless(bytes, most) => {
            let mut sent = 0;
            while sent < most && stream.write_all(&bytes).is_ok() {
                sent += bytes.len() as u64;
            }
            false
        }
        Answer::Slow(bytes, between) => {
            for byte in bytes {
                if stream.write_all(&[byte]).is_err() {
                    return false;
                }
                thread::sleep(between);
            }
            true
        }
        Answer::Silence => {
            // Until the other side goes.
            let _gone = stream.read(&mut [0]);
            false
        }
    }
}
