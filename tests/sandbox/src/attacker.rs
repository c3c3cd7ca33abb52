//! The attacking process: it takes the sandbox upon itself as its target does, receives its grants, makes one attack, and
//! reports by its exit status.

use std::io::Write;

use anyhow::{Context, Result, bail};
use orlop_sandbox::applier::Confined;
use orlop_sandbox::fatal::{Exit, Fatal};
use orlop_sandbox::profile::{Limits, Profile, Role};
use orlop_sandbox::worker::{self, Worker};

use crate::attack::{self, Attack};
use crate::column::Column;
use crate::scene::{CHANNEL, Grants, Scene};
use crate::syscall::{Attempt, Errno, call, invoke, to_status};
use crate::target::Target;

/// What the control says on its channel where a worker says hello.
pub const READY: &[u8] = b"ready";

/// Runs `attack` under `column`, as the arguments say: target, column, attack, scene.
///
/// # Errors
/// When the process could not be locked up: then there was no attack.
pub fn run(arguments: &[String]) -> Result<()> {
    let [target, column, attack, scene] = arguments else {
        bail!("expected a target, a column, an attack and a scene")
    };
    let target = Target::by_key(target).context("no such target")?;
    let column = Column::by_key(target, column).context("no such column")?;
    let attack = attack::named(attack).context("no such attack")?;
    let mut scene = Scene::from_argument(scene).context("not a scene")?;
    let Some(profile) = column.profile else {
        call!(libc::SYS_sendto, CHANNEL, READY, READY.len(), 0, 0, 0)
            .map_err(|errno| anyhow::anyhow!("no channel: {}", errno.name()))?;
        report(strike(attack, &mut scene))
    };
    lock_up_and(with_room(profile), move || report(strike(attack, &mut scene)))
}

/// The same with room for all that an attack is granted, which is more than any worker is.
fn with_room(profile: &Profile) -> &'static Profile {
    let open_files = profile.limits.open_files.saturating_add(Grants::COUNT as u64);
    // Once in a process, and needed until it ends.
    Box::leak(Box::new(Profile { limits: Limits { open_files, ..profile.limits }, ..*profile }))
}

/// Makes one system call under a whole profile: target, number, and six arguments.
///
/// # Errors
/// As [`run`].
pub fn probe(arguments: &[String]) -> Result<()> {
    let Some((target, call)) = arguments.split_first() else { bail!("expected a target, a number and its arguments") };
    let profile = Target::by_key(target).context("no such target")?.profile;
    let call: Vec<i64> = call.iter().map(|number| number.parse()).collect::<Result<_, _>>()?;
    let Some((number, arguments)) = call.split_first() else { bail!("expected a number") };
    lock_up_and(profile, || report(invoke(*number, arguments)))
}

/// Climbs the ladder that every process of this role climbs, says hello, and goes on as an intruder.
fn lock_up_and(profile: &'static Profile, then: impl FnOnce()) -> Result<()> {
    let climb = || -> Result<(), Fatal> {
        if profile.role == Role::Applier {
            let confined = Confined::climb_mutant(profile)?;
            confined.greet().map_err(|cause| Fatal::new(Exit::Os, "nobody hears the hello").cause(cause))?;
            then();
            return Ok(());
        }
        let locked = Worker::open_mutant(profile)?.prepare(|_| Ok(()))?.drop_user()?.lock()?;
        locked.enter(PROTOCOL, async |_: worker::Context<u8, u8, ()>| then())
    };
    let Err(fatal) = climb() else { bail!("an attack came back") };
    write!(std::io::stderr(), "{fatal}")?;
    bail!("not locked up")
}

/// The arena speaks no protocol: it looks for a greeting, and at its frames.
const PROTOCOL: u32 = 0;

fn strike(attack: &Attack, scene: &mut Scene) -> Attempt {
    let mut fds = [-1; Grants::COUNT];
    let left = attack::left_in_queue(attack.name);
    for slot in fds.iter_mut().take(Grants::COUNT - left) {
        *slot = grant()?;
    }
    scene.grants = Grants::received(fds);
    (attack.run)(scene)
}

fn grant() -> Result<i32, Errno> {
    let mut byte = [0];
    loop {
        match attack::receive(CHANNEL, &mut byte, 0) {
            Ok((_, Some(fd))) => return Ok(fd),
            Ok((_, None)) => return Err(Errno(libc::ENOBUFS)),
            // The grants are in the queue before the process starts; this only bridges a channel that was made non-blocking.
            Err(Errno(libc::EAGAIN)) => {}
            Err(errno) => return Err(errno),
        }
    }
}

fn report(attempt: Attempt) -> ! {
    let status = to_status(attempt);
    loop {
        // Without destructors, buffers or anything else of the library, and by the number that a worker may use.
        let _refused = call!(libc::SYS_exit_group, status);
    }
}
