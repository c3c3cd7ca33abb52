//! What a person can ask for. Each command ends with 1 if it found something that should not be.

use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::arena::Arena;
use crate::arena::trial::Outcome;
use crate::attack::{self, Attack};
use crate::column::{self, Column};
use crate::mutation::{self, Mutation};
use crate::table::{self, Breach, Row};
use crate::target::{self, Target};
use crate::{evicted, filter, minimality, power};

/// Runs a command inside the arena.
///
/// # Errors
/// When the arena fails.
pub fn inside(arguments: &[String]) -> Result<ExitCode> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (key, words) = match words.as_slice() {
        ["--of", key, words @ ..] => (*key, words),
        words => (target::all()[0].key, words),
    };
    let of = Target::by_key(key).with_context(|| format!("there is no target {key}; try orlop-attack list"))?;
    if let Some(capability) = of.missing()? {
        println!("no evidence: the {} cannot be attacked here, where there is no {}", of.title, capability.name());
        return Ok(ExitCode::SUCCESS);
    }
    let mut arena = Arena::build()?;
    let clean = match words {
        [] => attacks(&mut arena, of, None)?,
        ["--json", file] => attacks(&mut arena, of, Some(file))?,
        ["mutations"] => mutations(&mut arena, of, column::mutations(of), None)?,
        ["mutations", "--json", file] => mutations(&mut arena, of, column::mutations(of), Some(file))?,
        ["mutations", "layers"] => mutations(&mut arena, of, mutation::layers(of), None)?,
        ["mutations", "pins"] => mutations(&mut arena, of, mutation::pins(of.profile), None)?,
        ["minimality"] => minimality::report(&mut arena, of)?,
        ["filter"] => filter::report(&mut arena, of)?,
        ["evicted"] => evicted::report()?,
        ["power"] => power::report(&mut arena, of)?,
        ["under", key, names @ ..] if !names.is_empty() => under(&mut arena, of, key, names)?,
        ["show", names @ ..] if !names.is_empty() => show(&mut arena, of, names)?,
        _ => bail!("these arguments do not go together; try --help"),
    };
    Ok(if clean { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The names of all attacks, then of all targets.
#[must_use]
pub fn names() -> String {
    let attacks = attack::all().map(|Attack { name, means, .. }| format!("{name:<32} {means}"));
    let targets = target::all().iter().map(|Target { key, title, .. }| format!("--of {key:<27} the {title}"));
    attacks.chain(targets).map(|line| line + "\n").collect()
}

fn attacks(arena: &mut Arena, of: &'static Target, json: Option<&str>) -> Result<bool> {
    let rows = table::rows(arena, of)?;
    print!("{}", table::show_rows(of, &rows));
    for row in rows.iter().filter(|row| !row.as_expected()) {
        println!("UNEXPECTED: {} should have been {}, was {}", row.attack.name, row.end, row.whole);
    }
    if let Some(file) = json {
        write(file, &json!({ "attacks": rows_as_json(&rows) }))?;
    }
    Ok(rows.iter().all(Row::as_expected) && rows.iter().filter(|row| row.counts()).count() >= table::AT_LEAST)
}

fn write(file: &str, content: &Value) -> Result<()> {
    std::fs::write(file, content.to_string()).with_context(|| format!("cannot write {file}"))
}

fn rows_as_json(rows: &[Row]) -> Value {
    rows.iter()
        .map(|row| {
            json!({
                "attack": row.attack.name,
                "means": row.attack.means,
                "control": row.control.to_string(),
                "worker": row.whole.to_string(),
                "counts": row.counts(),
                "as-expected": row.as_expected(),
                "note": row.attack.note,
            })
        })
        .collect()
}

fn mutations(arena: &mut Arena, of: &'static Target, mutations: Vec<Mutation>, json: Option<&str>) -> Result<bool> {
    let rows = table::rows(arena, of)?;
    let breaches = table::breaches(arena, of, &rows, mutations)?;
    print!("{}\n{}", table::show_matrix(of, &rows, &breaches), table::show_breaches(&breaches));
    let untested: Vec<_> =
        breaches.iter().filter(|breach| !breach.is_proof()).map(|breach| breach.mutation.name).collect();
    println!("\n{} parts removed in turn, {} of them without anything noticing", breaches.len(), untested.len());
    for name in &untested {
        println!("UNTESTED: nothing notices that {name} is gone");
    }
    if let Some(file) = json {
        write(file, &json!({ "attacks": rows_as_json(&rows), "mutations": breaches_as_json(&breaches) }))?;
    }
    Ok(untested.is_empty() && !breaches.is_empty())
}

fn breaches_as_json(breaches: &[Breach]) -> Value {
    let shadows = |breach: &Breach| breach.mutation.shadows.iter().map(|part| format!("{part:?}")).collect::<Vec<_>>();
    breaches
        .iter()
        .map(|breach| {
            json!({
                "without": breach.mutation.name,
                "shadows": shadows(breach),
                "because": breach.mutation.because,
                "through": breach.through,
                "broker-sees": breach.gaps,
                "impossible": breach.impossible,
            })
        })
        .collect()
}

fn show(arena: &mut Arena, of: &'static Target, names: &[&str]) -> Result<bool> {
    let mut clean = true;
    for name in names {
        let attack = known(name)?;
        let (control, whole) = (arena.run(&Column::control(of), attack)?, arena.run(&Column::whole(of), attack)?);
        println!("{name}: {}", attack.means);
        println!("    without a sandbox:  {}", in_words(&control));
        println!("    as a {:<14} {}", format!("{}:", of.title), in_words(&whole));
        clean &= whole != Outcome::Succeeded && control == Outcome::Succeeded;
    }
    Ok(clean)
}

fn under(arena: &mut Arena, of: &'static Target, key: &str, names: &[&str]) -> Result<bool> {
    let column = Column::by_key(of, key)
        .with_context(|| format!("there is no column {key}; try whole, control or mutant:NAME"))?;
    let mut clean = true;
    for name in names {
        let outcome = arena.run(&column, known(name)?)?;
        println!("{name} under {key}:  {}", in_words(&outcome));
        clean &= outcome != Outcome::Succeeded;
    }
    Ok(clean)
}

fn known(name: &str) -> Result<&'static Attack> {
    attack::named(name).with_context(|| format!("there is no attack {name}; try orlop-attack list"))
}

fn in_words(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Succeeded => "it succeeds".to_owned(),
        Outcome::Killed => "the kernel kills the process (SIGSYS)".to_owned(),
        Outcome::Refused(errno) => format!("the kernel refuses it ({})", errno.name()),
        Outcome::Contained => "it has no effect outside".to_owned(),
        Outcome::Signalled(_) | Outcome::Ended(_) | Outcome::Hung | Outcome::NotLocked(_) => outcome.to_string(),
    }
}
