//! Programs that ask as fast as they are answered, and how long that takes.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, ensure};
use orlop_test_resolver::Question;
use orlop_testbed::Host;

use super::pin;

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Class {
    /// A few names, all of them known.
    Hit,
    /// A few names of which it is known that there are none.
    Negative,
    /// Names that nobody has asked for before.
    Miss,
}

/// How much at once.
#[derive(Debug, Clone, Copy)]
pub(super) struct Load {
    pub(super) class: Class,
    pub(super) questions: u64,
    /// Threads, each with a socket.
    pub(super) clients: u64,
    /// Questions of each that are under way.
    pub(super) window: u16,
}

/// What came of it.
#[derive(Debug, Clone, Default)]
pub(super) struct Heard {
    /// How long each answer took.
    pub(super) took: Vec<Duration>,
    /// Answers with another response code than there should be.
    pub(super) failed: u64,
    /// Questions that were asked again, because nothing came for a second.
    pub(super) lost: u64,
}

/// Names that come again.
const KNOWN: u64 = 1000;
/// Nobody waits longer for an answer.
const SILENCE: Duration = Duration::from_secs(1);
/// So many unanswered questions are enough.
const MAX_LOST: u64 = 5000;
/// `NXDOMAIN`.
const NO_SUCH_NAME: u8 = 3;

impl Class {
    pub(super) const ALL: [Self; 3] = [Self::Hit, Self::Negative, Self::Miss];

    /// As the table calls it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Negative => "negative",
            Self::Miss => "miss",
        }
    }

    /// The name of this number; the upstream knows by its first letter what it is to say.
    fn question(self, number: u64) -> String {
        match self {
            Self::Hit => format!("h{}.bench.example.org", number % KNOWN),
            Self::Negative => format!("n{}.bench.example.org", number % KNOWN),
            Self::Miss => format!("m{number}.bench.example.org"),
        }
    }

    const fn code(self) -> u8 {
        match self {
            Self::Negative => NO_SUCH_NAME,
            Self::Hit | Self::Miss => 0,
        }
    }
}

impl Load {
    /// Asks all of it on `host`. `next` gives the numbers of names, over all runs.
    ///
    /// # Errors
    /// When next to nothing is answered.
    pub(super) fn run(self, host: &Host, at: SocketAddr, next: &Arc<AtomicU64>) -> Result<Heard> {
        let each = self.questions / self.clients;
        let client = |_| {
            let next = Arc::clone(next);
            host.thread(move || {
                pin::this_thread(pin::OTHERS)?;
                self.client(at, each, &next)
            })
        };
        let threads = (0..self.clients).map(client).collect::<Result<Vec<_>>>()?;
        let mut all = Heard::default();
        for thread in threads {
            let Heard { took, failed, lost } = thread.join().map_err(|_| anyhow!("a client panicked"))??;
            all.took.extend(took);
            all.failed += failed;
            all.lost += lost;
        }
        Ok(all)
    }

    fn client(self, at: SocketAddr, count: u64, next: &AtomicU64) -> Result<Heard> {
        let socket = UdpSocket::bind(("0.0.0.0", 0))?;
        socket.connect(at)?;
        socket.set_read_timeout(Some(SILENCE))?;
        let ask = |id: u16| {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let bytes = Question::of(&self.class.question(number)).bytes(id);
            let began = Instant::now();
            socket.send(&bytes)?;
            anyhow::Ok((began, bytes))
        };
        let mut heard = Heard::default();
        let mut asked = (0..self.window).map(|id| ask(id).map(Some)).collect::<Result<Vec<_>>>()?;
        let mut left = count.saturating_sub(self.window.into());
        let mut room = [0; 4096];
        while asked.iter().any(Option::is_some) {
            let Ok(length) = socket.recv(&mut room) else {
                for (began, bytes) in asked.iter_mut().flatten() {
                    *began = Instant::now();
                    socket.send(bytes)?;
                    heard.lost += 1;
                }
                ensure!(heard.lost < MAX_LOST, "{} questions were not answered", heard.lost);
                continue;
            };
            let Some(&[high, low, _, flags]) = room[..length].first_chunk() else { continue };
            let id = u16::from_be_bytes([high, low]);
            // The answer to a question that was asked twice comes twice.
            let Some((began, _)) = asked.get_mut(usize::from(id)).and_then(Option::take) else { continue };
            heard.took.push(began.elapsed());
            heard.failed += u64::from(flags & 0x0f != self.class.code());
            if left > 0 {
                left -= 1;
                asked[usize::from(id)] = Some(ask(id)?);
            }
        }
        Ok(heard)
    }
}
