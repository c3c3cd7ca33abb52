//! The workers that a daemon can do without, as its broker looks after them: asked for, attested, spoken with, and missed when
//! they are gone, all in one future of the broker's loop.
//!
//! ```no_run
//! # use orlop_broker::optional::{News, Optional};
//! # use orlop_sandbox::{broker::Narrow, fatal::Fatal};
//! # async fn serve(narrow: &Narrow) -> Result<(), Fatal> {
//! let mut namers: Optional<'_, u32, u32> = Optional::new(narrow, 1);
//! namers.ask(1);
//! loop {
//!     tokio::select! {
//!         // and whatever else the broker waits for
//!         news = namers.next() => match news? {
//!             News::Came { index, .. } => drop(namers.send(index, &7)),
//!             News::Said { message, .. } => tracing::info!(message, "it has answered"),
//!             News::Gone { .. } => {}
//!         },
//!     }
//! }
//! # }
//! ```

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use orlop_sandbox::broker::{Attested, Narrow};
use orlop_sandbox::channel::{BrokerChannel, ChannelError, Message};
use orlop_sandbox::fatal::Fatal;
use orlop_sandbox::posture::Posture;
use orlop_sandbox::roster::Newborn;
use tracing::warn;

/// The optional workers of a daemon, which all speak of the same things: `Out` to them, `In` from them.
///
/// That one of them fails, to be attested or later, is a warning and never the end of the daemon. Its supervisor starts it again.
pub struct Optional<'n, Out, In> {
    narrow: &'n Narrow,
    protocol: u32,
    /// Begun again whenever it is done. It lives longer than a turn of the loop, as do those by which workers are attested: what
    /// they have begun must not be dropped.
    newborn: Begun<'n, Newborn>,
    /// By their places among all workers of the daemon.
    workers: Vec<State<'n, Out, In>>,
}

type Begun<'n, T> = Pin<Box<dyn Future<Output = Result<T, Fatal>> + 'n>>;

/// What a broker has of a worker.
enum State<'n, Out, In> {
    Absent,
    /// It has been started, and says what it is restricted by, which may take seconds.
    Attesting(Begun<'n, Attested<Out, In>>),
    Here(BrokerChannel<Out, In>),
}

/// What has happened.
#[derive(Debug)]
pub enum News<In> {
    /// A worker is there, and can be spoken to.
    Came {
        /// Its place among the daemon's workers.
        index: usize,
        /// What it is called.
        name: &'static str,
        /// What it is restricted by.
        posture: Posture,
    },
    /// A worker has said something.
    Said {
        /// Its place.
        index: usize,
        /// What.
        message: In,
    },
    /// A worker is not there any more, or could not be attested. What it was asked and has not answered is lost.
    Gone {
        /// Its place.
        index: usize,
    },
}

impl<'n, Out: Message + 'n, In: Message + 'n> Optional<'n, Out, In> {
    /// Those of the daemon that `narrow` is the broker of, who speak conversation `protocol`. For a broker that has its other
    /// workers already: from here on no newborn worker is anybody else's.
    #[must_use]
    pub fn new(narrow: &'n Narrow, protocol: u32) -> Self {
        let workers = narrow.daemon().workers.iter().map(|_| State::Absent).collect();
        Self { narrow, protocol, newborn: Box::pin(narrow.newborn()), workers }
    }

    /// Asks for the worker in place `index`. Where it is there, or will soon be, nothing happens.
    pub fn ask(&self, index: usize) {
        if let Err(error) = self.narrow.ask(index) {
            warn!(index, %error, "cannot ask for a worker");
        }
    }

    /// The channel to the worker in place `index`, while it is there: what is granted goes through it.
    #[must_use]
    pub fn channel(&self, index: usize) -> Option<&BrokerChannel<Out, In>> {
        match self.workers.get(index)? {
            State::Here(channel) => Some(channel),
            State::Absent | State::Attesting(_) => None,
        }
    }

    /// Says something to the worker in place `index`, if it is there and reads.
    ///
    /// # Errors
    /// It was not said. That a worker is gone is [news](News::Gone) besides.
    pub fn send(&self, index: usize, message: &Out) -> Result<(), ChannelError> {
        self.channel(index).ok_or(ChannelError::PeerGone)?.try_send(message)
    }

    /// Waits for what happens next. Cancelling loses nothing.
    ///
    /// # Errors
    /// The supervisor is gone.
    pub async fn next(&mut self) -> Result<News<In>, Fatal> {
        poll_fn(|context| self.poll(context)).await
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<News<In>, Fatal>> {
        while let Poll::Ready(newborn) = self.newborn.as_mut().poll(context) {
            self.newborn = Box::pin(self.narrow.newborn());
            let (newborn, narrow, protocol) = (newborn?, self.narrow, self.protocol);
            let index = newborn.index;
            let Some(worker) = self.workers.get_mut(index) else { continue };
            let attesting = State::Attesting(Box::pin(narrow.attest(newborn, protocol)));
            // What there was of the one before it goes first.
            if matches!(core::mem::replace(worker, attesting), State::Here(_)) {
                return Poll::Ready(Ok(News::Gone { index }));
            }
        }
        let daemon = self.narrow.daemon();
        for (index, (worker, known)) in self.workers.iter_mut().zip(daemon.workers).enumerate() {
            let name = known.profile.name;
            let failed: String = match worker {
                State::Absent => continue,
                State::Attesting(attesting) => match attesting.as_mut().poll(context) {
                    Poll::Pending => continue,
                    Poll::Ready(Ok(Attested { channel, posture, .. })) => {
                        *worker = State::Here(channel);
                        return Poll::Ready(Ok(News::Came { index, name, posture }));
                    }
                    Poll::Ready(Err(fatal)) => {
                        fatal.cause.map_or(fatal.problem.clone(), |cause| format!("{}: {cause}", fatal.problem))
                    }
                },
                State::Here(channel) => match channel.poll_recv(context) {
                    Poll::Pending => continue,
                    Poll::Ready(Ok(received)) => {
                        return Poll::Ready(Ok(News::Said { index, message: received.message }));
                    }
                    Poll::Ready(Err(error)) => error.to_string(),
                },
            };
            warn!(worker = name, cause = %failed, "an optional worker is lost; all else goes on");
            *worker = State::Absent;
            return Poll::Ready(Ok(News::Gone { index }));
        }
        Poll::Pending
    }
}
