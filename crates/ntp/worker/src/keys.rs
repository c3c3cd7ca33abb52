//! One key exchange (RFC 8915 section 4), which is all that this process does in its life: its broker grants it a socket, the
//! trusted certificates and an end of a pair; it hands the keys to whoever has the other end, says that it is done, and ends. So
//! nothing that a server has done to it reaches the exchange with another server.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use orlop_ntp_contract::{ExchangeId, Host, KeyFailure, KeyNotice, KeyRequest, Keys, SourceId};
use orlop_sandbox::channel::{ChannelError, Received, WorkerChannel};
use orlop_sandbox::clock;
use orlop_sandbox::timer::BootTimer;
use orlop_sandbox::turn::{Ended, Turn, turn};
use orlop_sandbox::worker::Context;

mod dates;
mod roots;
mod tls;

use tls::{Conversation, Yield};

/// How long an exchange may take: three round trips, on a bad line.
const WITHIN: Duration = Duration::from_secs(5);

/// Nothing comes back through the pair.
type Joint = WorkerChannel<Keys, Keys>;

/// Exchanges keys once, and waits until the broker lets go of it.
pub(crate) async fn run(context: Context<KeyRequest, KeyNotice, BootTimer>) -> Result<(), Ended> {
    let Context { channel, resources: timer, posture: _ } = context;
    let (mut joint, mut roots) = (None, None);
    let task = loop {
        let Received { message, fd, .. } = match channel.recv().await {
            // Nobody needs it any more.
            Err(ChannelError::PeerGone) => return Ok(()),
            received => received?,
        };
        let fd = fd.ok_or_else(|| Ended::Grant(io::Error::other("a message without its descriptor")))?;
        match message {
            KeyNotice::Joined => joint = Some(Joint::granted(fd).map_err(Ended::Grant)?),
            KeyNotice::Roots => roots = Some(fd),
            KeyNotice::Exchange { number, source, host, dates } => {
                break Task { number, source, host, dates, socket: fd };
            }
        }
    };
    let (Some(joint), Some(roots)) = (joint, roots) else {
        return Err(Ended::Grant(io::Error::other("an exchange without roots or without whom it is for")));
    };
    let said = match exchange(&channel, &timer, roots, task).await? {
        Ok((keys, host, port)) => {
            joint.send(&keys).await?;
            KeyRequest::Done { host, port }
        }
        Err(failure) => KeyRequest::Failed(failure),
    };
    channel.send(&said).await?;
    match channel.recv().await {
        Err(ChannelError::PeerGone) => Ok(()),
        Err(error) => Err(error.into()),
        Ok(_) => Err(a_second_task()),
    }
}

/// What is to be done.
struct Task {
    number: ExchangeId,
    source: SourceId,
    host: Host,
    dates: orlop_ntp_contract::Dates,
    socket: OwnedFd,
}

type Exchanged = (Keys, Option<Host>, Option<u16>);

async fn exchange(
    channel: &WorkerChannel<KeyRequest, KeyNotice>,
    timer: &BootTimer,
    roots: OwnedFd,
    task: Task,
) -> Result<Result<Exchanged, KeyFailure>, Ended> {
    let deadline = clock::now().after(WITHIN);
    let Task { number, source, host, dates, socket } = task;
    let mut conversation = match roots::read(roots).and_then(|roots| Conversation::new(socket, &host, dates, roots)) {
        Ok(conversation) => conversation,
        Err(failure) => return Ok(Err(failure)),
    };
    let yielded = match turn(channel, timer, Some(deadline), |context| conversation.poll(context)).await? {
        Turn::Notice(_) => return Err(a_second_task()),
        Turn::Deadline => Err(KeyFailure::Slow),
        Turn::Heard(yielded) => yielded,
    };
    Ok(yielded.map(|Yield { response, checked, c2s, s2c }| {
        let cookies = response.cookies.into_iter().collect();
        (Keys { number, source, checked, c2s, s2c, cookies }, response.host, response.port)
    }))
}

fn a_second_task() -> Ended {
    Ended::Grant(io::Error::other("a second task"))
}
