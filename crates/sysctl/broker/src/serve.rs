//! The broker: forks its appliers, reads the texts, narrows itself, has the worker make a plan of them, carries out what
//! the policy permits, and says what came of it.

mod apply;
mod crew;
mod outputs;
mod talk;

use std::time::Duration;

use orlop_broker::confine::{Confined, confine, in_a_loop};
use orlop_broker::print::print;
use orlop_broker::ready::Ready;
use orlop_machine::Instant;
use orlop_sandbox::broker::{Broker, Keep};
use orlop_sandbox::fatal::{Exit, Fatal};
use orlop_sandbox::supervisor::Birth;
use orlop_sandbox::{clock, log};
use orlop_sysctl_contract::{Directory, MAX_NAMES, PROTOCOL, Policy, Prefix, Rules};
use orlop_sysctl_profiles::{DAEMON, LINT, LINT_BROKER};
use tracing::level_filters::LevelFilter;

use crate::command_line::{Mode, Run};
use crate::lint::{Looker, daemon};
use crate::report::{Minds, Record, Report, Timings};
use crate::sources::Sources;
use crate::tree::{self, Tree};
pub(crate) use apply::{Writer, Writers};
use crew::{Crew, Forks};
use outputs::Outputs;
use talk::Said;

/// How long the worker may take to make a plan of what it is told: more than the largest text takes it.
const PLAN_WITHIN: Duration = Duration::from_secs(40);

/// Does what `run` says. Whoever waits until the daemon is ready hears of it when every setting is
/// in force.
///
/// # Errors
/// What made it impossible. What became of single settings is no error: it is in the report, and in the exit code.
pub fn run(run: &Run, birth: &Birth) -> Result<Exit, Fatal> {
    log::init("sysctl", LevelFilter::from_level(run.log));
    // Before anything is open that they would inherit.
    let daemon = daemon(run.mode)?;
    let forks = if daemon.appliers.is_empty() { None } else { Some(Forks::all()?) };
    in_a_loop(daemon, serve(run, birth, forks))
}

async fn serve(run: &Run, birth: &Birth, forks: Option<Forks>) -> Result<Exit, Fatal> {
    // Without appliers there is nobody who writes, and nothing but reading is asked for.
    let mut broker = match &forks {
        Some(_) => Broker::start(&DAEMON, crew::broker_profile()?)?,
        None => Broker::start(&LINT, &LINT_BROKER)?,
    };
    let ready = Ready::of(&mut broker);
    tree::require_openat2().map_err(|cause| Fatal::os("this kernel cannot open safely (openat2)", cause))?;
    let (settings, below) =
        if run.is_linuxkit() { tree::split(&run.sysctl_dir) } else { (run.sysctl_dir.clone(), Directory::root()) };
    let tree = Tree::open(&settings)?;
    let tree = if forks.is_some() { tree } else { tree.only_looked_at() };
    if run.mode == Mode::Apply && tree.is_mounted_read_only() {
        tracing::warn!(
            "{} is mounted read-only: nothing can be changed; take it out of linux.readonlyPaths of the container's \
             configuration (podman: --security-opt unmask=/proc/sys, Docker: --security-opt systempaths=unconfined)",
            settings.display()
        );
    }
    let sources = texts(run)?;
    let outputs = Outputs::open(run.mode);
    let mut timings = Timings { read: since(birth.started), ..Timings::default() };

    let folder = [settings.as_path()];
    let (read, adjust): (&[_], &[_]) = if forks.is_some() { (&[], &folder) } else { (&folder, &[]) };
    let keep = Keep { read, adjust, write: outputs.folders(), require_landlock: run.require_landlock };
    let Confined { narrow, channel, mut postures } = confine(broker, keep, PROTOCOL).await?;
    let mut crew = forks.map(|forks| forks.attest(run.require_landlock)).transpose()?;
    crew.iter().flat_map(Crew::postures).for_each(|(name, posture)| postures.insert(name, posture.clone()));
    timings.confine = since(birth.started);
    if run.mode == Mode::Posture {
        print(&postures.show(run.json))?;
        return Ok(Exit::Done);
    }

    let Sources { texts, unread } = sources;
    // What no key can be spelled outside of, no worker may plan outside of.
    let only = Some(below.clone()).filter(|below| *below != Directory::root()).map(Prefix::new);
    let rules = Rules { dialect: run.dialect, prefixes: run.prefixes.iter().cloned().chain(only).collect(), below };
    let mut policy = Policy::new(&rules, run.lock);
    let names: Vec<String> = texts.iter().map(|text| text.name.clone()).collect();
    let said = talk::plan(&channel, &tree, rules, texts, &mut policy);
    let said = narrow.within(PLAN_WITHIN, said).await?;
    let Said { plan, findings, unsaid } = said.unwrap_or_else(|| Err(talk::too_slow(PLAN_WITHIN)))?;
    // It has said everything, and ends while we go on.
    drop(channel);
    timings.plan = since(birth.started);
    if tree.left_out() > 0 {
        tracing::warn!(
            names = tree.left_out(),
            "patterns pass over names of which a key cannot be made: with white space, control characters, no UTF-8, or \
             more than {MAX_NAMES} in a folder"
        );
    }

    let arranged = Policy::arrange(plan);
    let records: Vec<Record> = match (run.mode, &mut crew) {
        (Mode::Apply, Some(crew)) => apply::all(&tree, crew, arranged, false),
        (Mode::Diff, Some(crew)) => apply::all(&tree, crew, arranged, true),
        (Mode::Diff, None) => apply::all(&tree, &mut Looker::default(), arranged, true),
        (Mode::Apply, None) => {
            return Err(Fatal::new(Exit::Software, "there is nobody who writes: nothing was changed"));
        }
        (Mode::Plan | Mode::Check | Mode::Posture, _) => apply::none(arranged),
    };
    timings.apply = since(birth.started);
    // Their ends of the channels close here, so that the appliers end while the report is written.
    drop(crew);
    let (mode, minds, started) = (run.mode, Minds::of(run), birth.started);
    let report = Report { mode, minds, names, unread, findings, unsaid, records, started, timings };
    outputs.write(&report, &postures, run.json)?;
    let exit = report.exit();
    if exit == Exit::Done {
        ready.say();
    }
    Ok(exit)
}

/// The texts.
fn texts(run: &Run) -> Result<Sources, Fatal> {
    if run.mode == Mode::Posture {
        return Ok(Sources::default());
    }
    Sources::read(&run.wanted).map_err(|unread| {
        let exit = if run.is_linuxkit() { Exit::Unmet } else { Exit::Config };
        Fatal::new(exit, format!("cannot read {}", unread.name)).cause(unread.why).help("name a folder that exists")
    })
}

fn since(start: Instant) -> Duration {
    clock::now().since(start)
}
