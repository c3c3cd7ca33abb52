//! Our applier in a machine: which files it has there, how it is started, what it left behind.

use std::fs;

use orlop_image::recipe::{BadRecipe, Recipe};
use orlop_image::tree::Node;
use orlop_image::workspace::Workspace;
use orlop_sandbox::capability::Capability;
use orlop_test_vm::{Files, Kernel, Machine, Report, Step};
use orlop_testbed::{binaries, needs};
use serde_json::Value;

/// A folder with nothing in it, so that only what the test names is read.
pub(crate) const NO_FILES: [&str; 2] = ["--config-dir", "/none"];
/// The daemon, and its image.
const NAME: &str = "sysctl";

/// The machine that a test starts, and what it does there.
pub(crate) struct Bench {
    machine: Machine,
    /// What the image starts.
    command: Vec<String>,
    /// The applier under its own name.
    program: String,
    label: Vec<u32>,
    /// Where the applier leaves its records.
    audit: String,
    steps: Vec<Step>,
}

/// What a run of the applier came to.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) said: String,
    /// Its records, in the order in which the settings were tried.
    pub(crate) audit: Vec<Value>,
}

impl Bench {
    /// A machine with exactly the files of the image. Without the means, the reason was printed.
    pub(crate) fn new() -> Option<Self> {
        let kernel = Kernel::available().map_err(|reason| needs::skip(&reason)).ok()?;
        let workspace = Workspace::find().unwrap();
        let recipe = Recipe::load(&workspace.recipe(NAME).unwrap()).unwrap();
        let binary = |program: &orlop_image::recipe::Program| {
            let path = binaries::folder().join(&program.binary);
            fs::read(&path).map_err(|cause| BadRecipe::Read { path, cause })
        };
        let tree = match recipe.with_programs(binary) {
            Ok(tree) => tree,
            Err(error) => {
                needs::skip(&format!("needs the release binaries: {error} (cargo xtask build)"));
                return None;
            }
        };
        let files = tree.iter().fold(Files::new().folder(NO_FILES[1], 0o755), |files, (path, node)| match node {
            Node::Directory { mode } => files.folder(path, *mode),
            Node::File { mode, content } => files.file(path, *mode, content.clone()),
            Node::Link { to } => files.link(path, to),
        });
        let label = recipe.label.capabilities.iter().map(|name| number(name)).collect();
        let audit = orlop_fleet::named(NAME).unwrap().published("audit.json");
        let (command, program) = (recipe.command, recipe.programs[0].path.clone());
        Some(Self { machine: Machine::new(&kernel, files), command, program, label, audit, steps: Vec::new() })
    }

    /// Does what the image starts, with exactly the capabilities that its label grants, and keeps its audit.
    pub(crate) fn as_the_image_starts_it(&mut self) -> &mut Self {
        let command: Vec<&str> = self.command.iter().map(String::as_str).collect();
        let started = Step::run_with_only(&self.label, &command);
        self.started(started)
    }

    /// Starts the applier with exactly the capabilities that the image's label grants, and keeps its audit.
    pub(crate) fn with_label(&mut self, arguments: &[&str]) -> &mut Self {
        self.with_label_and(&[], arguments)
    }

    /// With these capabilities added, as `capabilities.add` in YAML does.
    pub(crate) fn with_label_and(&mut self, added: &[Capability], arguments: &[&str]) -> &mut Self {
        let added = added.iter().map(|capability| number(capability.name()));
        let granted: Vec<u32> = self.label.iter().copied().chain(added).collect();
        let started = Step::run_with_only(&granted, &self.words(arguments));
        self.started(started)
    }

    /// With every capability there is.
    pub(crate) fn with_all(&mut self, arguments: &[&str]) -> &mut Self {
        let started = Step::run(&self.words(arguments));
        self.started(started)
    }

    fn words<'w>(&'w self, arguments: &[&'w str]) -> Vec<&'w str> {
        [&[&*self.program], arguments].concat()
    }

    fn started(&mut self, started: Step) -> &mut Self {
        self.steps.extend([started, Step::read(&self.audit)]);
        self
    }

    /// Reads a setting, without our program.
    pub(crate) fn read(&mut self, key: &str) -> &mut Self {
        self.steps.push(Step::read(&path(key)));
        self
    }

    /// Reads these settings.
    pub(crate) fn read_all<'a>(&mut self, keys: impl IntoIterator<Item = &'a str>) -> &mut Self {
        keys.into_iter().fold(self, |bench, key| bench.read(key))
    }

    /// Boots the machine, does all of this, and gives what came of it, in order.
    pub(crate) fn boot(self) -> Outcome {
        let record = self.machine.run(&self.steps).unwrap_or_else(|error| panic!("{error:#}"));
        Outcome(record.into_iter())
    }
}

/// Where a setting is. A slash stands for a dot in a name, as in sysctl.d(5).
fn path(key: &str) -> String {
    let swapped = |c| match c {
        '.' => '/',
        '/' => '.',
        other => other,
    };
    format!("/proc/sys/{}", key.chars().map(swapped).collect::<String>())
}

fn number(name: &str) -> u32 {
    let capability = Capability::ALL.into_iter().find(|one| one.name() == name);
    capability.unwrap_or_else(|| panic!("no capability {name}")) as u32
}

/// What a machine said, taken in the order in which it was asked.
pub(crate) struct Outcome(std::vec::IntoIter<Report>);

impl Outcome {
    fn next(&mut self) -> Report {
        self.0.next().expect("a test takes what it asked for")
    }

    /// The next run.
    pub(crate) fn run(&mut self) -> Run {
        let (ran, audit) = (self.next(), self.next());
        let said = ran.out + &ran.err;
        let document: Value =
            serde_json::from_str(&audit.out).unwrap_or_else(|error| panic!("no audit: {error}: {audit:?}\n{said}"));
        let records = document["settings"].as_array().unwrap_or_else(|| panic!("no settings in {document}")).clone();
        Run { code: ran.code, said, audit: records }
    }

    /// The next setting that was read: its value, or nothing when there is no such setting.
    pub(crate) fn value(&mut self) -> Option<String> {
        let report = self.next();
        (report.code == 0).then(|| report.out.split_whitespace().collect::<Vec<_>>().join(" "))
    }
}

impl Run {
    /// The record of a setting.
    pub(crate) fn of(&self, key: &str) -> &Value {
        let found = self.audit.iter().find(|record| record["key"] == key);
        found.unwrap_or_else(|| panic!("no record of {key}: {:?}\n{}", self.audit, self.said))
    }

    /// What became of a setting, in one word.
    pub(crate) fn result(&self, key: &str) -> &str {
        self.of(key)["result"].as_str().unwrap_or_default()
    }

    /// The settings whose result is none of these, with their results.
    pub(crate) fn others_than(&self, results: &[&str]) -> Vec<String> {
        let others =
            self.audit.iter().filter(|record| !results.contains(&record["result"].as_str().unwrap_or_default()));
        others.map(|record| format!("{}: {}", record["key"], record["result"])).collect()
    }
}

/// Every report of it was taken.
impl Drop for Outcome {
    fn drop(&mut self) {
        assert!(std::thread::panicking() || self.0.len() == 0, "{} reports were not looked at", self.0.len());
    }
}
