//! The loop: wait for the broker, a packet or the clock, and let the machine of the link decide.

use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll};

use orlop_dhcp_contract::{Notice, Request};
use orlop_dhcp_core::client::Event;
use orlop_machine::Chance;
use orlop_sandbox::channel::{ChannelError, Received, WorkerChannel};
use orlop_sandbox::clock;
use orlop_sandbox::timer::BootTimer;
use orlop_sandbox::worker;

use crate::links::Links;

/// Serves until the broker is gone, and says why it ended.
pub(crate) async fn run(context: worker::Context<Request, Notice, (BootTimer, Chance)>) -> Ended {
    let worker::Context { channel, resources: (timer, chance), posture: _ } = context;
    let mut links = Links::new(chance);
    loop {
        if let Err(ended) = turn(&channel, &timer, &mut links).await {
            return ended;
        }
    }
}

async fn turn(channel: &WorkerChannel<Request, Notice>, timer: &BootTimer, links: &mut Links) -> Result<(), Ended> {
    timer.set(links.deadline()).map_err(Ended::Timer)?;
    let requests = match poll_fn(|context| next(context, channel, timer, links)).await? {
        Input::Notice(Received { message, fd }) => links.notice(clock::now(), message, fd).map_err(Ended::Grant)?,
        Input::Packets(requests) => requests,
        Input::Deadline => links.all(clock::now(), || Event::Deadline),
    };
    for request in requests {
        channel.send(&request).await?;
    }
    Ok(())
}

#[expect(clippy::large_enum_variant, reason = "one exists at a time, on the stack of the loop")]
enum Input {
    Notice(Received<Notice>),
    /// Packets came, and this is what the machines want done about them.
    Packets(Vec<Request>),
    Deadline,
}

fn next(
    context: &mut Context<'_>,
    channel: &WorkerChannel<Request, Notice>,
    timer: &BootTimer,
    links: &mut Links,
) -> Poll<Result<Input, Ended>> {
    if let Poll::Ready(received) = channel.poll_recv(context) {
        return Poll::Ready(received.map(Input::Notice).map_err(Ended::Channel));
    }
    if let Poll::Ready(expired) = timer.poll_expired(context) {
        return Poll::Ready(expired.map(|()| Input::Deadline).map_err(Ended::Timer));
    }
    links.poll_packets(context).map(|requests| Ok(Input::Packets(requests)))
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
