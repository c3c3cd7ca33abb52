//! Many bad frames, fast.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::background::Background;
use crate::dhcp::Message;
use crate::frame::{SERVER_PORT, Udp};
use crate::host::Host;
use crate::packet::{Hears, PacketSocket, Port};

/// Frames per system call: enough to make its cost small, few enough to keep the rate even.
const BATCH: usize = 64;
/// Offset of `xid` in an untagged frame: Ethernet 14, IP 20, UDP 8, then four bytes.
const XID_AT: usize = 46;

/// A running flood; it ends when dropped.
pub struct Flood {
    sent: Arc<AtomicU64>,
    since: Instant,
    _thread: Background,
}

impl Flood {
    /// Sends `frames` in turn, `per_second` of them, until dropped. As an attacker on the link would, it listens to the
    /// client and writes the transaction id it heard last into the frames (UDP checksums must therefore be absent or wrong).
    ///
    /// # Errors
    /// Without frames, or when the namespace, the interface or the socket cannot be had.
    pub fn start(host: &Host, interface: &str, frames: Vec<Vec<u8>>, per_second: u32) -> Result<Self> {
        ensure!(!frames.is_empty() && per_second > 0, "nothing to send");
        let sent = Arc::new(AtomicU64::new(0));
        let thread_sent = Arc::clone(&sent);
        let interface = interface.to_owned();
        let thread = Background::start(host, "the flood", move |life| {
            let port = Port::named(&interface)?;
            let (listener, socket) = (PacketSocket::open(Hears::IncomingIpv4)?, PacketSocket::open(Hears::Nothing)?);
            // Whole batches: the list repeated until each batch is a plain slice of it.
            let mut frames: Vec<Vec<u8>> =
                frames.iter().cycle().take(frames.len().next_multiple_of(BATCH)).cloned().collect();
            life.ready()?;
            let start = Instant::now();
            let mut next = 0;
            while life.goes_on() {
                while let Some(heard) = listener.try_receive()? {
                    if let Some(xid) = transaction(&heard.frame) {
                        frames
                            .iter_mut()
                            .filter_map(|frame| frame.get_mut(XID_AT..XID_AT + 4))
                            .for_each(|field| field.copy_from_slice(&xid));
                    }
                }
                let so_far = thread_sent.load(Ordering::Relaxed);
                let due = start.elapsed().as_secs_f64() * f64::from(per_second);
                if so_far as f64 > due {
                    thread::sleep(Duration::from_micros(200));
                    continue;
                }
                let taken = socket.send_many(&port, frames[next..next + BATCH].iter().map(Vec::as_slice))?;
                next = (next + BATCH) % frames.len();
                thread_sent.fetch_add(taken.try_into()?, Ordering::Relaxed);
            }
            Ok(())
        })?;
        Ok(Self { sent, since: Instant::now(), _thread: thread })
    }

    /// Frames sent so far.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Frames per second since the start.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.sent() as f64 / self.since.elapsed().as_secs_f64()
    }
}

/// The transaction id of a client's message, as it is in the frame.
fn transaction(frame: &[u8]) -> Option<[u8; 4]> {
    let udp = Udp::decode(frame).filter(|udp| udp.destination_port == SERVER_PORT)?;
    Some(Message::decode(&udp.payload)?.xid.to_be_bytes())
}
