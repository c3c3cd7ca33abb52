//! The loop of the worker that asks: one errand after the other.

use core::convert::Infallible;

use orlop_machine::Chance;
use orlop_metadata_contract::{Failure, Notice, Request};
use orlop_metadata_core::fetch::Fetch;
use orlop_metadata_core::provider::{Options, Source};
use orlop_sandbox::timer::BootTimer;
use orlop_sandbox::worker::Context;

use crate::document;
use crate::ended::Ended;
use crate::fetch::Fetching;

/// Serves until the broker is gone, and says why it ended.
pub(crate) async fn serve(context: Context<Request, Notice, (BootTimer, Chance)>) -> Result<Infallible, Ended> {
    let Context { channel, resources: (timer, mut chance), posture: _ } = context;
    loop {
        match channel.recv().await?.message {
            Notice::Fetch { provider, location, allow_imdsv1, reports, until } => match Source::of(provider) {
                Some(source) => {
                    let options = Options { imds_v1: allow_imdsv1, reports };
                    let mut fetch = Fetch::new(source, options, until, chance.seed());
                    if let Some(location) = location {
                        fetch = fetch.at(&location);
                    }
                    Fetching::new(fetch).run(&channel, &timer).await?;
                }
                None => channel.send(&Request::Failed(Failure::NotFound)).await?,
            },
            Notice::Document { length, is_base64 } => document::read(&channel, length, is_base64).await?,
            // Late: the errand that it belongs to is over, and a socket that came with it closes here.
            Notice::Connected(_) | Notice::Unconnected(_) => {}
            Notice::Piece(_) | Notice::Disk { .. } | Notice::Read(..) => return Err(Ended::Nonsense),
        }
    }
}
