// Fails with E0609. The channel of an unlocked worker cannot be reached.
use orlop_sandbox::fatal::Fatal;
use orlop_sandbox::profile::Profile;
use orlop_sandbox::worker::{Context, Worker};

pub fn climb(profile: &'static Profile) -> Result<(), Fatal> {
    let opened = Worker::open(profile)?;
    let prepared = opened.prepare(|preparation| preparation.timer())?;
    let dropped = prepared.drop_user()?;
    let _channel = dropped.channel;
    Ok(())
}
