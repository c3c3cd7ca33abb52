//! One boot: a spec, a probe's script, a network; and what was seen of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use anyhow::Result;
use orlop_image::output::Packing;
use orlop_image::platform::Platform;
use orlop_image::workspace::Workspace;
use orlop_sandbox::daemon::Daemon;
use orlop_test_vm::{Assembled, Emulator, Image, Images, Kernel, Line, Network, Probe, Qmp, Record, Step, programs};
use orlop_testbed::{Folder, Running, Testbed, binaries, needs};

/// A boot takes six seconds, and what a probe waits for is bounded by itself; emulated on a busy machine, ten times that.
pub(crate) const PATIENCE: Duration = Duration::from_secs(150);

/// What programs go by, where a container has it.
pub(crate) const RESOLV_CONF: &str = "/etc/resolv.conf";

/// The daemon of that name.
pub(crate) fn daemon(name: &str) -> &'static Daemon {
    orlop_fleet::named(name).unwrap()
}

/// What a daemon says of itself, for everybody.
pub(crate) fn status_of(name: &str) -> String {
    daemon(name).published("status.json")
}

/// Where the resolver leaves the servers that it asks.
pub(crate) fn servers() -> String {
    daemon("resolver").published("resolv.upstream.conf")
}

/// A machine that is put together.
pub(crate) struct Stage {
    pub(crate) network: Network,
    pub(crate) emulator: Emulator,
    folder: Folder,
    steps: usize,
}

/// What was seen of a machine until its end.
pub(crate) struct Seen {
    /// What the probe found, step by step.
    pub(crate) record: Record,
    pub(crate) console: String,
    /// What the DHCP servers said.
    pub(crate) servers: String,
}

impl Seen {
    /// How the steps of a container ended, whose lines on the console have this in front.
    pub(crate) fn said(&self, name: &str) -> Vec<&str> {
        let said = self.console.lines().filter_map(|line| Some(line.split_once(name)?.1));
        // A line of the kernel's may begin where one of the container's has ended.
        let number = |line: &'_ str| line.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(line.len());
        said.filter_map(|line| line.strip_prefix("= "))
            .map(|line| line.get(..number(line)).unwrap_or_default())
            .collect()
    }
}

impl Stage {
    /// The demo's spec with a probe among its services; without the means, the reason was printed.
    ///
    /// Network and emulator have no card yet. `more` is YAML, appended to the probe's spec, `others` are its images.
    pub(crate) fn new(name: &str, line: Line, steps: &[Step]) -> Option<Self> {
        Self::with(name, line, steps, |_| (String::new(), Vec::new()))
    }

    pub(crate) fn with(
        name: &str,
        line: Line,
        steps: &[Step],
        more: impl FnOnce(&Path) -> (String, Vec<Image>),
    ) -> Option<Self> {
        Self::of(name, Kernel::of(line), &binaries::folder(), steps, more)
    }

    /// The same on another processor, with programs for it.
    pub(crate) fn on(name: &str, platform: Platform, steps: &[Step]) -> Option<Self> {
        let kernel = Kernel::for_platform(Line::V6_12, platform);
        Self::of(name, kernel, &programs(platform), steps, |_| (String::new(), Vec::new()))
    }

    fn of(
        name: &str,
        kernel: Result<Kernel, String>,
        programs: &Path,
        steps: &[Step],
        more: impl FnOnce(&Path) -> (String, Vec<Image>),
    ) -> Option<Self> {
        Testbed::with(&["dnsmasq", "apt-get", "dpkg-deb", "zstd", "lz4"])?;
        let kernel = kernel.map_err(|reason| needs::skip(&reason)).ok()?;
        let images = Images::build(&kernel, programs);
        let images = images.map_err(|error| needs::skip(&format!("needs the release binaries: {error:#}"))).ok()?;
        let folder = Folder::new(&format!("vm-{name}"));
        let probe = Probe::new(kernel.platform, &folder.0, name, steps);
        let probe = probe.map_err(|error| needs::skip(&format!("needs its guest program: {error:#}"))).ok()?;
        let (more, others) = more(&folder.0);
        let spec = folder.0.join("probe.yml");
        fs::write(&spec, format!("services:{}\n{more}", probe.entry())).unwrap();
        let demo = Workspace::find().unwrap().root.join("packaging/specs/demo.yml");
        let layouts: Vec<&Path> =
            std::iter::once(&probe.image).chain(&others).map(|image| image.layout.as_path()).collect();
        let machine =
            images.assemble(&[demo, spec], &layouts, &folder.0.join("machine"), "demo", Packing::None).unwrap();
        let emulator = machine.emulator().record(&folder.0.join("record"));
        Some(Self { network: Network::new().unwrap(), emulator, folder, steps: probe.steps() })
    }

    /// With a hardware clock that says this at power-on.
    pub(crate) fn clock(mut self, clock: &str) -> Self {
        self.emulator = self.emulator.clock(clock);
        self
    }

    /// Started as a machine's firmware would: it can be woken from a suspend.
    pub(crate) fn by_firmware(mut self) -> Self {
        self.emulator = self.emulator.kernel(&self.folder.0.join("machine/demo-kernel"));
        self
    }

    /// With a socket by which it can be paused and saved.
    pub(crate) fn controlled(mut self) -> Self {
        let socket = self.socket();
        self.emulator = self.emulator.controlled(&socket);
        self
    }

    /// The emulator's side of that, once it was started.
    pub(crate) fn control(&self) -> Qmp {
        Qmp::connect(&self.socket()).unwrap()
    }

    fn socket(&self) -> PathBuf {
        self.folder.0.join("qmp")
    }

    /// Saves the machine, and has another emulator go on with it after this time.
    pub(crate) fn restored_after(&self, mut machine: Running, pause: Duration) -> Running {
        let saved = self.folder.0.join("saved");
        self.control().save(&saved, &mut machine).unwrap();
        thread::sleep(pause);
        self.emulator.clone().from(&saved).start(Some(self.network.host())).unwrap()
    }

    /// With one card more, on a tap device.
    pub(crate) fn card(mut self, number: u8) -> Self {
        let nic = self.network.tap(number).unwrap();
        self.emulator = self.emulator.nic(nic);
        self
    }

    /// With a server on a tap device that gives this name server.
    pub(crate) fn served(mut self, number: u8, resolver: &str) -> Self {
        let server = Network::server(number).option(&format!("option:dns-server,{resolver}"));
        self.network.serve(&server).unwrap();
        self
    }

    /// Switches it on.
    pub(crate) fn start(&self) -> Running {
        self.emulator.start(Some(self.network.host())).unwrap()
    }

    /// Waits until it is off.
    pub(crate) fn end(&self, machine: Running) -> Result<Seen> {
        self.end_within(machine, PATIENCE)
    }

    pub(crate) fn end_within(&self, mut machine: Running, patience: Duration) -> Result<Seen> {
        let record = Assembled::record(&mut machine, &self.folder.0.join("record"), self.steps, patience)?;
        Ok(Seen { record, console: machine.text(), servers: self.network.servers_said() })
    }

    /// Both.
    pub(crate) fn boot(&self) -> Seen {
        self.end(self.start()).unwrap()
    }
}
