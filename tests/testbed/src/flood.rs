//! Many bad frames, fast.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, ensure};

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
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Result<()>>>,
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
        let stop = Arc::new(AtomicBool::new(false));
        let (ready, is_ready) = mpsc::channel();
        let (thread_sent, thread_stop) = (Arc::clone(&sent), Arc::clone(&stop));
        let interface = interface.to_owned();
        let thread = host.thread(move || {
            let port = Port::named(&interface)?;
            let (listener, socket) = (PacketSocket::open(Hears::IncomingIpv4)?, PacketSocket::open(Hears::Nothing)?);
            // Whole batches: the list repeated until each batch is a plain slice of it.
            let mut frames: Vec<Vec<u8>> =
                frames.iter().cycle().take(frames.len().next_multiple_of(BATCH)).cloned().collect();
            ready.send(())?;
            let start = Instant::now();
            let mut next = 0;
            while !thread_stop.load(Ordering::Relaxed) {
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
                #[allow(clippy::cast_precision_loss, reason = "exact up to 2^53 frames")]
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
        is_ready.recv().map_err(|_| anyhow!("the flood on {} did not start", host.name()))?;
        Ok(Self { sent, since: Instant::now(), stop, thread: Some(thread) })
    }

    /// Frames sent so far.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Frames per second since the start.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "exact up to 2^53 frames")]
    pub fn rate(&self) -> f64 {
        self.sent() as f64 / self.since.elapsed().as_secs_f64()
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(Ok(Err(error))) = self.thread.take().map(JoinHandle::join) {
            eprintln!("warning: a flood ended early: {error:#}");
        }
    }
}

/// The transaction id of a client's message, as it is in the frame.
fn transaction(frame: &[u8]) -> Option<[u8; 4]> {
    let udp = Udp::decode(frame).filter(|udp| udp.destination_port == SERVER_PORT)?;
    Some(Message::decode(&udp.payload)?.xid.to_be_bytes())
}
