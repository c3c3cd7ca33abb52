//! The table: every attack against every column, what it proves, and how it is shown.

use std::fmt::Write as _;

use anyhow::Result;

use crate::arena::Arena;
use crate::arena::trial::Outcome;
use crate::attack::{self, Attack, End};
use crate::column::Column;
use crate::mutation::Mutation;
use crate::target::Target;

/// One attack with its control, and its end under a real profile.
pub struct Row {
    /// The attack that ran twice: without a sandbox, and under the profile.
    pub attack: &'static Attack,
    /// Without any sandbox.
    pub control: Outcome,
    /// Under the target's profile.
    pub whole: Outcome,
    /// How it must end there.
    pub end: End,
}

/// What one mutation let through.
pub struct Breach {
    /// What was taken away from the profile.
    pub mutation: Mutation,
    /// Attacks that succeed against the mutant and not against its baseline.
    pub through: Vec<&'static str>,
    /// Attacks, the control's included, that succeed against the mutant.
    pub succeeded: Vec<&'static str>,
    /// What the broker's own look at the mutant finds missing.
    pub gaps: String,
    /// What the broker finds missing in the baseline.
    pub baseline_gaps: String,
    /// Why nothing could be learnt, if so.
    pub impossible: Option<&'static str>,
}

impl Row {
    /// Whether its failure under a profile proves anything: without a sandbox it succeeds.
    #[must_use]
    pub fn counts(&self) -> bool {
        self.control == Outcome::Succeeded && !self.is_purpose()
    }

    /// Whether it is no attack here, but what the process is for.
    #[must_use]
    pub fn is_purpose(&self) -> bool {
        matches!(self.end, End::Purpose(_))
    }

    /// Whether it ended under the real profile as its row says.
    #[must_use]
    pub fn as_expected(&self) -> bool {
        match (self.end, &self.whole) {
            (End::Killed, Outcome::Killed)
            | (End::Contained(_), Outcome::Contained)
            | (End::Purpose(_), Outcome::Succeeded) => true,
            (End::Refused(expected), Outcome::Refused(errno)) => expected == errno.0,
            _ => false,
        }
    }
}

impl Breach {
    /// Whether something noticed that the part is gone: an attack, or the broker's own look. Or nothing could.
    #[must_use]
    pub fn is_proof(&self) -> bool {
        !self.through.is_empty() || self.gaps != self.baseline_gaps || self.impossible.is_some()
    }
}

/// How many attacks must count at least.
pub const AT_LEAST: usize = 65;

/// Runs every attack without a sandbox and under the real profile.
///
/// # Errors
/// When the arena fails.
pub fn rows(arena: &mut Arena, target: &'static Target) -> Result<Vec<Row>> {
    let (controls, wholes) = (outcomes(arena, &Column::control(target))?, outcomes(arena, &Column::whole(target))?);
    Ok(attack::all()
        .zip(controls)
        .zip(wholes)
        .map(|((attack, control), whole)| Row { attack, control, whole, end: target.end(attack) })
        .collect())
}

/// Runs every attack under one column.
///
/// # Errors
/// When the arena fails.
pub fn outcomes(arena: &mut Arena, column: &Column) -> Result<Vec<Outcome>> {
    attack::all().map(|attack| arena.run(column, attack)).collect()
}

/// Runs every attack that counts against the mutants of `mutations` and their baselines.
///
/// # Errors
/// When the arena fails.
pub fn breaches(
    arena: &mut Arena,
    target: &'static Target,
    rows: &[Row],
    mutations: Vec<Mutation>,
) -> Result<Vec<Breach>> {
    mutations.into_iter().map(|mutation| breach(arena, target, rows, mutation)).collect()
}

fn breach(arena: &mut Arena, target: &'static Target, rows: &[Row], mutation: Mutation) -> Result<Breach> {
    let (mutant, baseline) = (Column::mutant(target, &mutation), Column::baseline(target, &mutation));
    let (mut through, mut succeeded) = (Vec::new(), Vec::new());
    for row in rows.iter().filter(|row| row.counts()) {
        if arena.run(&mutant, row.attack)? != Outcome::Succeeded {
            continue;
        }
        succeeded.push(row.attack.name);
        let held = if mutation.shadows.is_empty() { row.whole.clone() } else { arena.run(&baseline, row.attack)? };
        if held != Outcome::Succeeded {
            through.push(row.attack.name);
        }
    }
    let gaps = crate::posture::gaps(target.profile, &arena.observe(&mutant)?);
    let baseline_gaps = crate::posture::gaps(target.profile, &arena.observe(&baseline)?);
    let impossible = mutation.impossible(target.profile);
    Ok(Breach { mutation, through, succeeded, gaps, baseline_gaps, impossible })
}

/// The attacks as a table for a person, and the figures below it.
#[must_use]
pub fn show_rows(target: &Target, rows: &[Row]) -> String {
    let mut text = format!("{:<32} {:<12} {:<14} what it would mean\n", "attack", "no sandbox", target.key);
    for Row { attack, control, whole, .. } in rows {
        let _ = writeln!(text, "{:<32} {control:<12} {whole:<14} {}", attack.name, attack.means);
    }
    let counted = rows.iter().filter(|row| row.counts()).count();
    let succeeded = rows.iter().filter(|row| row.whole == Outcome::Succeeded && !row.is_purpose()).count();
    let _ = writeln!(
        text,
        "\n{} attacks, {counted} of them counted (they succeed without a sandbox), {succeeded} succeeded against the {}",
        rows.len(),
        target.title
    );
    for row in rows.iter().filter(|row| row.is_purpose()) {
        let _ = writeln!(text, "no attack here: {:<20} {}", row.attack.name, row.end);
    }
    for row in rows.iter().filter(|row| !row.counts() && !row.is_purpose()) {
        let _ = writeln!(
            text,
            "no evidence: {:<24} without a sandbox: {:<12} {}",
            row.attack.name,
            row.control,
            row.attack.note.unwrap_or("")
        );
    }
    text
}

/// The mutations as a table for a person, with a letter each.
#[must_use]
pub fn show_breaches(breaches: &[Breach]) -> String {
    let mut text = format!("  {:<16} {:>7}  {:<58} the broker sees\n", "without", "through", "for instance");
    for (letter, Breach { mutation, through, gaps, baseline_gaps, impossible, .. }) in ('a'..).zip(breaches) {
        let first: Vec<&str> = through.iter().copied().take(3).collect();
        let seen = if gaps == baseline_gaps { "-" } else { gaps };
        let instance = impossible.map_or_else(|| first.join(", "), str::to_owned);
        let _ = writeln!(text, "{letter} {:<16} {:>7}  {instance:<58} {seen}", mutation.name, through.len());
        if !mutation.shadows.is_empty() {
            let _ = writeln!(
                text,
                "  {:<16}          compared without {:?} in both: {}",
                "", mutation.shadows, mutation.because
            );
        }
    }
    text
}

/// Which attack comes through which mutant: X where only the removed part had stopped it, x where it comes through the
/// baseline too.
#[must_use]
pub fn show_matrix(target: &Target, rows: &[Row], breaches: &[Breach]) -> String {
    let letters: String = ('a'..).take(breaches.len()).collect();
    let mut text = format!("{:<32} {:<12} {:<14} {letters}\n", "attack", "no sandbox", target.key);
    for Row { attack, control, whole, .. } in rows.iter().filter(|row| row.counts()) {
        let cell =
            |breach: &Breach| match (breach.through.contains(&attack.name), breach.succeeded.contains(&attack.name)) {
                (true, _) => 'X',
                (false, true) => 'x',
                (false, false) => '.',
            };
        let cells: String = breaches.iter().map(cell).collect();
        let _ = writeln!(text, "{:<32} {control:<12} {whole:<14} {cells}", attack.name);
    }
    text
}
