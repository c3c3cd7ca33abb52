//! What a service (`--follow`) hears, and what it does about it: settings that were missing are tried again, and what somebody
//! else has changed is reported, or put back.
//!
//! No event of the kernel says that a setting was written, so that all of them are read at an interval; interfaces and modules
//! announce themselves.

mod care;
mod interfaces;

use std::io;

use orlop_sandbox::fatal::Fatal;
use orlop_sandbox::multicast::{Heard, Multicast};
use orlop_sandbox::signals::{Signal, Signals};
use orlop_sandbox::timer::BootTimer;

pub use care::Followed;
pub(crate) use care::{Care, Patience};
use interfaces::{Change, Interfaces};

use crate::tree::Tree;

/// All that a service waits for, opened before it narrows itself.
#[derive(Debug)]
pub(crate) struct Ears {
    links: Multicast,
    modules: Multicast,
    signals: Signals,
    timer: BootTimer,
    interfaces: Interfaces,
    buffer: [u8; DATAGRAM],
}

/// Of a datagram about a link, what is read is at its beginning.
const DATAGRAM: usize = 512;

/// What has happened.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// There is an interface of this name, which is not the one that had it before.
    Came(String),
    /// Some interface has gone, or there were more changes than anybody could hear.
    Changed,
    /// A module was loaded or unloaded.
    Module,
    /// It is time to look.
    Time,
    /// The service shall end.
    End,
}

impl Ears {
    /// Opens everything. `tree` names the interfaces that there are.
    ///
    /// # Errors
    /// The kernel does not give one of the descriptors.
    pub(crate) fn open(tree: &Tree) -> Result<Self, Fatal> {
        let os = |what: &'static str| move |cause: io::Error| Fatal::os(what, cause);
        Ok(Self {
            links: Multicast::links().map_err(os("cannot hear of interfaces"))?,
            modules: Multicast::modules().map_err(os("cannot hear of modules"))?,
            signals: Signals::open().map_err(os("cannot watch signals"))?,
            timer: BootTimer::new().map_err(os("cannot make a timer"))?,
            interfaces: Interfaces::of(tree),
            buffer: [0; DATAGRAM],
        })
    }

    /// Waits for the next event, until `time` at the latest. Cancelling loses nothing.
    ///
    /// # Errors
    /// None on a kernel that works.
    pub(crate) async fn next(&mut self, time: orlop_machine::Instant) -> Result<Event, Fatal> {
        let Self { links, modules, signals, timer, interfaces, buffer } = self;
        let os = |cause: io::Error| Fatal::os("cannot wait", cause);
        timer.set(Some(time)).map_err(os)?;
        let mut ignored = [0; 1];
        loop {
            tokio::select! {
                biased;
                signal = signals.recv() => match signal.map_err(os)? {
                    Signal::Terminate | Signal::Interrupt => return Ok(Event::End),
                    Signal::Hangup => tracing::info!("the texts are read when the service starts: restart it for other ones"),
                },
                heard = links.recv(buffer) => match heard.map_err(os)? {
                    Heard::Lost => return Ok(Event::Changed),
                    Heard::Datagram(len) => match interfaces.heard(buffer.get(..len).unwrap_or(buffer)) {
                        Some(Change::Came(name)) => return Ok(Event::Came(name)),
                        Some(Change::Gone) => return Ok(Event::Changed),
                        None => {}
                    },
                },
                heard = modules.recv(&mut ignored) => return heard.map(|_| Event::Module).map_err(os),
                expired = timer.expired() => return expired.map(|()| Event::Time).map_err(os),
            }
        }
    }
}
