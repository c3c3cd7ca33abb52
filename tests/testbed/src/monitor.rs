//! A record of every address, route and link change on a host, to prove that nothing flapped.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use std::os::fd::AsRawFd as _;

use anyhow::{Context as _, Result, anyhow};
use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, recv, setsockopt, sockopt};
use nix::sys::time::{TimeVal, TimeValLike as _};

use crate::background::{Background, STOP_EVERY};
use crate::deadline::eventually;
use crate::host::Host;
use crate::state::{self, Change, Item, RECEIVE_BUFFER};

/// `RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV4_ROUTE` (linux/rtnetlink.h).
const GROUPS: u32 = 0x1 | 0x10 | 0x40;

/// Watches a host until dropped.
pub struct Monitor {
    log: Arc<Mutex<Log>>,
    _thread: Background,
}

#[derive(Default)]
struct Log {
    changes: Vec<(Instant, Change)>,
    /// Messages may be missing: the kernel's queue overflowed, or one could not be read.
    broken: Option<String>,
}

impl Monitor {
    /// Starts to watch; changes after the return are seen.
    ///
    /// # Errors
    /// When the namespace or the socket cannot be had.
    pub fn start(host: &Host) -> Result<Self> {
        let log = Arc::new(Mutex::new(Log::default()));
        let thread_log = Arc::clone(&log);
        let thread = Background::start(host, "the monitor", move |life| {
            let netlink = state::open(GROUPS)?;
            setsockopt(
                &netlink,
                sockopt::ReceiveTimeout,
                &TimeVal::milliseconds(i64::try_from(STOP_EVERY.as_millis())?),
            )?;
            life.ready()?;
            let mut buffer = vec![0; RECEIVE_BUFFER];
            while life.goes_on() {
                let outcome = match recv(netlink.as_raw_fd(), &mut buffer, MsgFlags::empty()) {
                    Ok(length) => state::decode(&buffer[..length]).map(|datagram| datagram.changes),
                    Err(Errno::EAGAIN | Errno::EINTR) => continue,
                    Err(errno) => Err(errno.into()),
                };
                let now = Instant::now();
                let mut log = thread_log.lock().unwrap_or_else(PoisonError::into_inner);
                match outcome {
                    Ok(changes) => log.changes.extend(changes.into_iter().map(|change| (now, change))),
                    Err(error) => log.broken = Some(format!("{error:#}")),
                }
            }
            Ok(())
        })?;
        Ok(Self { log, _thread: thread })
    }

    /// Everything seen so far, in order.
    ///
    /// # Errors
    /// When something was missed: a test must not conclude from an incomplete record.
    pub fn changes(&self) -> Result<Vec<(Instant, Change)>> {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.broken
            .as_ref()
            .map_or_else(|| Ok(log.changes.clone()), |why| Err(anyhow!("the monitor missed changes: {why}")))
    }

    /// The addresses and routes that went.
    ///
    /// # Errors
    /// As [`Self::changes`].
    pub fn deletions(&self) -> Result<Vec<Item>> {
        let changes = self.changes()?.into_iter().map(|(_, change)| change);
        Ok(changes
            .filter(|change| change.deleted && !matches!(change.item, Item::Link(_)))
            .map(|change| change.item)
            .collect())
    }

    /// How often an address came or was changed.
    ///
    /// # Errors
    /// As [`Self::changes`].
    pub fn address_updates(&self) -> Result<usize> {
        Ok(self
            .changes()?
            .iter()
            .filter(|(_, change)| !change.deleted && matches!(change.item, Item::Address(_)))
            .count())
    }

    /// Waits for a change, and gives the time it was seen.
    ///
    /// # Errors
    /// When it does not come `within` the time.
    pub fn wait_for(&self, what: &str, within: Duration, wanted: impl Fn(&Change) -> bool) -> Result<Instant> {
        eventually(what, within, || Ok(self.changes()?.iter().find(|(_, change)| wanted(change)).map(|(at, _)| *at)))
            .with_context(|| format!("seen so far: {:#?}", self.changes()))
    }
}
