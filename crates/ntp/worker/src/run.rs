//! The loop: wait for the broker, an answer or the clock, and let the machine decide.

use std::collections::VecDeque;
use std::io;
use std::task::{Context, Poll};

use orlop_machine::{Machine as _, Seed};
use orlop_ntp_contract::{Keys, Notice, Request};
use orlop_ntp_core::client::{Action, Client, Event};
use orlop_sandbox::channel::{Received, WorkerChannel};
use orlop_sandbox::clock;
use orlop_sandbox::timer::BootTimer;
use orlop_sandbox::turn::{Ended, Turn, turn};
use orlop_sandbox::worker;

use crate::peers::Peers;
use crate::wall::Wall;

/// Serves until the broker is gone, and says why it ended.
pub(crate) async fn run(context: worker::Context<Request, Notice, (BootTimer, Seed)>) -> Ended {
    let worker::Context { channel, resources: (timer, seed), posture: _ } = context;
    let mut asking = Asking { client: Client::new(seed), peers: Peers::new(), wall: Wall::default(), joint: None };
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
    /// To the worker that exchanges keys, while there is one.
    joint: Option<Joint>,
}

/// Nothing is said through it from here.
type Joint = WorkerChannel<Keys, Keys>;

impl Asking {
    async fn turn(&mut self, channel: &WorkerChannel<Request, Notice>, timer: &BootTimer) -> Result<(), Ended> {
        let deadline = self.client.deadline();
        // What comes before a step was made is dropped when the machine knows of the step.
        let actions = match turn(channel, timer, deadline, |context| self.poll_heard(context)).await? {
            Turn::Notice(received) => self.notice(received)?,
            Turn::Heard(actions) => actions,
            Turn::Deadline => self.client.handle(clock::now(), Event::Deadline),
        };
        self.act(actions, channel).await
    }

    /// Keys or answers came: what the machine wants done about them.
    fn poll_heard(&mut self, context: &mut Context<'_>) -> Poll<Vec<Action>> {
        let Self { client, peers, wall, joint } = self;
        match joint.as_ref().map(|joint| joint.poll_recv(context)) {
            Some(Poll::Ready(Ok(Received { message, .. }))) => {
                return Poll::Ready(client.handle(clock::now(), Event::Keys(message)));
            }
            // It has done its work, or failed at it: the broker knows.
            Some(Poll::Ready(Err(_))) => *joint = None,
            Some(Poll::Pending) | None => {}
        }
        let mut wanted = Vec::new();
        peers
            .poll(context, wall, |peer, answer, at| wanted.extend(client.receive(clock::now(), peer, answer, at)))
            .map(|()| wanted)
    }

    fn notice(&mut self, received: Received<Notice>) -> Result<Vec<Action>, Ended> {
        let Received { message, fd, .. } = received;
        match (&message, fd) {
            (Notice::MockClock(mock), _) => {
                self.wall.set(*mock);
                return Ok(Vec::new());
            }
            (Notice::Connected { peer, .. }, Some(socket)) => self.peers.open(*peer, socket).map_err(Ended::Grant)?,
            (Notice::Joined, Some(end)) => {
                self.joint = Some(Joint::granted(end).map_err(Ended::Grant)?);
                return Ok(Vec::new());
            }
            // It is read by the broker.
            (Notice::Connected { server, .. }, None) if server.is_clock() => {}
            (Notice::Connected { .. } | Notice::Joined, None) => {
                return Err(Ended::Grant(io::Error::other("a server or a pair without its descriptor")));
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
