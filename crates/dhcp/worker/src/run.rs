//! The loop: wait for the broker, a packet or the clock, and let the machine of the link decide.

use orlop_dhcp_contract::{Notice, Request};
use orlop_dhcp_core::client::Event;
use orlop_machine::Chance;
use orlop_sandbox::channel::{Received, WorkerChannel};
use orlop_sandbox::clock;
use orlop_sandbox::timer::BootTimer;
use orlop_sandbox::turn::{Ended, Turn, turn};
use orlop_sandbox::worker;

use crate::links::Links;

/// Serves until the broker is gone, and says why it ended.
pub(crate) async fn run(context: worker::Context<Request, Notice, (BootTimer, Chance)>) -> Ended {
    let worker::Context { channel, resources: (timer, chance), posture: _ } = context;
    let mut links = Links::new(chance);
    loop {
        if let Err(ended) = one(&channel, &timer, &mut links).await {
            return ended;
        }
    }
}

async fn one(channel: &WorkerChannel<Request, Notice>, timer: &BootTimer, links: &mut Links) -> Result<(), Ended> {
    let requests = match turn(channel, timer, links.deadline(), |context| links.poll_packets(context)).await? {
        Turn::Notice(Received { message, fd, .. }) => links.notice(clock::now(), message, fd).map_err(Ended::Grant)?,
        Turn::Heard(requests) => requests,
        Turn::Deadline => links.all(clock::now(), || Event::Deadline),
    };
    for request in requests {
        channel.send(&request).await?;
    }
    Ok(())
}
