//! Threads that work in a host until their owner is dropped.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Result, anyhow};

use crate::host::Host;

/// How long a thread may wait for something before it asks [`Life::goes_on`] again.
pub const STOP_EVERY: Duration = Duration::from_millis(20);

/// A thread in a host's network namespace; it ends when this is dropped.
pub struct Background {
    /// Who ends early, if it does.
    what: String,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Result<()>>>,
}

/// What the thread knows of its owner.
pub struct Life {
    ready: mpsc::Sender<()>,
    stop: Arc<AtomicBool>,
}

impl Background {
    /// Starts `work`, `what` it is called, and returns when it says [`Life::ready`].
    ///
    /// # Errors
    /// When the namespace cannot be had, or `work` ends before it is ready.
    pub fn start(host: &Host, what: &str, work: impl FnOnce(&Life) -> Result<()> + Send + 'static) -> Result<Self> {
        let what = format!("{what} on {}", host.name());
        let stop = Arc::new(AtomicBool::new(false));
        let (ready, is_ready) = mpsc::channel();
        let life = Life { ready, stop: Arc::clone(&stop) };
        let thread = host.thread(move || work(&life))?;
        if is_ready.recv().is_ok() {
            return Ok(Self { what, stop, thread: Some(thread) });
        }
        let why = thread.join().map_or_else(
            |_| anyhow!("it panicked"),
            |ended| match ended {
                Ok(()) => anyhow!("it ended at once"),
                Err(error) => error,
            },
        );
        Err(why.context(format!("{what} did not start")))
    }
}

impl Life {
    /// What happens from now on is not missed.
    ///
    /// # Errors
    /// When the owner is gone.
    pub fn ready(&self) -> Result<()> {
        Ok(self.ready.send(())?)
    }

    /// Whether the owner is still there.
    pub fn goes_on(&self) -> bool {
        !self.stop.load(Ordering::Relaxed)
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // A panic in it was printed already.
        if let Some(Ok(Err(error))) = self.thread.take().map(JoinHandle::join) {
            eprintln!("warning: {} ended early: {error:#}", self.what);
        }
    }
}
