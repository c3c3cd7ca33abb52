//! The loop: wait for the broker, an answer or the clock, and let the machine decide.

use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;
use std::task::{Context, Poll, ready};

use orlop_lookup_contract::{Notice, Request};
use orlop_lookup_core::{Action, Event, Lookups};
use orlop_machine::{Instant, Machine as _, Seed};
use orlop_sandbox::channel::{Received, WorkerChannel};
use orlop_sandbox::clock;
use orlop_sandbox::timer::BootTimer;
use orlop_sandbox::turn::{Ended, Turn, turn};
use orlop_sandbox::worker;

use crate::sockets::{Heard, Sockets, is_refusal};

/// Serves until the broker is gone, and says why it ended.
pub(crate) async fn run(context: worker::Context<Request, Notice, (BootTimer, Seed)>) -> Ended {
    let worker::Context { channel, resources: (timer, seed), posture: _ } = context;
    let mut asking = Asking::new(seed);
    loop {
        if let Err(ended) = asking.turn(&channel, &timer).await {
            return ended;
        }
    }
}

/// The machine and the sockets that it speaks through.
pub(crate) struct Asking {
    lookups: Lookups,
    sockets: Sockets,
}

impl Asking {
    pub(crate) fn new(seed: Seed) -> Self {
        Self { lookups: Lookups::new(seed), sockets: Sockets::new() }
    }

    async fn turn(&mut self, channel: &WorkerChannel<Request, Notice>, timer: &BootTimer) -> Result<(), Ended> {
        let requests = match turn(channel, timer, self.deadline(), |context| self.poll_sockets(context)).await? {
            Turn::Notice(Received { message, fd, .. }) => self.notice(message, fd).map_err(Ended::Grant)?,
            Turn::Heard(requests) => requests,
            Turn::Deadline => self.handle(Event::Deadline),
        };
        for request in requests {
            channel.send(&request).await?;
        }
        Ok(())
    }

    /// When the machine wants to be called.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.lookups.deadline()
    }

    /// Does what the broker says.
    pub(crate) fn notice(&mut self, notice: Notice, fd: Option<OwnedFd>) -> io::Result<Vec<Request>> {
        let event = match (notice, fd) {
            (Notice::Connected(place), Some(socket)) => {
                self.sockets.open(place, socket)?;
                Event::Connected(place)
            }
            (Notice::Connected(_), None) => return Err(io::Error::other("a place without its socket")),
            (Notice::Unconnected(place), _) => Event::Unconnected(place),
            (Notice::Servers(count), _) => Event::Servers(count),
            (Notice::Lookup { id, name }, _) => Event::Wanted(id, name),
            (Notice::Forget { id }, _) => Event::Forgotten(id),
        };
        Ok(self.handle(event))
    }

    /// Lets the machine have what has come.
    pub(crate) fn poll_sockets(&mut self, context: &mut Context<'_>) -> Poll<Vec<Request>> {
        let Self { lookups, sockets } = self;
        let mut actions = Vec::new();
        ready!(sockets.poll(context, |place, heard| {
            actions.extend(match heard {
                Heard::Bytes(bytes) => lookups.receive(clock::now(), place, bytes),
                Heard::Broken { refused } => lookups.handle(clock::now(), Event::Broken { place, refused }),
            });
        }));
        Poll::Ready(self.act(actions))
    }

    /// Tells the machine what happened.
    pub(crate) fn handle(&mut self, event: Event) -> Vec<Request> {
        let actions = self.lookups.handle(clock::now(), event);
        self.act(actions)
    }

    /// Does what the machine wants, and what it wants then. What is left is for the broker.
    fn act(&mut self, actions: Vec<Action>) -> Vec<Request> {
        let mut requests = Vec::new();
        let mut wanted = VecDeque::from(actions);
        while let Some(action) = wanted.pop_front() {
            match action {
                Action::Send(place, bytes) => {
                    if let Err(why) = self.sockets.send(place, bytes) {
                        let broken = Event::Broken { place, refused: is_refusal(&why) };
                        wanted.extend(self.lookups.handle(clock::now(), broken));
                    }
                }
                Action::Close(place) => self.sockets.close(place),
                Action::Ask(request) => requests.push(request),
            }
        }
        requests
    }
}

#[cfg(test)]
mod tests;
