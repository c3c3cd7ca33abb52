//! The loop: hear the broker, and let the reader answer.

use orlop_sandbox::channel::ChannelError;
use orlop_sandbox::worker::Context;
use orlop_sysctl_contract::{Notice, Request};
use orlop_sysctl_core::Reader;

/// Serves until the broker is gone, which is the end once it has been told everything.
pub(crate) async fn run(context: Context<Request, Notice, ()>) -> Result<(), ChannelError> {
    let Context { channel, resources: (), posture: _ } = context;
    let mut reader = Reader::default();
    let mut done = false;
    loop {
        // No descriptor is ever granted here; one that came would be closed at once.
        let notice = match channel.recv().await {
            Ok(received) => received.message,
            Err(ChannelError::PeerGone) if done => return Ok(()),
            Err(error) => return Err(error),
        };
        for request in reader.handle(notice) {
            done |= matches!(request, Request::Done { .. });
            channel.send(&request).await?;
        }
    }
}
