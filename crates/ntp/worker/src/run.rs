//! The loop: wait for the broker, an answer or the clock, and let the machine decide.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll};

use orlop_machine::{Machine as _, Seed};
use orlop_ntp_contract::{Notice, Request};
use orlop_ntp_core::client::{Action, Client, Event};
use orlop_sandbox::channel::{ChannelError, Received, WorkerChannel};
use orlop_sandbox::clock;
use orlop_sandbox::timer::BootTimer;
use orlop_sandbox::worker;

use crate::peers::Peers;
use crate::wall::Wall;

/// Serves until the broker is gone, and says why it ended.
pub(crate) async fn run(context: worker::Context<Request, Notice, (BootTimer, Seed)>) -> Ended {
    let worker::Context { channel, resources: (timer, seed), posture: _ } = context;
    let mut asking = Asking { client: Client::new(seed), peers: Peers::new(), wall: Wall::default() };
    loop {
        if let Err(ended) = asking.turn(&channel, &timer).await {
            return ended;
        }
    }
}

struct Asking {
    client: Client,
    peers: Peers,
    wall: Wall,
}

enum Input {
    Notice(Box<Received<Notice>>),
    /// Answers came, and this is what the machine wants done about them.
    Answers(Vec<Action>),
    Deadline,
}

impl Asking {
    async fn turn(&mut self, channel: &WorkerChannel<Request, Notice>, timer: &BootTimer) -> Result<(), Ended> {
        timer.set(self.client.deadline()).map_err(Ended::Timer)?;
        let actions = match poll_fn(|context| self.poll(context, channel, timer)).await? {
            Input::Notice(received) => self.notice(*received)?,
            Input::Answers(actions) => actions,
            Input::Deadline => self.client.handle(clock::now(), Event::Deadline),
        };
        self.act(actions, channel).await
    }

    fn poll(
        &mut self,
        context: &mut Context<'_>,
        channel: &WorkerChannel<Request, Notice>,
        timer: &BootTimer,
    ) -> Poll<Result<Input, Ended>> {
        // The broker first: what comes before a step was made is dropped when the machine knows of the step.
        if let Poll::Ready(received) = channel.poll_recv(context) {
            return Poll::Ready(received.map(|received| Input::Notice(Box::new(received))).map_err(Ended::Channel));
        }
        if let Poll::Ready(expired) = timer.poll_expired(context) {
            return Poll::Ready(expired.map(|()| Input::Deadline).map_err(Ended::Timer));
        }
        let Self { client, peers, wall } = self;
        let mut wanted = Vec::new();
        peers
            .poll(context, wall, |peer, answer, at| wanted.extend(client.receive(clock::now(), peer, answer, at)))
            .map(|()| Ok(Input::Answers(wanted)))
    }

    fn notice(&mut self, received: Received<Notice>) -> Result<Vec<Action>, Ended> {
        let Received { message, fd } = received;
        match (&message, fd) {
            (Notice::MockClock(mock), _) => {
                self.wall.set(*mock);
                return Ok(Vec::new());
            }
            (Notice::Connected { peer, .. }, Some(socket)) => self.peers.open(*peer, socket).map_err(Ended::Grant)?,
            // It is read by the broker.
            (Notice::Connected { server, .. }, None) if server.is_clock() => {}
            (Notice::Connected { .. }, None) => {
                return Err(Ended::Grant(io::Error::other("a server without its socket")));
            }
            _ => {}
        }
        Ok(self.client.handle(clock::now(), Event::Notice(message)))
    }

    /// Does what the machine wants, and what it wants then.
    async fn act(&mut self, actions: Vec<Action>, channel: &WorkerChannel<Request, Notice>) -> Result<(), Ended> {
        let mut wanted = VecDeque::from(actions);
        while let Some(action) = wanted.pop_front() {
            match action {
                Action::Send { peer, packet } => {
                    let event = match self.peers.send(peer, &packet, &self.wall) {
                        Some(at) => Event::Sent { peer, at },
                        None => Event::NotSent { peer },
                    };
                    wanted.extend(self.client.handle(clock::now(), event));
                }
                Action::Close { peer } => self.peers.close(peer),
                Action::Ask(request) => channel.send(&request).await?,
            }
        }
        Ok(())
    }
}

/// Why the worker has nothing left to do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Ended {
    /// The broker is gone, or what it says makes no sense.
    #[error(transparent)]
    Channel(#[from] ChannelError),
    /// A granted descriptor cannot be used.
    #[error("cannot use what the broker granted: {0}")]
    Grant(#[source] io::Error),
    /// The clock.
    #[error("the timer failed: {0}")]
    Timer(#[source] io::Error),
}
