//! One provider that is asked: the machine that decides, and the connection that it speaks through.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll};

use orlop_machine::Machine as _;
use orlop_metadata_contract::{Counters, Notice, Request};
use orlop_metadata_core::fetch::{Action, Event, Fetch, Report};
use orlop_sandbox::channel::Received;
use orlop_sandbox::clock;
use orlop_sandbox::connection::Connection;
use orlop_sandbox::timer::BootTimer;
use tracing::{info, warn};

use crate::ended::Ended;
use crate::tell::{Channel, tell};

/// A provider while it is asked.
pub(crate) struct Fetching {
    fetch: Fetch,
    open: Option<Open>,
    /// What the broker was told was left out, once it was told of the rest.
    left_out: Counters,
    buffer: Box<[u8; ROOM]>,
}

/// A connection.
struct Open {
    connection: Connection,
    /// Whether the peer has accepted it.
    is_connected: bool,
    unsent: Vec<u8>,
}

/// What is taken from the connection at a time.
const ROOM: usize = 16 << 10;

enum Input {
    Notice(Received<Notice>),
    Event(Event),
}

impl Fetching {
    pub(crate) fn new(fetch: Fetch) -> Self {
        Self { fetch, open: None, left_out: Counters::default(), buffer: Box::new([0; ROOM]) }
    }

    /// Asks until the broker has been told of everything, or that there is nothing.
    pub(crate) async fn run(mut self, channel: &Channel, timer: &BootTimer) -> Result<(), Ended> {
        let mut event = Event::Start;
        loop {
            if self.act(channel, event).await? {
                return Ok(());
            }
            timer.set(self.fetch.deadline()).map_err(Ended::Timer)?;
            event = match poll_fn(|context| self.poll(context, channel, timer)).await? {
                Input::Event(event) => event,
                Input::Notice(Received { message: Notice::Connected(_), fd: Some(fd), .. }) => {
                    let connection = Connection::from_fd(fd).map_err(Ended::Grant)?;
                    self.open = Some(Open { connection, is_connected: false, unsent: Vec::new() });
                    Event::Granted
                }
                Input::Notice(Received { message: Notice::Unconnected(_), .. }) => Event::Unconnected,
                Input::Notice(_) => return Err(Ended::Nonsense),
            };
        }
    }

    /// Tells the machine what happened, and does what it wants. Whether it is done.
    async fn act(&mut self, channel: &Channel, event: Event) -> Result<bool, Ended> {
        let mut actions = VecDeque::from(self.fetch.handle(clock::now(), event));
        while let Some(action) = actions.pop_front() {
            match action {
                Action::Connect(place) => channel.send(&Request::Connect(place)).await?,
                Action::Send(bytes) => {
                    if let Some(open) = &mut self.open {
                        open.unsent.extend(bytes);
                    }
                }
                Action::Close => self.open = None,
                Action::Found(tree) => {
                    self.left_out = tell(channel, *tree).await?;
                    actions.extend(self.fetch.handle(clock::now(), Event::Told));
                }
                Action::Done(report) => {
                    match report {
                        Report::Unwanted => {}
                        Report::Made => info!("the provider was told that this machine is ready"),
                        Report::Failed(why) => {
                            warn!("the provider could not be told that this machine is ready: {why}")
                        }
                    }
                    channel.send(&Request::Done(self.left_out)).await?;
                    return Ok(true);
                }
                Action::Failed(failure) => {
                    warn!("{failure}");
                    channel.send(&Request::Failed(failure.into())).await?;
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    fn poll(&mut self, context: &mut Context<'_>, channel: &Channel, timer: &BootTimer) -> Poll<Result<Input, Ended>> {
        if let Poll::Ready(received) = channel.poll_recv(context) {
            return Poll::Ready(received.map(Input::Notice).map_err(Ended::Channel));
        }
        if let Poll::Ready(expired) = timer.poll_expired(context) {
            return Poll::Ready(expired.map(|()| Input::Event(Event::Deadline)).map_err(Ended::Timer));
        }
        let Self { open: Some(open), buffer, .. } = self else { return Poll::Pending };
        let event = open.poll(context, buffer.as_mut_slice());
        if matches!(event, Poll::Ready(Event::Broken | Event::Ended)) {
            self.open = None;
        }
        event.map(|event| Ok(Input::Event(event)))
    }
}

impl Open {
    fn poll(&mut self, context: &mut Context<'_>, buffer: &mut [u8]) -> Poll<Event> {
        if !self.is_connected {
            // Nothing is sent: the kernel says whether there is a connection.
            return self.connection.poll_send(context, &[]).map(|sent| {
                self.is_connected = sent.is_ok();
                if sent.is_ok() { Event::Connected } else { Event::Broken }
            });
        }
        while !self.unsent.is_empty() {
            match self.connection.poll_send(context, &self.unsent) {
                Poll::Ready(Ok(sent)) => drop(self.unsent.drain(..sent.min(self.unsent.len()))),
                Poll::Ready(Err(why)) => return Poll::Ready(broken(&why)),
                Poll::Pending => break,
            }
        }
        self.connection.poll_recv(context, buffer).map(|received| match received {
            Ok(0) => Event::Ended,
            Ok(length) => Event::Received(buffer.get(..length).unwrap_or_default().to_vec()),
            Err(why) => broken(&why),
        })
    }
}

fn broken(why: &io::Error) -> Event {
    info!(%why, "the connection has failed");
    Event::Broken
}
