//! What two programs made of one tree, and which differences are meant.

use std::collections::BTreeMap;
use std::fmt;

use anyhow::Result;

use crate::audit::Audit;
use crate::program::{Program, Ran};
use crate::settings::Snapshot;
use crate::tree::Tree;

/// One program's run of a tree, from the same state as every other's.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Who.
    pub program: Program,
    /// How it ended, and what it said.
    pub ran: Ran,
    /// The settings afterwards.
    pub settings: Snapshot,
    /// What it wrote of itself, if it is ours.
    pub audit: Option<Audit>,
}

impl Outcome {
    /// Runs a program on a tree that is in place, from this state. In the calling thread's namespaces.
    ///
    /// # Errors
    /// When it cannot be run, or the state cannot be had.
    pub fn of(program: Program, baseline: &Snapshot) -> Result<Self> {
        baseline.restore()?;
        let arguments: &[&str] = match program {
            Program::Procps => &["--system"],
            Program::Orlop | Program::Systemd | Program::Busybox => &[],
        };
        let ran = program.run(arguments)?;
        let audit = match program {
            Program::Orlop => Some(Audit::parse(&std::fs::read_to_string(Audit::PATH)?)?),
            Program::Systemd | Program::Procps | Program::Busybox => None,
        };
        Ok(Self { program, ran, settings: Snapshot::take()?, audit })
    }
}

/// Two programs and one tree.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// The tree.
    pub tree: Tree,
    /// Who is right.
    pub reference: Outcome,
    /// Who is judged.
    pub tested: Outcome,
}

impl Comparison {
    /// Runs both. In the calling thread's namespaces.
    ///
    /// # Errors
    /// As [`Outcome::of`].
    pub fn of(tree: Tree, reference: Program, tested: Program, baseline: &Snapshot) -> Result<Self> {
        tree.install()?;
        Ok(Self { reference: Outcome::of(reference, baseline)?, tested: Outcome::of(tested, baseline)?, tree })
    }

    /// Settings that differ: setting, the reference's value, the tested one's.
    #[must_use]
    pub fn settings(&self) -> BTreeMap<String, (String, String)> {
        self.reference.settings.differences(&self.tested.settings)
    }

    /// The exit codes: the reference's, the tested one's.
    #[must_use]
    pub const fn codes(&self) -> (i32, i32) {
        (self.reference.ran.code, self.tested.ran.code)
    }
}

/// All that a person needs to judge it.
impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.tree)?;
        for (setting, (reference, tested)) in self.settings() {
            writeln!(f, "{setting}: {:?} {reference:?}, {:?} {tested:?}", self.reference.program, self.tested.program)?;
        }
        for outcome in [&self.reference, &self.tested] {
            let Ran { code, stdout, stderr } = &outcome.ran;
            writeln!(f, "{:?} exit {code}\n{stdout}{stderr}", outcome.program)?;
        }
        Ok(())
    }
}
