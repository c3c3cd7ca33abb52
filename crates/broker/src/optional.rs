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

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use orlop_sandbox::broker::{Attested, Narrow};
use orlop_sandbox::channel::{BrokerChannel, ChannelError, Message};
use orlop_sandbox::fatal::Fatal;
use orlop_sandbox::posture::Posture;
use orlop_sandbox::roster::Newborn;
use tracing::warn;

/// Optional workers of a daemon, which all speak of the same things: `Out` to them, `In` from them. Where some speak of others,
/// [`Optional::apart`] has them looked after by themselves.
///
/// That one of them fails, to be attested or later, is a warning and never the end of the daemon. Its supervisor starts it again.
pub struct Optional<'n, Out, In> {
    protocol: u32,
    newborns: Rc<Newborns<'n>>,
    /// By their places among all workers of the daemon.
    workers: Vec<State<'n, Out, In>>,
}

/// The workers that are started, for everybody who looks after some.
struct Newborns<'n> {
    narrow: &'n Narrow,
    /// Begun again whenever it is done. It lives longer than a turn of the loop, as do those by which workers are attested: what
    /// they have begun must not be dropped.
    next: RefCell<Begun<'n, Newborn>>,
    /// Those that whoever waited was not to look after.
    others: RefCell<Vec<Newborn>>,
}

type Begun<'n, T> = Pin<Box<dyn Future<Output = Result<T, Fatal>> + 'n>>;

/// What a broker has of a worker.
enum State<'n, Out, In> {
    /// Somebody else looks after it.
    Apart,
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
        let next = RefCell::new(Box::pin(narrow.newborn()) as Begun<'n, Newborn>);
        Self { protocol, newborns: Rc::new(Newborns { narrow, next, others: RefCell::default() }), workers }
    }

    /// The worker in place `index` is there already, and this is the way to it.
    pub fn begin(&mut self, index: usize, channel: BrokerChannel<Out, In>) {
        if let Some(state) = self.workers.get_mut(index) {
            *state = State::Here(channel);
        }
    }

    /// The worker in place `index`, which speaks conversation `protocol` and not that of the others. To be called before anybody
    /// is asked for. Both have to be waited for in one task.
    #[must_use]
    pub fn apart<O: Message + 'n, I: Message + 'n>(&mut self, index: usize, protocol: u32) -> Optional<'n, O, I> {
        let workers = (0..self.workers.len()).map(|at| if at == index { State::Absent } else { State::Apart });
        let apart = Optional { protocol, newborns: Rc::clone(&self.newborns), workers: workers.collect() };
        if let Some(state) = self.workers.get_mut(index) {
            *state = State::Apart;
        }
        apart
    }

    /// The worker in place `index` has done its work. It finds its channel closed, upon which it should end, and its end is no
    /// news. It can be asked for again at once.
    pub fn dismiss(&mut self, index: usize) {
        if let Some(state) = self.workers.get_mut(index).filter(|state| !matches!(state, State::Apart)) {
            *state = State::Absent;
        }
    }

    /// Asks for the worker in place `index`. Where it is there, or will soon be, nothing happens.
    pub fn ask(&self, index: usize) {
        if let Err(error) = self.newborns.narrow.ask(index) {
            warn!(index, %error, "cannot ask for a worker");
        }
    }

    /// The channel to the worker in place `index`, while it is there: what is granted goes through it.
    #[must_use]
    pub fn channel(&self, index: usize) -> Option<&BrokerChannel<Out, In>> {
        match self.workers.get(index)? {
            State::Here(channel) => Some(channel),
            State::Apart | State::Absent | State::Attesting(_) => None,
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
        let (narrow, protocol) = (self.newborns.narrow, self.protocol);
        while let Poll::Ready(newborn) = self.newborns.poll(context, &self.workers) {
            let newborn = newborn?;
            let index = newborn.index;
            let Some(worker) = self.workers.get_mut(index) else { continue };
            let attesting = State::Attesting(Box::pin(narrow.attest(newborn, protocol)));
            // What there was of the one before it goes first.
            if matches!(core::mem::replace(worker, attesting), State::Here(_)) {
                return Poll::Ready(Ok(News::Gone { index }));
            }
        }
        let daemon = narrow.daemon();
        for (index, (worker, known)) in self.workers.iter_mut().zip(daemon.workers).enumerate() {
            let name = known.profile.name;
            let failed: String = match worker {
                State::Apart | State::Absent => continue,
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

impl<'n> Newborns<'n> {
    /// Waits for the next one that is looked after by whoever has `workers`.
    fn poll<Out, In>(&self, context: &mut Context<'_>, workers: &[State<'n, Out, In>]) -> Poll<Result<Newborn, Fatal>> {
        let is_ours = |newborn: &Newborn| !matches!(workers.get(newborn.index), Some(State::Apart));
        let mut others = self.others.borrow_mut();
        if let Some(at) = others.iter().position(is_ours) {
            return Poll::Ready(Ok(others.remove(at)));
        }
        let mut next = self.next.borrow_mut();
        while let Poll::Ready(newborn) = next.as_mut().poll(context) {
            *next = Box::pin(self.narrow.newborn());
            match newborn {
                Ok(newborn) if !is_ours(&newborn) => {
                    others.push(newborn);
                    // Whose it is may have been asked already in this turn.
                    context.waker().wake_by_ref();
                }
                newborn => return Poll::Ready(newborn),
            }
        }
        Poll::Pending
    }
}
