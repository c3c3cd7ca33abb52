//! The resolvers: how each is started on a host of its own, so that it asks [`upstream::AT`] and keeps all names of the bench.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use orlop_test_resolver::{STUB, Scene, unbound};
use orlop_testbed::background::Background;
use orlop_testbed::{Host, Running, unpacked};

use super::{pin, upstream};
use crate::bench::installed;
use crate::bench::processes::family;
use crate::setup::unpacked::version;

/// Whose program it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Orlop,
    Unbound,
    Dnsmasq,
    Resolved,
    Kresd,
}

/// A resolver at work.
pub(super) struct Resolver {
    pub(super) kind: Kind,
    /// The version of its Debian package; ours has the workspace's.
    pub(super) version: String,
    pub(super) at: SocketAddr,
    pub(super) scene: Scene,
    pub(super) running: Running,
    _upstream: Background,
    /// The other end of its wire: systemd-resolved asks nobody without a network, not even on this machine.
    _network: Host,
}

/// Where those listen that can be told.
const AT: Ipv4Addr = Ipv4Addr::new(127, 0, 2, 1);
/// An ordinary user, for the one that wants one.
const USER: &str = "64998";
const START: Duration = Duration::from_secs(30);

impl Kind {
    pub(super) const ALL: [Self; 5] = [Self::Orlop, Self::Unbound, Self::Dnsmasq, Self::Resolved, Self::Kresd];

    /// As the table calls it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Orlop => "orlop-resolver",
            Self::Unbound => "unbound",
            Self::Dnsmasq => "dnsmasq",
            Self::Resolved => "systemd-resolved",
            Self::Kresd => "kresd",
        }
    }

    fn version(self) -> Result<String> {
        let unpacked = |name| version(name).context("only Debian's packages can be unpacked");
        match self {
            Self::Orlop => Ok(env!("CARGO_PKG_VERSION").to_owned()),
            Self::Dnsmasq => installed::debian_version("dnsmasq-base"),
            Self::Unbound | Self::Resolved => unpacked(self.name()),
            Self::Kresd => unpacked("knot-resolver"),
        }
    }
}

impl Resolver {
    /// Starts one, with an upstream beside it; it answers on return. Ours is in the folder `release`.
    ///
    /// # Errors
    /// When it cannot be had, or does not start.
    pub(super) fn start(kind: Kind, release: &Path) -> Result<Self> {
        let version = kind.version()?;
        let scene = Scene::new()?;
        let (network, upstream) = (scene.wired()?, upstream::start(&scene.host)?);
        let (running, at) = spawn(kind, &scene, release)?;
        let resolver = Self { kind, version, at, scene, running, _upstream: upstream, _network: network };
        let answers = || Ok(resolver.is_answering().then_some(()));
        orlop_testbed::eventually("an answer", START, answers).with_context(|| resolver.running.text())?;
        pin::processes(&resolver.processes()?, pin::SUBJECT)?;
        Ok(resolver)
    }

    fn is_answering(&self) -> bool {
        let (at, bytes) = (self.at, orlop_test_resolver::Question::of("h0.bench.example.org").bytes(1));
        let answer = self.scene.host.inside(move || orlop_test_resolver::raw(at, &bytes, false));
        answer.is_ok_and(|answer| answer.get(3).is_some_and(|flags| flags & 0x0f == 0))
    }

    /// All that it consists of.
    ///
    /// # Errors
    /// When it has ended.
    pub(super) fn processes(&self) -> Result<Vec<u32>> {
        let all = family(self.running.pid())?;
        ensure!(!all.is_empty(), "{} has ended:\n{}", self.kind.name(), self.running.text());
        Ok(all)
    }
}

fn spawn(kind: Kind, scene: &Scene, release: &Path) -> Result<(Running, SocketAddr)> {
    let host = &scene.host;
    let listening = SocketAddr::from((AT, 53));
    let mut command: Command;
    let at = match kind {
        Kind::Orlop => {
            host.write("/run/bench.toml", format!("upstreams = [\"{}\"]\ncache-size = 67108864\n", upstream::AT))?;
            command = host.command(release.join(kind.name()));
            command.args(["--log", "warn", "--config", "/run/bench.toml"]);
            STUB
        }
        Kind::Unbound => return Ok((unbound::start(host, AT, upstream::AT)?, listening)),
        Kind::Dnsmasq => {
            command = host.command(installed::program("dnsmasq")?);
            let words = "--keep-in-foreground --conf-file=/dev/null --no-resolv --no-hosts --bind-interfaces --cache-size=150000 \
                         --dns-forward-max=1000 --user=root --pid-file= --log-facility=-";
            command.args(words.split_whitespace());
            command.args([format!("--listen-address={AT}"), format!("--server={}", upstream::AT)]);
            listening
        }
        Kind::Resolved => {
            let lines =
                "FallbackDNS=\nDNSSEC=no\nLLMNR=no\nMulticastDNS=no\nCacheFromLocalhost=yes\nDNSStubListener=yes\n";
            host.write("/etc/systemd/resolved.conf", format!("[Resolve]\nDNS={}\nDomains=~.\n{lines}", upstream::AT))?;
            // It is an ordinary user from the start: there is no account of its own to become.
            host.shell(&format!("mkdir -p /run/systemd/resolve && chown {USER} /run/systemd/resolve"))?;
            command = host.command("setpriv");
            let kept = "+net_bind_service,+net_raw,+setpcap";
            command.args([
                "--reuid",
                USER,
                "--regid",
                USER,
                "--clear-groups",
                "--inh-caps",
                kept,
                "--ambient-caps",
                kept,
                "env",
            ]);
            let own = unpacked::library("systemd");
            command.arg(format!("LD_LIBRARY_PATH={}:{}", own.display(), unpacked::library_path()));
            command.arg("SYSTEMD_LOG_TARGET=console").arg(unpacked::program("/lib/systemd/systemd-resolved"));
            STUB
        }
        Kind::Kresd => {
            // It looks for its parts where they would be if it were installed: laid over that folder, for this host only.
            let parts = unpacked::library("knot-resolver");
            let folder = parts.parent().context("no folder of libraries")?.display().to_string();
            let name = folder.rsplit('/').next().unwrap_or_default();
            let share = unpacked::program("/usr/share").display().to_string();
            let over =
                |folder: &str, place: &str| format!("mount -t overlay -o lowerdir={folder}:{place} overlay {place}\n");
            let mounts = over(&folder, &format!("/usr/lib/{name}")) + &over(&share, "/usr/share");
            host.shell(&format!("mkdir -p /run/kresd\n{mounts}"))?;
            let conf = format!(
                "net.listen('{AT}', 53, {{ kind = 'dns' }})\ncache.open(256 * MB, 'lmdb:///run/kresd')\ntrust_anchors.remove('.')\n\
                 for _, name in ipairs({{'ta_update', 'ta_signal_query', 'priming', 'detect_time_skew'}}) do modules.unload(name) end\n\
                 policy.add(policy.all(policy.STUB({{'{}'}})))\n",
                upstream::AT
            );
            host.write("/run/kresd.conf", conf)?;
            command = host.command("env");
            command.arg(format!("LD_LIBRARY_PATH={}", unpacked::library_path()));
            command.arg(unpacked::program("/usr/sbin/kresd")).args(["-n", "-q", "-c", "/run/kresd.conf", "/run/kresd"]);
            listening
        }
    };
    Ok((host.spawn(kind.name(), &mut command)?, at))
}
