//! From a process that has opened what it needs to a broker and a worker that hold nothing else.

use orlop_sandbox::broker::{Attested, Broker, Keep, Narrow, take_account};
use orlop_sandbox::channel::{BrokerChannel, Message};
use orlop_sandbox::daemon::{Daemon, Service};
use orlop_sandbox::fatal::Fatal;

use crate::posture::Postures;

/// A narrowed broker with its first worker.
#[derive(Debug)]
pub struct Confined<Out, In> {
    /// The broker, to which further workers come.
    pub narrow: Narrow,
    /// To and from the worker.
    pub channel: BrokerChannel<Out, In>,
    /// What both are restricted by, and their supervisor.
    pub postures: Postures,
}

/// Narrows this process to `keep` and waits until its first worker has locked itself in, in conversation `protocol`.
///
/// # Errors
/// As [`Broker::narrow`] and [`Narrow::attest`].
pub async fn confine<Out: Message, In: Message>(
    broker: Broker,
    keep: Keep<'_>,
    protocol: u32,
) -> Result<Confined<Out, In>, Fatal> {
    let narrow = broker.narrow(keep)?;
    if narrow.daemon().workers.first().is_some_and(|first| first.service == Service::Renewed) {
        narrow.ask(0).map_err(|cause| Fatal::os("cannot ask for the worker", cause))?;
    }
    let Attested { channel, profile, posture, .. } = narrow.worker(protocol).await?;
    let mut postures = Postures::default();
    postures.insert(profile.name, posture);
    insert_own(&mut postures, &narrow);
    Ok(Confined { narrow, channel, postures })
}

/// Narrows this process to `keep`, and waits for nobody: for a broker that asks for each of its workers when there is something
/// for it to do.
///
/// # Errors
/// As [`Broker::narrow`].
pub fn confine_alone(broker: Broker, keep: Keep<'_>) -> Result<(Narrow, Postures), Fatal> {
    let narrow = broker.narrow(keep)?;
    let mut postures = Postures::default();
    insert_own(&mut postures, &narrow);
    Ok((narrow, postures))
}

/// What the broker itself is restricted by, and its supervisor.
fn insert_own(postures: &mut Postures, narrow: &Narrow) {
    postures.insert(narrow.daemon().broker.name, narrow.posture().clone());
    postures.insert_supervisor(narrow.supervisor());
}

/// Serves as the broker of `daemon`, in a loop of its own, until there is a result. The process ends after it.
///
/// # Errors
/// What `serve` ends with, or that there can be no loop.
pub fn in_a_loop<T>(daemon: &Daemon, serve: impl Future<Output = Result<T, Fatal>>) -> Result<T, Fatal> {
    take_account(daemon)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
    let runtime = runtime.map_err(|cause| Fatal::os("cannot build the loop", cause))?;
    let result = runtime.block_on(serve);
    // Taking the loop down would wake threads that it never had, which is not in the table. The process ends.
    std::mem::forget(runtime);
    result
}
