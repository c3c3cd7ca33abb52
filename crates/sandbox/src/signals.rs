//! Signals as events of a tokio loop.

use core::ffi::c_int;
use std::io;

use rustix::io::Errno;
use tokio::io::Interest;

use crate::sys::{self, Watched};

/// The signals a broker may be told something with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// End, orderly.
    Terminate,
    /// End, from the keyboard.
    Interrupt,
    /// Read the configuration again.
    Hangup,
}

impl Signal {
    const ALL: [Self; 3] = [Self::Terminate, Self::Interrupt, Self::Hangup];

    const fn number(self) -> c_int {
        match self {
            Self::Terminate => libc::SIGTERM,
            Self::Interrupt => libc::SIGINT,
            Self::Hangup => libc::SIGHUP,
        }
    }
}

/// The stream of [`Signal`]s to this process. A broker opens it before it narrows itself.
#[derive(Debug)]
pub struct Signals(Watched);

impl Signals {
    /// From here on these signals no longer end the process. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// When there is no descriptor left.
    pub fn open() -> io::Result<Self> {
        let numbers = Signal::ALL.map(Signal::number);
        sys::block_signals(&numbers)?;
        Ok(Self(Watched::new(sys::signal_descriptor(&numbers)?, Interest::READABLE)?))
    }

    /// Waits for the next one.
    ///
    /// # Errors
    /// None on a kernel that works.
    pub async fn recv(&self) -> io::Result<Signal> {
        loop {
            // `struct signalfd_siginfo`: 128 bytes, of which the first four are the number.
            let mut information = [0; 128];
            self.0
                .read(|fd| match rustix::io::read(fd, &mut information) {
                    Ok(_) => Ok(()),
                    Err(Errno::INTR) => Err(Errno::AGAIN.into()),
                    Err(errno) => Err(errno.into()),
                })
                .await?;
            let [a, b, c, d, ..] = information;
            let number = c_int::from_ne_bytes([a, b, c, d]);
            if let Some(signal) = Signal::ALL.into_iter().find(|signal| signal.number() == number) {
                return Ok(signal);
            }
        }
    }
}
