// Fails with E0599. A worker that has not prepared has nothing to carry.
use orlop_sandbox::fatal::Fatal;
use orlop_sandbox::profile::Profile;
use orlop_sandbox::worker::{Context, Worker};

pub fn climb(profile: &'static Profile) -> Result<(), Fatal> {
    let opened = Worker::open(profile)?;
    let dropped = opened.drop_user()?;
    let locked = dropped.lock()?;
    locked.enter(1, async |context: Context<u32, u32, _>| context.channel.recv().await.is_ok())?;
    Ok(())
}
