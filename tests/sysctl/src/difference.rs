//! What two programs made of one tree, and which differences are meant.

mod rules;

use std::fmt;

use anyhow::Result;

use crate::audit::Audit;
use crate::program::{Program, Ran};
use crate::settings::{self, Snapshot};
use crate::tree::Tree;

pub use rules::{RULES, Rule};

/// One program's run of a tree, from the same state as every other's.
#[derive(Clone, Debug)]
pub struct Run {
    /// The program that ran.
    pub program: Program,
    /// How it ended, and what it said.
    pub ran: Ran,
    /// The settings afterwards.
    pub settings: Snapshot,
    /// What it wrote of itself, if it is ours.
    pub audit: Option<Audit>,
}

impl Run {
    /// Runs a program on a tree that is in place, from this state, with these arguments (procps has others). In the calling thread's namespaces.
    ///
    /// # Errors
    /// When it cannot be run, or the state cannot be had.
    pub fn of(program: Program, arguments: &[String], baseline: &Snapshot) -> Result<Self> {
        baseline.restore()?;
        let arguments: Vec<&str> = match program {
            Program::Procps => vec!["--system"],
            Program::Orlop | Program::Systemd | Program::Busybox => arguments.iter().map(String::as_str).collect(),
        };
        let ran = program.run(&arguments)?;
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
    /// What both were called with.
    pub arguments: Vec<String>,
    /// The run of the program that is right by definition.
    pub reference: Run,
    /// The run that is compared with it.
    pub tested: Run,
}

impl Comparison {
    /// Runs both. In the calling thread's namespaces.
    ///
    /// # Errors
    /// As [`Run::of`].
    pub fn of(
        tree: Tree,
        arguments: Vec<String>,
        reference: Program,
        tested: Program,
        baseline: &Snapshot,
    ) -> Result<Self> {
        tree.install()?;
        let reference = Run::of(reference, &arguments, baseline)?;
        let tested = Run::of(tested, &arguments, baseline)?;
        Ok(Self { tree, arguments, reference, tested })
    }

    /// Every difference.
    #[must_use]
    pub fn differences(&self) -> Vec<Difference> {
        let settings = self.reference.settings.differences(&self.tested.settings);
        let setting = |(path, (reference, tested))| Difference::Setting { path, reference, tested };
        let exit = Difference::Exit { reference: self.reference.ran.code, tested: self.tested.ran.code };
        let same = matches!(exit, Difference::Exit { reference, tested } if reference == tested);
        settings.into_iter().map(setting).chain((!same).then_some(exit)).collect()
    }

    /// The rule that explains a difference, if one does.
    #[must_use]
    pub fn explained(&self, difference: &Difference) -> Option<&'static Rule> {
        rules::of(self, difference)
    }

    /// Whether a difference has no explanation.
    #[must_use]
    pub fn is_unexplained(&self) -> bool {
        self.differences().iter().any(|difference| self.explained(difference).is_none())
    }
}

/// One thing that two programs made differently.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// A setting is another.
    Setting {
        /// Which, below `/proc/sys`.
        path: String,
        /// What the reference made of it.
        reference: String,
        /// What the tested one made of it.
        tested: String,
    },
    /// The exit code is another.
    Exit {
        /// The reference's.
        reference: i32,
        /// The tested one's.
        tested: i32,
    },
}

/// The settings whose writing changes this one, too.
fn changers(path: &str) -> impl Iterator<Item = &'static str> {
    settings::PROPAGATING.into_iter().filter(move |changer| is_changed_by(path, changer))
}

/// Whether writing `changer` changes the setting `path`.
fn is_changed_by(path: &str, changer: &str) -> bool {
    let forwards = matches!(changer, "net/ipv4/ip_forward" | "net/ipv4/conf/all/forwarding");
    let is = |prefix: &str, name: &str| path.starts_with(prefix) && path.ends_with(name);
    match changer {
        "net/ipv6/conf/all/forwarding" => is("net/ipv6/conf/", "/forwarding"),
        "net/ipv6/conf/all/disable_ipv6" => is("net/ipv6/conf/", "/disable_ipv6"),
        _ => {
            forwards
                && (is("net/ipv4/conf/", "/forwarding")
                    || is("net/ipv4/", "ip_forward")
                    || is("net/ipv4/conf/all", "/accept_redirects"))
        }
    }
}

/// All that a person needs to judge it.
impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\narguments: {:?}", self.tree, self.arguments)?;
        for difference in self.differences() {
            let rule = self.explained(&difference).map_or("UNEXPLAINED", |rule| rule.name);
            writeln!(f, "{rule}: {difference:?}")?;
        }
        for outcome in [&self.reference, &self.tested] {
            let Ran { code, stdout, stderr } = &outcome.ran;
            writeln!(f, "{:?} exit {code}\n{stdout}{stderr}", outcome.program)?;
        }
        Ok(())
    }
}
