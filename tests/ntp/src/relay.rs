//! Somebody between the daemon and a server, who sees all and answers what a test wants.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Result;
use orlop_testbed::Host;
use orlop_testbed::background::{Background, STOP_EVERY};

/// How long the server has to answer.
const ANSWER: Duration = Duration::from_secs(2);

/// The relay; it ends when dropped.
pub struct Relay {
    asked: Arc<AtomicUsize>,
    _thread: Background,
}

/// What passes: the number of the question, counted from 0, the question, and the server's answer.
#[derive(Debug, Clone)]
pub struct Passing {
    /// The number.
    pub n: usize,
    /// From the daemon.
    pub question: Vec<u8>,
    /// From the server.
    pub answer: Vec<u8>,
}

impl Relay {
    /// Passes on at one address of a host what comes there for a server at another one. The daemon gets what `answers` makes of it.
    ///
    /// # Errors
    /// When the address cannot be had.
    pub fn start(
        host: &Host,
        here: SocketAddr,
        server: SocketAddr,
        mut answers: impl FnMut(Passing) -> Vec<Vec<u8>> + Send + 'static,
    ) -> Result<Self> {
        let asked = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&asked);
        let thread = Background::start(host, "the relay", move |life| {
            let (near, far) = (UdpSocket::bind(here)?, UdpSocket::bind((here.ip(), 0))?);
            near.set_read_timeout(Some(STOP_EVERY))?;
            far.set_read_timeout(Some(ANSWER))?;
            far.connect(server)?;
            life.ready()?;
            let mut room = [0; 2048];
            while life.goes_on() {
                let Ok((length, from)) = near.recv_from(&mut room) else { continue };
                let question = room[..length].to_vec();
                let n = counted.fetch_add(1, Ordering::SeqCst);
                let answered = far.send(&question).and_then(|_| far.recv(&mut room));
                let answer = answered.map(|length| room[..length].to_vec()).unwrap_or_default();
                for answer in answers(Passing { n, question, answer }) {
                    // Whoever asked may be gone.
                    let _ = near.send_to(&answer, from);
                }
            }
            Ok(())
        })?;
        Ok(Self { asked, _thread: thread })
    }

    /// How many questions have passed.
    #[must_use]
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}
