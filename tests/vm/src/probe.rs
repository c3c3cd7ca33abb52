//! The guest program as a container: it may look at everything, and does what its script says.

use std::fs;
use std::path::Path;

use anyhow::Result;
use orlop_image::platform::Platform;
use orlop_image::tree::{Node, Tree};

use crate::build;
use crate::emulator;
use crate::image::Image;
use crate::script::{POWEROFF, STEPS, Step};

/// Where devices are, through process 1: its own `/dev` has only what every container has.
const DEVICES: &str = "/proc/1/root/dev";
/// Its own output, which the machine's first process shows on the console.
const OUTPUT: &str = "/proc/self/fd/1";

/// An image of the guest program and a script.
#[derive(Debug, Clone)]
pub struct Probe {
    /// Assemble with it.
    pub image: Image,
    steps: usize,
    /// What its entry says beside what every probe's does.
    more: &'static str,
}

impl Probe {
    /// One that does its steps, writes about them to the second serial line, and ends the machine. The image is made in
    /// `folder`; its name tells it from other probes of the same machine.
    ///
    /// # Errors
    /// When the guest program cannot be built, or the image not written.
    pub fn new(platform: Platform, folder: &Path, name: &str, steps: &[Step]) -> Result<Self> {
        let record = format!("{DEVICES}/{}", emulator::record_line(platform));
        Self::with(platform, folder, name, steps, &[&record, POWEROFF])
    }

    /// One that only says how its steps went.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn speaking(platform: Platform, folder: &Path, name: &str, steps: &[Step]) -> Result<Self> {
        Self::with(platform, folder, name, steps, &[OUTPUT])
    }

    fn with(platform: Platform, folder: &Path, name: &str, steps: &[Step], ending: &[&str]) -> Result<Self> {
        let guest = fs::read(build::guest(platform)?)?;
        let mut tree = Tree::default();
        let mut put = |path: &str, node: Node| tree.put(path, node);
        put("/probe", Node::File { mode: 0o755, content: guest });
        put("/script", Node::File { mode: 0o644, content: Step::script(steps).into_bytes() });
        // To mount on.
        put("/etc/resolv.conf", Node::File { mode: 0o644, content: Vec::new() });
        for path in ["/dev", "/proc", "/run", "/sys"] {
            put(path, Node::Directory { mode: 0o755 });
        }
        let words: Vec<&str> = ["/probe", STEPS, "/script"].iter().chain(ending).copied().collect();
        let image = Image::new(platform, folder, &format!("probe-{name}"), &tree, &words)?;
        // The serial line is one of the machine's devices.
        let more = if ending.contains(&POWEROFF) { "\n    devices: [{path: all, type: c}]" } else { "" };
        Ok(Self { image, steps: steps.len(), more })
    }

    /// How many reports its record will have.
    #[must_use]
    pub const fn steps(&self) -> usize {
        self.steps
    }

    /// Its entry as a container called `name` without any capability, uid 0 as LinuxKit has it by default; `more` is YAML that its
    /// entry has beside.
    #[must_use]
    pub fn plain_entry(&self, name: &str, more: &str) -> String {
        self.image.entry(name, &format!("annotations: {{orlop.restart: \"no\"}}, {more}"))
    }

    /// Its entry in one of a spec's lists: with every capability, the machine's processes and network; `/run` and resolv.conf
    /// are where the machine has them.
    #[must_use]
    pub fn entry(&self) -> String {
        let Self { image: Image { reference, .. }, more, .. } = self;
        format!(
            r#"
  - name: probe
    image: {reference}
    capabilities: [all]
    pid: host
    net: host
    binds: ["/run:/run", "/etc/resolv.conf:/etc/resolv.conf"]
    annotations: {{orlop.restart: "no"}}{more}"#
        )
    }
}
