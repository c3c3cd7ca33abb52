//! The broker: forks its appliers, reads the texts, narrows itself, has the worker make a plan of them, carries out what
//! the policy permits, and says what came of it. As a service it stays after that.

pub(crate) mod apply;
mod crew;
mod outputs;
mod service;
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
use orlop_sysctl_contract::{Directory, MAX_NAMES, PROTOCOL, Policy, Prefix, Rules, Schedule};
use orlop_sysctl_profiles::{DAEMON, LINT, LINT_BROKER};
use tracing::level_filters::LevelFilter;

use crate::command_line::{Mode, Run};
use crate::follow::{Care, Ears, Followed};
use crate::lint::{Looker, daemon};
use crate::report::{Minds, Record, Report, Timings};
use crate::sources::Sources;
use crate::tree::{self, Tree};
pub(crate) use apply::{Writer, Writers, is_refused};
use crew::{Crew, Forks};
use outputs::Outputs;
use service::Service;
use talk::Said;

/// How long the worker may take to make a plan of what it is told: more than the largest text takes it.
const PLAN_WITHIN: Duration = Duration::from_secs(40);

/// Does what `run` says. Whoever waits until the daemon is ready hears of it when every setting is
/// in force; of a service, when every setting has been tried.
///
/// # Errors
/// What made it impossible. What became of single settings is no error: it is in the report, and in the exit code.
pub fn run(run: &Run, birth: &Birth) -> Result<Exit, Fatal> {
    log::init("sysctl", LevelFilter::from_level(run.log));
    // What is measured is this run, not all since a service was started.
    let begun = if birth.restarts == 0 { birth.started } else { clock::now() };
    // Before anything is open that they would inherit.
    let daemon = daemon(run.mode)?;
    let forks = if daemon.appliers.is_empty() { None } else { Some(Forks::all()?) };
    in_a_loop(daemon, serve(run, birth, begun, forks))
}

async fn serve(run: &Run, birth: &Birth, begun: Instant, forks: Option<Forks>) -> Result<Exit, Fatal> {
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
    if let (Mode::Apply | Mode::Diff, Some(help)) = (run.mode, tree.help_if_mounted_read_only()) {
        tracing::warn!("{} is mounted read-only: nothing can be changed; {help}", settings.display());
    }
    let sources = texts(run)?;
    let ears = run.follow.map(|_| Ears::open(&tree)).transpose()?;
    let outputs = Outputs::open(run.mode);
    let mut timings = Timings { read: since(begun), ..Timings::default() };

    let folder = [settings.as_path()];
    let (read, adjust): (&[_], &[_]) = if forks.is_some() { (&[], &folder) } else { (&folder, &[]) };
    let keep = Keep { read, adjust, write: outputs.folders(), connect: &[], require_landlock: run.require_landlock };
    let Confined { narrow, channel, mut postures } = confine(broker, keep, PROTOCOL).await?;
    let mut crew = forks.map(|forks| forks.attest(run.require_landlock)).transpose()?;
    crew.iter().flat_map(Crew::postures).for_each(|(name, posture)| postures.insert(name, posture.clone()));
    timings.confine = since(begun);
    if run.mode == Mode::Posture {
        print(&postures.show(run.json))?;
        return Ok(Exit::Done);
    }

    let Sources { texts, unread } = sources;
    // What no key can be spelled outside of, no worker may plan outside of.
    let only = Some(below.clone()).filter(|below| *below != Directory::root()).map(Prefix::new);
    let rules = Rules {
        dialect: run.dialect,
        prefixes: run.prefixes.iter().cloned().chain(only).collect(),
        below,
        again: run.follow.is_some(),
    };
    let mut policy = Policy::new(&rules, run.lock);
    let names: Vec<String> = texts.iter().map(|text| text.name.clone()).collect();
    let said = talk::plan(&channel, &tree, rules.clone(), texts, &mut policy);
    let said = narrow.within(PLAN_WITHIN, said).await?;
    let Said { plan, findings, unsaid } = said.unwrap_or_else(|| Err(talk::too_slow(PLAN_WITHIN)))?;
    // But for a service it has said everything, and ends while we go on.
    let channel = run.follow.map(|_| channel);
    timings.plan = since(begun);
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
    timings.apply = since(begun);
    // Where nobody follows, their ends of the channels close here, so that the appliers end while the report is written.
    let service = run.follow.zip(crew).zip(channel).zip(ears);
    let (mode, minds, started, restarts) = (run.mode, Minds::of(run), birth.started, birth.restarts);
    let follow = run.follow.map(|follow| (follow, Followed::default()));
    let report = Report { mode, minds, names, unread, findings, unsaid, records, started, timings, restarts, follow };
    outputs.write(&report, &postures, run.json)?;
    let Some((((follow, crew), channel), ears)) = service else {
        let exit = report.exit();
        if exit == Exit::Done {
            ready.say();
        }
        return Ok(exit);
    };
    ready.say();
    tracing::info!(every = ?follow.every, enforce = follow.enforce, "following: interfaces, modules, and changes by others");
    let (lock, now) = (run.lock, clock::now());
    let (care, schedule) = (Care::new(now, follow.enforce), Schedule::new(now, follow.every));
    let service = Service { narrow, channel, tree, crew, ears, outputs, postures, rules, lock, report, care, schedule };
    service.serve().await
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
