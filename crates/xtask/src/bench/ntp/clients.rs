//! The clients as data: how each is told to set a clock once and to keep it, and how it says that it has set it.

use std::net::Ipv4Addr;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, ensure};
use orlop_test_ntp::Clock;
use orlop_testbed::{Host, unpacked};

use super::ntpd_rs;
use crate::setup::unpacked::version;
use crate::workspace::Workspace;

/// Whose program it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Orlop,
    Chrony,
    Openntpd,
    Timesyncd,
    NtpdRs,
}

/// By what the client's clock is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Wrong {
    /// A minute behind.
    Minute,
    /// It shows 1970.
    Years,
}

/// What a client is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Work {
    /// Find out by how much this clock is wrong, and set it.
    Set(Wrong),
    /// Keep a right clock right.
    Keep,
}

/// How a client shows that it has set the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    /// It ends with success.
    Exit,
    /// It says so, and goes on.
    Said,
}

/// A client that can be run.
#[derive(Debug, Clone)]
pub(super) struct Client {
    pub(super) kind: Kind,
    /// As the table calls it.
    pub(super) name: &'static str,
    /// The version of its Debian package or of its crate; ours has the workspace's.
    pub(super) version: String,
    /// The files that hold its code, the first of which is started.
    pub(super) binaries: Vec<PathBuf>,
}

/// Where a configuration lies that a client is told of.
const CONF: &str = "/run/client.conf";
/// The only place where timesyncd looks for one.
const TIMESYNCD_CONF: &str = "/etc/systemd/timesyncd.conf";
/// An ordinary user, for those that want one.
const USER: u32 = 64_998;

/// The clients, ours first, and the names of those that cannot be had, each with the reason.
pub(super) type Field = (Vec<Client>, Vec<(&'static str, String)>);

/// All clients: ours are in the folder `release`.
///
/// # Errors
/// When one of ours is missing, or one that was just unpacked.
pub(super) fn all(workspace: &Workspace, release: &Path) -> Result<Field> {
    let client = |kind, name, version: String, binaries: Vec<PathBuf>| {
        for binary in &binaries {
            ensure!(
                binary.is_file(),
                "no {}; help: cargo xtask build --target with musl, or without --no-build",
                binary.display()
            );
        }
        Ok(Client { kind, name, version, binaries })
    };
    let own = ["orlop-ntp", "orlop-ntp-worker", "orlop-ntp-lookup"].map(|name| release.join(name));
    let mut there = vec![client(Kind::Orlop, "orlop-ntp", env!("CARGO_PKG_VERSION").to_owned(), own.to_vec())?];
    let mut missing = Vec::new();
    for (kind, name, package, path) in [
        (Kind::Chrony, "chronyd", "chrony", "/usr/sbin/chronyd"),
        (Kind::Openntpd, "openntpd", "openntpd", "/usr/sbin/ntpd"),
        (Kind::Timesyncd, "systemd-timesyncd", "systemd-timesyncd", "/lib/systemd/systemd-timesyncd"),
    ] {
        match version(package) {
            Some(version) => there.push(client(kind, name, version, vec![unpacked::program(path)])?),
            None => missing.push((name, "only Debian's packages can be unpacked, and this is no Debian".to_owned())),
        }
    }
    match ntpd_rs::program(workspace) {
        Ok(program) => there.push(client(Kind::NtpdRs, "ntpd-rs", ntpd_rs::VERSION.to_owned(), vec![program])?),
        Err(error) => missing.push(("ntpd-rs", format!("cargo install does not give it: {error:#}"))),
    }
    Ok((there, missing))
}

impl Client {
    /// Why it is not run with such a clock, this far from its servers.
    pub(super) fn cannot(&self, wrong: Wrong, round_trip: Duration) -> Option<&'static str> {
        match (self.kind, wrong) {
            (Kind::Openntpd | Kind::Timesyncd | Kind::NtpdRs, Wrong::Years) => {
                Some("1970: libfaketime shows it that, but not the kernel's time stamps, which it goes by")
            }
            (Kind::NtpdRs, Wrong::Minute) if round_trip.is_zero() => {
                Some("nearby servers: it takes two minutes wherever they are")
            }
            (_, Wrong::Minute) | (Kind::Orlop | Kind::Chrony, Wrong::Years) => None,
        }
    }

    /// In how many of so many rounds it takes part.
    pub(super) fn rounds(&self, all: u32) -> u32 {
        if self.kind == Kind::NtpdRs { 1 } else { all }
    }

    /// Whether the servers are ahead of this machine's clock instead of its own clock being behind: only ours has one of its own,
    /// and only chronyd can be shown another than the machine's.
    pub(super) fn asks_servers_that_are_ahead(&self, work: Work) -> bool {
        work == Work::Set(Wrong::Minute) && self.kind != Kind::Orlop
    }

    /// A client that takes longer to set a clock has failed. ntpd-rs needs two minutes by its design; openntpd, which at times reads an
    /// answer wrong and never sets it, gives up by itself after 15 s.
    pub(super) const fn patience(&self) -> Duration {
        Duration::from_secs(if matches!(self.kind, Kind::NtpdRs) { 200 } else { 30 })
    }

    /// How it shows that it has set the clock.
    pub(super) const fn sign(&self) -> Sign {
        match self.kind {
            Kind::Orlop | Kind::Chrony => Sign::Exit,
            Kind::Openntpd | Kind::Timesyncd | Kind::NtpdRs => Sign::Said,
        }
    }

    /// What it says in front of the seconds by which it sets the clock; ours leaves a clock that can be read.
    pub(super) const fn says(&self) -> Option<&'static str> {
        match self.kind {
            Kind::Orlop => None,
            Kind::Chrony => Some("System clock wrong by "),
            Kind::Openntpd => Some("(offset "),
            Kind::Timesyncd => Some("adjust (jump): "),
            Kind::NtpdRs => Some("Jumped offset by "),
        }
    }

    /// Puts its files on the host.
    ///
    /// # Errors
    /// When one cannot be written.
    pub(super) fn prepare(&self, host: &Host, servers: [Ipv4Addr; 3]) -> Result<()> {
        let lines = |line: &dyn Fn(Ipv4Addr) -> String| servers.map(line).concat();
        match self.kind {
            Kind::Orlop => host.shell(
                "mkdir -p /run/resolvconf /run/orlop/ntp /run/orlop/control/ntp /run/orlop/netfacts /run/orlop/metrics /run/clock",
            )?,
            Kind::Chrony => {
                let asked = lines(&|server| format!("server {server} iburst\n"));
                host.write(CONF, format!("{asked}port 0\ncmdport 0\nbindcmdaddress /\npidfile /run/client.pid\n"))?;
                String::new()
            }
            Kind::Openntpd => {
                host.write(CONF, lines(&|server| format!("server {server}\n")))?;
                let users = host.read("/etc/passwd")?;
                if !users.contains("\nntpd:") {
                    host.write("/etc/passwd", format!("{users}ntpd:x:{USER}:{USER}::/run/openntpd:/usr/sbin/nologin\n"))?;
                }
                host.shell("mkdir -p /run/openntpd /var/lib/openntpd/db /var/lib/openntpd/run")?
            }
            Kind::Timesyncd => {
                let servers = servers.map(|server| server.to_string()).join(" ");
                host.write(TIMESYNCD_CONF, format!("[Time]\nNTP={servers}\nFallbackNTP=\n"))?;
                host.shell(&format!(
                    "mkdir -p /run/systemd/timesync /run/systemd/netif /var/lib/systemd/timesync
                     chown {USER} /run/systemd/timesync /var/lib/systemd/timesync"
                ))?
            }
            Kind::NtpdRs => {
                let sources = lines(&|server| format!("[[source]]\nmode = \"server\"\naddress = \"{server}\"\n"));
                host.write(CONF, format!("[observability]\nlog-level = \"info\"\n{sources}"))?;
                String::new()
            }
        };
        Ok(())
    }

    /// The command, for a thread that is on the host already.
    ///
    /// # Errors
    /// When the time is before 1970.
    pub(super) fn command(&self, work: Work, servers: [Ipv4Addr; 3]) -> Result<Command> {
        let program = self.binaries.first().context("no program")?;
        let mut command = Command::new(program);
        match (self.kind, work) {
            (Kind::Orlop, work) => {
                command.args(["--mock-clock", Clock::PLACE]);
                if matches!(work, Work::Set(_)) {
                    command.arg("--oneshot");
                }
                command.args(servers.map(|server| server.to_string()));
            }
            (Kind::Chrony, work) => {
                let mode = if work == Work::Keep { ["-x", "-d"].as_slice() } else { &["-Q"] };
                command.args(mode).args(["-u", "root", "-f", CONF]);
                command.env("LD_LIBRARY_PATH", unpacked::library_path());
                if work == Work::Set(Wrong::Years) {
                    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs();
                    command.env("LD_PRELOAD", unpacked::library("faketime/libfaketime.so.1"));
                    command.env("FAKETIME", format!("-{since}")).env("DONT_FAKE_MONOTONIC", "1");
                }
            }
            (Kind::Openntpd, _) => {
                command.args(["-d", "-s", "-v", "-f", CONF]);
            }
            (Kind::Timesyncd, _) => {
                let own = unpacked::library("systemd");
                command.env("LD_LIBRARY_PATH", format!("{}:{}", own.display(), unpacked::library_path()));
                command.envs([("SYSTEMD_LOG_LEVEL", "debug"), ("SYSTEMD_LOG_TARGET", "console")]);
                // Started by root, it would keep the capability to set the clock, and end where there is none to keep.
                command.uid(USER).gid(USER);
            }
            (Kind::NtpdRs, _) => {
                command.args(["-c", CONF]);
            }
        }
        Ok(command)
    }
}
