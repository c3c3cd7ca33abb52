//! The resolver beside unbound, dnsmasq, systemd-resolved and kresd: what an answer costs that is known, a denial that is known, and a
//! question that has to be asked on; how long it takes; and how much memory names take.
//!
//! Each has a host of its own with the same upstream beside it, and one processor; who asks has another. All are asked in turn.

mod load;
mod pin;
mod report;
mod resolvers;
mod upstream;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::processes::{Footprint, Spent};
use crate::build;
use crate::setup::{self, Need};
use crate::workspace::Workspace;

use load::{Class, Load};
use report::{Report, Row, Sample};
use resolvers::{Kind, Resolver};

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Options {
    /// Runs of each resolver with each kind of question
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
    /// Questions of a run whose answers are known; of those that are not there are a tenth
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1000..=10_000_000))]
    questions: u64,
    /// Measure the release binaries that are there, without building them first
    #[arg(long)]
    no_build: bool,
}

/// With how many names the memory is looked at.
const NAMES: [u64; 2] = [10_000, 100_000];
/// How many questions are asked one at a time.
const ALONE: u64 = 2000;

/// Runs the benchmark.
///
/// # Errors
/// When ours cannot be run, or one that runs answers wrongly.
pub(super) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let Options { rounds, questions, no_build } = options;
    setup::ensure(Need::Bench)?;
    if !no_build {
        build::run(workspace, &build::Options::default())?;
    }
    let release = build::release_folder(workspace, build::HOST)?;
    let (mut rows, mut missing) = (Vec::new(), Vec::new());
    for kind in Kind::ALL {
        match Resolver::start(kind, &release) {
            Ok(resolver) => rows.push(Row::new(resolver)?),
            Err(error) if kind == Kind::Orlop => return Err(error),
            Err(error) => {
                println!("  without {}: {error:#}", kind.name());
                missing.push((kind.name(), error.root_cause().to_string()));
            }
        }
    }
    let next = Arc::new(AtomicU64::new(0));
    for row in &mut rows {
        println!("  memory: {}", row.resolver.kind.name());
        remember(row, &next)?;
    }
    for round in 0..*rounds {
        println!("  round {}/{rounds}", round + 1);
        for class in Class::ALL {
            let count = rows.len();
            // Each round starts with another one: nobody is always first after the pause.
            for turn in 0..count {
                let row = &mut rows[(turn + round as usize) % count];
                let sample = measured(&row.resolver, class, *questions, &next)
                    .with_context(|| format!("{}: {}", row.resolver.kind.name(), class.name()))?;
                row.samples.push((class, sample));
            }
        }
    }
    let report = Report::new(&rows, missing, *rounds, *questions);
    drop(rows);
    println!("\n{}", report.table());
    println!("{}", report.goals());
    super::keep(workspace, "resolver", &report.json()?, &report.charts())
}

/// Asks for so many names once, and looks at the memory.
fn remember(row: &mut Row, next: &Arc<AtomicU64>) -> Result<()> {
    let resolver = &row.resolver;
    let mut known = 0;
    for names in NAMES {
        let load = Load { class: Class::Miss, questions: names - known, clients: 2, window: 25 };
        load.run(&resolver.scene.host, resolver.at, next).context(resolver.kind.name())?;
        known = names;
        row.memory.push(Footprint::of(resolver.processes()?)?);
    }
    Ok(())
}

/// One run.
fn measured(resolver: &Resolver, class: Class, questions: u64, next: &Arc<AtomicU64>) -> Result<Sample> {
    let host = &resolver.scene.host;
    let questions = if class == Class::Miss { questions / 10 } else { questions };
    // What is to be known is known.
    Load { class, questions: 2000, clients: 1, window: 20 }.run(host, resolver.at, next)?;
    let load = Load { class, questions, clients: 4, window: 25 };
    let (began, before) = (Instant::now(), Spent::of(resolver.processes()?)?);
    let heard = load.run(host, resolver.at, next)?;
    let (took, spent) = (began.elapsed(), Spent::of(resolver.processes()?)?.since(before));
    let count = u32::try_from(heard.took.len())?;
    ensure!(heard.failed * 1000 <= u64::from(count), "{} of {count} answers are failures", heard.failed);
    let alone = Load { class, questions: ALONE, clients: 1, window: 1 }.run(host, resolver.at, next)?;
    let micros = |span: Duration| span.as_secs_f64() * 1e6;
    let at = |took: &[Duration], per_mille: usize| {
        let mut sorted = took.to_vec();
        sorted.sort_unstable();
        sorted.get(sorted.len().saturating_sub(1) * per_mille / 1000).copied().map_or(0.0, micros)
    };
    Ok(Sample {
        user: micros(spent.user) / f64::from(count),
        total: micros(spent.user + spent.system) / f64::from(count),
        per_second: f64::from(count) / took.as_secs_f64(),
        median: at(&heard.took, 500),
        p99: at(&heard.took, 990),
        alone: at(&alone.took, 500),
        alone_p99: at(&alone.took, 990),
        lost: heard.lost + alone.lost,
    })
}
