//! `vm`: a LinuxKit spec becomes a machine, which is booted under QEMU and judged by what it says on its console.
//!
//! The verdict is `orlop-init`'s own account: every onboot container ended with 0, and every service runs. QEMU's exit code
//! says nothing (a kernel that panics also makes it end with 0).

pub(crate) mod console;

use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use orlop_image::output::Packing;
use orlop_image::platform::Platform;
use orlop_image::spec::{Container, Spec, read};
use orlop_test_ntp::Scripted;
use orlop_test_resolver::{Asked, Server};
use orlop_test_vm::{Assembled, Emulator, Images, Kernel, Line, Network, Nic};

use crate::build;
use crate::compiler::Compiler;
use crate::setup::{self, Need};
use crate::workspace::Workspace;

use console::Console;

#[derive(Debug, Clone, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Options {
    /// LinuxKit YAML files: lists are appended. Without a kernel or an init in them, ours are taken
    #[arg(value_name = "SPEC", required = true)]
    specs: Vec<PathBuf>,
    /// A layout (folder or .tar) with images that are not of this tree; may be given more than once
    #[arg(long, value_name = "PATH")]
    image: Vec<PathBuf>,
    /// What the machine's card is connected to
    #[arg(long, value_enum, default_value_t = Net::User)]
    net: Net,
    /// Which of Debian's kernels
    #[arg(long, value_enum, default_value_t = Which::V6_12)]
    kernel: Which,
    /// For which processor: linux/amd64 or linux/arm64, which is emulated wherever it is
    #[arg(long, value_name = "PLATFORM", default_value_t = Platform::HOST, value_parser = Platform::parse)]
    platform: Platform,
    /// More words on the kernel's command line: `orlop.console=all`, `lsm=capability`
    #[arg(long, value_name = "WORDS", default_value = "", allow_hyphen_values = true)]
    append: String,
    /// How much memory it has
    #[arg(long, value_name = "MEGABYTES", default_value_t = 512, value_parser = clap::value_parser!(u32).range(64..=16384))]
    memory: u32,
    /// How long it may take until the verdict
    #[arg(long, value_name = "SECONDS", default_value_t = 120, value_parser = clap::value_parser!(u64).range(1..=3600))]
    within: u64,
    /// A text on the console that is the verdict instead, for machines with another init
    #[arg(long, value_name = "TEXT")]
    expect: Option<String>,
    /// Leave it on for so long after the verdict
    #[arg(long, value_name = "SECONDS", default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=86400))]
    stay: u64,
    /// Take the release binaries that are there, without building them first
    #[arg(long)]
    no_build: bool,
}

/// What a card is connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Net {
    /// QEMU's own network and DHCP server; needs no root
    User,
    /// Network namespaces that end with this command, with dnsmasq on a tap device, and servers of names and of the time; needs root
    Netns,
    /// Nothing that answers
    Alone,
}

impl Net {
    /// Makes sure that a card can be connected to it.
    ///
    /// # Errors
    /// When it takes root, or something that cannot be installed.
    pub(crate) fn prepare(self) -> Result<()> {
        match self {
            Self::User | Self::Alone => Ok(()),
            Self::Netns => {
                ensure!(rustix::process::geteuid().is_root(), "namespaces need root; help: --net user");
                setup::ensure(Need::Demo)
            }
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Which {
    #[value(name = "6.12")]
    V6_12,
    #[value(name = "6.1")]
    V6_1,
}

const AFTER_HELP: &str = "\
  cargo xtask vm packaging/specs/demo.yml
  cargo xtask vm packaging/specs/demo.yml --net netns --append orlop.console=all --stay 60
  cargo xtask vm packaging/specs/dhcp.yml --kernel 6.1
  cargo xtask vm packaging/specs/demo.yml --platform linux/arm64

References to images of this tree are pinned to what was just built, in copies of the specs (target/machines). The console is
kept in target/machines/NAME-console.log.";

/// Where Debian's packages and the machine's parts come from; made once, for one machine or several.
pub(crate) struct Workshop {
    /// What its machines are for.
    pub(crate) platform: Platform,
    /// The release binaries that its images are made of.
    pub(crate) programs: PathBuf,
    /// The images.
    pub(crate) images: Images,
    /// Where machines are put.
    pub(crate) machines: PathBuf,
}

impl Workshop {
    /// Builds programs (unless told not to) and images, musl's if there is a compiler for it: they are what specs are locked to.
    ///
    /// # Errors
    /// When something cannot be built, or there is no kernel or emulator.
    pub(crate) fn open(workspace: &Workspace, platform: Platform, line: Line, no_build: bool) -> Result<Self> {
        setup::ensure(if platform == Platform::HOST { Need::Machines } else { Need::ArmMachines })?;
        let triple = triple(workspace, platform)?;
        if !no_build {
            if platform != Platform::HOST {
                setup::ensure_targets(workspace, &[Need::Aarch64Musl])?;
            }
            build::run(workspace, &build::Options::of(triple))?;
        }
        let kernel =
            Kernel::for_platform(line, platform).map_err(|why| anyhow!("no machine can boot here: this {why}"))?;
        let programs = build::release_folder(workspace, triple)?;
        let images = Images::build(&kernel, &programs).context("cannot make the images; help: without --no-build")?;
        let machines = workspace.metadata(build::HOST)?.target_directory.join("machines");
        fs::create_dir_all(&machines)?;
        Ok(Self { platform, programs, images, machines })
    }
}

/// What its programs are built for: with musl, unless this machine has never been set up for that.
fn triple(workspace: &Workspace, platform: Platform) -> Result<&'static str> {
    let [musl, gnu] = platform.targets();
    // What was built may have been built elsewhere.
    let has_musl = build::release_folder(workspace, musl)?.is_dir() && Compiler::of(musl).is_ok();
    let has_musl = has_musl || platform != Platform::HOST;
    Ok(if has_musl { musl } else { gnu })
}

/// Boots and judges.
///
/// # Errors
/// When it cannot be put together, or the verdict is bad or does not come.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let line = match options.kernel {
        Which::V6_12 => Line::V6_12,
        Which::V6_1 => Line::V6_1,
    };
    // First of all: it costs minutes to find out otherwise.
    let spec = read::files(&options.specs)?;
    options.net.prepare()?;
    let workshop = Workshop::open(workspace, options.platform, line, options.no_build)?;
    let name = options.specs.last().and_then(|spec| spec.file_stem()).context("a spec has a name")?;
    let name = name.to_string_lossy().into_owned();
    let specs = whole(&workshop, &spec, &options.specs)?;
    let others: Vec<&Path> = options.image.iter().map(PathBuf::as_path).collect();
    let machine = workshop.images.assemble(&specs, &others, &workshop.machines, &name, Packing::None)?;
    println!("{}", machine.table);
    let wired = Wired::new(&machine, options.net)?;
    let emulator = wired.emulator.megabytes(options.memory).words(&options.append);
    println!("  $ {}", emulator.shown());
    let log = workshop.machines.join(format!("{name}-console.log"));
    let mut console = Console::new(emulator.start(wired.network.as_ref().map(Network::host))?, &log)?;
    let verdict = judged(&mut console, &spec, options);
    if verdict.is_ok() && options.stay > 0 {
        console.show_for(Duration::from_secs(options.stay))?;
    }
    println!("console: {}", log.display());
    println!("vm: {}", verdict?);
    Ok(())
}

/// The specs, and one before them with what they lack.
fn whole(workshop: &Workshop, spec: &Spec, specs: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut base = String::new();
    if spec.kernel.image.is_none() {
        base += "kernel: {image: \"orlop.example/kernel:6.12\", cmdline: \"console=ttyS0 quiet panic=-1\"}\n";
    }
    if spec.init.is_empty() {
        base += concat!("init: [\"orlop.example/init:", env!("CARGO_PKG_VERSION"), "\"]\n");
    }
    if base.is_empty() {
        return Ok(specs.to_owned());
    }
    println!("the spec is a part of a machine; before it comes:\n{base}");
    let path = workshop.machines.join("base.yml");
    fs::write(&path, base)?;
    Ok(std::iter::once(path).chain(specs.iter().cloned()).collect())
}

/// A machine and what its card is connected to.
pub(crate) struct Wired {
    /// The machine, with its card.
    pub(crate) emulator: Emulator,
    /// Show this machine's time, and say where every name is: where they are.
    _servers: Option<(Scripted, Server)>,
    /// The namespaces, if there are any; they end with this value.
    pub(crate) network: Option<Network>,
}

/// Where servers of the machine's network are.
const SERVER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const NTP: u16 = 123;

impl Wired {
    /// Connects the card.
    ///
    /// # Errors
    /// When namespaces cannot be made.
    pub(crate) fn new(machine: &Assembled, net: Net) -> Result<Self> {
        let nic = match net {
            Net::User => Nic::User,
            Net::Alone => Nic::Alone,
            Net::Netns => {
                let mut network = Network::new()?;
                let nic = network.tap(0)?;
                let server = Network::server(0).option(&format!("option:dns-server,{SERVER}"));
                network.serve(&server.option(&format!("option:ntp-server,{SERVER}")))?;
                let time = Scripted::honest(network.host(), (SERVER, NTP))?;
                let says = |asked: &Asked| vec![asked.address(60, SERVER.octets())];
                let names = Server::start(network.host(), &SERVER.to_string(), says)?;
                let emulator = machine.emulator().nic(nic);
                return Ok(Self { emulator, _servers: Some((time, names)), network: Some(network) });
            }
        };
        Ok(Self { emulator: machine.emulator().nic(nic), _servers: None, network: None })
    }
}

fn judged(console: &mut Console, spec: &Spec, options: &Options) -> Result<String> {
    let within = Duration::from_secs(options.within);
    if let Some(text) = &options.expect {
        let at = console.wait_for(|line| line.contains(text.as_str()), text, within)?;
        return Ok(format!("said {text:?} {:.1} s after power-on", at.as_secs_f64()));
    }
    let at = onboot_done(console, within)?;
    // Nobody waits for a service that itself waits for something which may never come about.
    let waits = |service: &&Container| {
        service.settings.annotations.as_ref().is_some_and(|annotations| annotations.contains_key("orlop.wait"))
    };
    let at_once = spec.services.iter().filter(|service| !waits(service));
    let mut missing: Vec<String> = at_once.map(|service| service.name.clone()).collect();
    if !missing.is_empty() {
        let all = console.wait_for(|line| is_last(&mut missing, line), "every service runs", within);
        all.with_context(|| format!("missing: {}", missing.join(", ")))?;
        console.refuse_for(ended, SETTLE)?;
    }
    Ok(format!(
        "onboot was done {:.1} s after power-on, {} containers; {} services run",
        at.as_secs_f64(),
        spec.onboot.len(),
        spec.services.len()
    ))
}

/// Waits for the end of onboot, and says how long after power-on that was.
///
/// # Errors
/// When it does not come, or a container did not end with 0.
pub(crate) fn onboot_done(console: &mut Console, within: Duration) -> Result<Duration> {
    let mut counts = None;
    let at = console.wait_for(
        |line| {
            counts = account(line);
            counts.is_some()
        },
        "onboot is done",
        within,
    )?;
    let (good, all) = counts.unwrap_or_default();
    ensure!(
        good == all,
        "{good} of {all} onboot containers ended with 0; help: what they said is on the console, and all of it with --append orlop.console=all"
    );
    Ok(at)
}

/// How long services must stay once all of them run: one that ends at once does so in this time, also on a slow machine.
const SETTLE: Duration = Duration::from_secs(2);

/// What this line of init's says of a service that has ended, other than well and for good.
fn ended(line: &str) -> Option<&str> {
    let said = of_init(line)?.strip_prefix("service ")?;
    (!said.ends_with(" runs") && !said.ends_with(" ended with 0")).then_some(said)
}

/// Whether this line of init's is the one that says of the last missing service that it runs: they come in any order, and one
/// that has ended since is missing again.
fn is_last(missing: &mut Vec<String>, line: &str) -> bool {
    let said = of_init(line).and_then(|said| said.strip_prefix("service ")?.strip_suffix(" runs"));
    missing.retain(|name| Some(name.as_str()) != said);
    missing.extend(ended(line).and_then(|said| said.split(' ').next()).map(str::to_owned));
    missing.is_empty()
}

/// What init says in this line, if it is one of its own: those of containers have their names there, whatever they go on to say.
fn of_init(line: &str) -> Option<&str> {
    let (time, said) = line.strip_prefix('[')?.split_once("] ")?;
    let is_time = time.trim_start().bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    said.strip_prefix("orlop-init: ").filter(|_| is_time)
}

/// `… onboot is done at 7.325 s: 2 of 2 containers ended with 0`
fn account(line: &str) -> Option<(u32, u32)> {
    let rest = of_init(line)?.strip_prefix("onboot is done at ")?;
    let (_, counts) = rest.split_once(" s: ")?;
    let (good, rest) = counts.split_once(" of ")?;
    let (all, _) = rest.split_once(' ')?;
    Some((good.parse().ok()?, all.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_inits_own_account_is_one() {
        for (what, line, want) in [
            ("all", "[    7.327] orlop-init: onboot is done at 7.325 s: 2 of 2 containers ended with 0", Some((2, 2))),
            ("one of two", "[ 7.3] orlop-init: onboot is done at 7.3 s: 1 of 2 containers ended with 0", Some((1, 2))),
            ("another line", "[    6.274] orlop-init: onboot 000-sysctl ended with 0", None),
            ("a container's", "[    6.274] probe: onboot is done at 1 s: 2 of 2 containers ended with 0", None),
            (
                "a container's, in init's words",
                "[ 6.2] 000-a: [ 6.2] orlop-init: onboot is done at 1 s: 2 of 2 containers ended with 0",
                None,
            ),
            ("a program's on the console", "x orlop-init: onboot is done at 1 s: 2 of 2 containers ended with 0", None),
        ] {
            assert_eq!(account(line), want, "{what}");
        }
    }

    #[test]
    fn services_may_run_in_any_order_and_only_init_says_so() {
        let mut missing = vec!["a".to_owned(), "b".to_owned()];
        for (line, last) in [
            ("[    7.400] b: service a runs", false),
            ("[    7.401] orlop-init: service b runs", false),
            ("[    7.402] orlop-init: service b was ended by signal 9; again in 250 ms", false),
            ("[    7.403] orlop-init: service a runs", false),
            ("[    7.653] orlop-init: service b runs", true),
        ] {
            assert_eq!(is_last(&mut missing, line), last, "{line}");
        }
    }

    #[test]
    fn what_ends_is_told_from_what_runs() {
        for (line, want) in [
            ("[ 7.4] orlop-init: service a ended with 3; again in 250 ms", Some("a ended with 3; again in 250 ms")),
            ("[ 7.4] orlop-init: service a could not be started: no", Some("a could not be started: no")),
            ("[ 7.4] orlop-init: service a runs", None),
            ("[ 7.4] b: [ 7.4] orlop-init: service a ended with 3", None),
            ("[ 7.4] orlop-init: service a ended with 0", None),
            ("[ 7.4] a: service a ended with 3", None),
            ("[ 7.4] orlop-init: onboot 000-a ended with 3", None),
        ] {
            assert_eq!(ended(line), want, "{line}");
        }
    }
}
