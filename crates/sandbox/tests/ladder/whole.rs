// The control: every rung, and then the channel.
use orlop_sandbox::fatal::Fatal;
use orlop_sandbox::profile::Profile;
use orlop_sandbox::worker::{Context, Worker};

pub fn climb(profile: &'static Profile) -> Result<(), Fatal> {
    let opened = Worker::open(profile)?;
    let prepared = opened.prepare(|preparation| preparation.timer())?;
    let dropped = prepared.drop_user()?;
    let locked = dropped.lock()?;
    locked.enter(1, async |context: Context<u32, u32, _>| context.channel.recv().await.is_ok())?;
    Ok(())
}
