//! Another container that shares folders with a daemon, as uid 0 without capabilities: what it can do there, and that none of it
//! stops, steers or freezes the daemon. Every folder of every daemon of the fleet, bound read-only and writable.
#![allow(clippy::unwrap_used, reason = "a test says what failed by panicking")]

use nix::sys::signal::Signal;
use orlop_sandbox::daemon::Daemon;
use orlop_test_dhcp::{ADDRESS, SOON, Scene, dhcp, leased, testbed, unleased};
use orlop_test_ntp::{Clock, RIGHT, Scene as Clockwork, ntp};
use orlop_test_resolver::{Scene as Names, Server, address, resolver};
use orlop_testbed::neighbour::{Access, Deed};
use orlop_testbed::{Host, Running, binaries, eventually};

/// Something that a neighbour tries in the folder `$F`, where there are the daemon's files and one of the test's, `bait`.
struct Try {
    name: &'static str,
    script: &'static str,
    /// Whether who has the folder read-only can do it.
    read_only: bool,
    /// Whether the daemon still takes orders when it was done where the control socket is.
    spares_orders: bool,
}

const fn harmless(name: &'static str, script: &'static str) -> Try {
    Try { name, script, read_only: true, spares_orders: true }
}

const fn writes(name: &'static str, script: &'static str) -> Try {
    Try { name, script, read_only: false, spares_orders: true }
}

const fn destroys(name: &'static str, script: &'static str) -> Try {
    Try { spares_orders: false, ..writes(name, script) }
}

/// A lease on every file that lets one have it, and never given back.
const LEASE: &str = r#"perl -e '
    $SIG{IO} = "IGNORE"; my $taken = 0;
    for (@ARGV) { open(my $file, "<", $_) or next; $taken++ if fcntl($file, 1024, 0); push @kept, $file }
    exit 1 unless $taken; unless (fork) { sleep 1000 }' $(find $F -type f)"#;

const TRIES: &[Try] = &[
    harmless("read every file", "cat $(find $F -type f)"),
    harmless("hold every file open", "for f in $(find $F -type f); do sleep 1000 <$f & done; test -n \"$f\""),
    harmless("be in the folder", "cd $F && { sleep 1000 & }"),
    harmless(
        "lock every file",
        "for f in $(find $F -type f); do flock --exclusive --nonblock $f sleep 1000 & done; test -n \"$f\"",
    ),
    harmless("lock the folder", "flock --exclusive --nonblock $F sleep 1000 & sleep 0.1; kill -0 $!"),
    harmless("have a lease for reading on every file", LEASE),
    writes("write to every file", "for f in $(find $F -type f); do echo forged >>$f || exit 1; done; test -n \"$f\""),
    writes("cut every file", "for f in $(find $F -type f); do : >$f || exit 1; done; test -n \"$f\""),
    writes("forbid every file", "chmod 0 $(find $F -type f)"),
    writes(
        "pipes in the place of files",
        "for f in $(find $F -type f); do rm $f && mkfifo $f || exit 1; done; test -n \"$f\"",
    ),
    writes(
        "links in the place of files",
        "for f in $(find $F -type f); do rm $f && ln -s /run/target $f || exit 1; done; test -n \"$f\"",
    ),
    writes(
        "folders in the place of files",
        "for f in $(find $F -type f); do rm $f && mkdir -p $f/full || exit 1; done; test -n \"$f\"",
    ),
    writes("rename every file", "for f in $(find $F -type f); do mv $f $f.old || exit 1; done; test -n \"$f\""),
    writes("use up the room", ": >$F/filler && ! dd if=/dev/zero of=$F/filler bs=4k count=1000"),
    writes("use up the names", ": >$F/filler && ! touch $(seq -f $F/filler.%g 200)"),
    destroys("remove everything", "test -e $F/bait && rm -rf $F/*"),
    destroys("close the folder", "chmod 0 $F"),
    destroys("forbid to write in the folder", "chmod 0500 $F"),
];

/// A daemon of the fleet at work, so that a test can see whether it still is.
trait Subject {
    fn host(&self) -> &Host;
    /// Starts it, and waits until it has done what it is for.
    fn begin(&mut self, what: &str);
    /// It goes on, and nothing was started anew. `orders` are taken, or need not be.
    fn works(&mut self, orders: bool, what: &str);
    /// Ends it.
    fn end(&mut self, what: &str);
}

fn subject(daemon: &'static Daemon) -> Box<dyn Subject> {
    match daemon.name {
        "dhcp" => Box::new(Dhcp::new()),
        "metadata" => Box::new(Metadata(Host::new(daemon.name).unwrap(), daemon.program)),
        "ntp" => Box::new(Ntp::new()),
        "resolver" => Box::new(Resolver::new()),
        "sysctl" => Box::new(Sysctl(Host::new(daemon.name).unwrap(), daemon.program)),
        other => panic!("this suite does not know how {other} is seen to work"),
    }
}

struct Dhcp {
    scene: Scene,
    _dnsmasq: Running,
    daemon: Option<Running>,
}

impl Dhcp {
    fn new() -> Self {
        let scene = Scene::new().unwrap();
        let dnsmasq = scene.dnsmasq().unwrap();
        Self { scene, _dnsmasq: dnsmasq, daemon: None }
    }
}

impl Subject for Dhcp {
    fn host(&self) -> &Host {
        &self.scene.client
    }

    fn begin(&mut self, what: &str) {
        self.scene.client.shell("ip address flush dev eth0").unwrap();
        unleased(&self.scene.client).unwrap();
        let daemon = dhcp().start(&self.scene.client).unwrap();
        let lease = leased(&self.scene.client).unwrap_or_else(|error| panic!("{what}: {error:#}: {}", daemon.text()));
        assert_eq!(lease.address, ADDRESS, "{what}");
        self.daemon = Some(daemon);
    }

    fn works(&mut self, orders: bool, what: &str) {
        let daemon = self.daemon.as_mut().unwrap();
        if orders {
            let mut renew = dhcp().args(["renew"]).start(&self.scene.client).unwrap();
            assert_eq!(renew.wait_exit(SOON).unwrap().code(), Some(0), "{what}: {}{}", renew.text(), daemon.text());
        }
        assert_eq!(self.scene.client.addresses("eth0").unwrap()[0].address, ADDRESS, "{what}");
        assert!(daemon.poll_exit().unwrap().is_none(), "{what}: {}", daemon.text());
        assert!(!daemon.text().contains("have ended"), "{what}: {}", daemon.text());
    }

    fn end(&mut self, what: &str) {
        let mut daemon = self.daemon.take().unwrap();
        daemon.signal(Signal::SIGTERM).unwrap();
        assert_eq!(daemon.wait_exit(SOON).unwrap().code(), Some(0), "{what}: {}", daemon.text());
    }
}

struct Ntp {
    scene: Clockwork,
    _server: Vec<Running>,
    daemon: Option<Running>,
}

impl Ntp {
    fn new() -> Self {
        let scene = Clockwork::new(Clock::of_1970()).unwrap();
        let servers = scene.servers(1).unwrap();
        Self { scene, _server: servers, daemon: None }
    }

    fn is_right(&self) -> bool {
        self.scene.clock().is_ok_and(|clock| clock.error().abs() < RIGHT)
    }
}

impl Subject for Ntp {
    fn host(&self) -> &Host {
        &self.scene.host
    }

    fn begin(&mut self, what: &str) {
        Clock::of_1970().put(&self.scene.host).unwrap();
        // A daemon that was started so often would have spent what it may set a clock by.
        let kept = orlop_fleet::named("ntp").unwrap().published("state");
        self.scene.host.shell(&format!("rm -rf {kept} /var/lib/orlop/ntp/state")).unwrap();
        let daemon = ntp().args([Clockwork::SERVERS[0]]).start(&self.scene.host).unwrap();
        let right = eventually("a right clock", SOON, || Ok(self.is_right().then_some(())));
        right.unwrap_or_else(|error| panic!("{what}: {error:#}: {}", daemon.text()));
        self.daemon = Some(daemon);
    }

    fn works(&mut self, orders: bool, what: &str) {
        if orders {
            let step = self.scene.command(&["step"]).unwrap();
            assert!(step.text().contains("done"), "{what}: {}", step.text());
        }
        let daemon = self.daemon.as_mut().unwrap();
        assert!(daemon.poll_exit().unwrap().is_none(), "{what}: {}", daemon.text());
        assert!(!daemon.text().contains("have ended"), "{what}: {}", daemon.text());
        assert!(self.is_right(), "{what}");
    }

    fn end(&mut self, what: &str) {
        let mut daemon = self.daemon.take().unwrap();
        daemon.signal(Signal::SIGTERM).unwrap();
        assert_eq!(daemon.wait_exit(SOON).unwrap().code(), Some(0), "{what}: {}", daemon.text());
    }
}

struct Resolver {
    scene: Names,
    _server: Server,
    daemon: Option<Running>,
}

impl Resolver {
    fn new() -> Self {
        let scene = Names::new().unwrap();
        let server = Server::start(&scene.host, "127.0.1.1", |asked| vec![asked.address(0, [192, 0, 2, 7])]).unwrap();
        Self { scene, _server: server, daemon: None }
    }
}

impl Subject for Resolver {
    fn host(&self) -> &Host {
        &self.scene.host
    }

    fn begin(&mut self, what: &str) {
        let daemon = resolver().args(["127.0.1.1"]).start(&self.scene.host).unwrap();
        let found = eventually("an answer", SOON, || Ok(address(&self.scene.host, "www.example").ok()));
        found.unwrap_or_else(|error| panic!("{what}: {error:#}: {}", daemon.text()));
        self.daemon = Some(daemon);
    }

    fn works(&mut self, orders: bool, what: &str) {
        if orders {
            let flushed = self.scene.command(&["flush"]).unwrap();
            assert!(flushed.text().contains("done"), "{what}: {}", flushed.text());
        }
        let daemon = self.daemon.as_mut().unwrap();
        assert!(daemon.poll_exit().unwrap().is_none(), "{what}: {}", daemon.text());
        assert!(!daemon.text().contains("have ended"), "{what}: {}", daemon.text());
        assert_eq!(address(&self.scene.host, "www.example").unwrap(), "192.0.2.7", "{what}: {}", daemon.text());
    }

    fn end(&mut self, what: &str) {
        let mut daemon = self.daemon.take().unwrap();
        daemon.signal(Signal::SIGTERM).unwrap();
        assert_eq!(daemon.wait_exit(SOON).unwrap().code(), Some(0), "{what}: {}", daemon.text());
    }
}

/// It runs once: to begin is all that it does.
struct Sysctl(Host, &'static str);

impl Subject for Sysctl {
    fn host(&self) -> &Host {
        &self.0
    }

    fn begin(&mut self, what: &str) {
        self.0.shell("sysctl -q -w net.ipv4.conf.lo.log_martians=0").unwrap();
        let mut command = self.0.command(binaries::paths(&[self.1]).remove(0));
        let mut run = self.0.spawn(self.1, command.arg("net.ipv4.conf.lo.log_martians=1")).unwrap();
        assert_eq!(run.wait_exit(SOON).unwrap().code(), Some(0), "{what}: {}", run.text());
        assert_eq!(self.0.shell("sysctl -n net.ipv4.conf.lo.log_martians").unwrap().trim(), "1", "{what}");
    }

    fn works(&mut self, _: bool, what: &str) {
        self.begin(what);
    }

    fn end(&mut self, _: &str) {}
}

/// It runs once, as well. What it writes is what the user has put into a file.
struct Metadata(Host, &'static str);

impl Subject for Metadata {
    fn host(&self) -> &Host {
        &self.0
    }

    fn begin(&mut self, what: &str) {
        self.0.write("/etc/userdata", r#"{"motd": {"content": "hello"}}"#).unwrap();
        let mut command = self.0.command(binaries::paths(&[self.1]).remove(0));
        let mut run = self.0.spawn(self.1, command.arg("file=/etc/userdata")).unwrap();
        assert_eq!(run.wait_exit(SOON).unwrap().code(), Some(0), "{what}: {}", run.text());
        assert!(!run.text().contains("have ended"), "{what}: {}", run.text());
        assert_eq!(self.0.read(&format!("{PRODUCT}/motd")).unwrap(), "hello", "{what}");
    }

    fn works(&mut self, _: bool, what: &str) {
        self.begin(what);
    }

    fn end(&mut self, _: &str) {}
}

/// What is in it is what the machine is told: who may write there tells the machine, with or without a daemon.
const PRODUCT: &str = "/run/config";

/// Each folder anew, as a small file system of its own (so does our init), with the bait.
fn lay_out(host: &Host, folders: &[&str]) {
    for folder in folders {
        host.shell(&format!(
            "while umount -l {folder} 2>/dev/null; do :; done; rm -rf {folder}; mkdir -p {folder}
             mount -t tmpfs -o mode=0755,size=128k,nr_inodes=64 none {folder}; echo bait >{folder}/bait
             case {folder} in /run/orlop/control/*) chmod 0700 {folder};; /run/resolvconf) : >{folder}/resolv.conf;; esac
             echo safe >/run/target"
        ))
        .unwrap();
    }
}

/// Who has these is the daemon itself, or its operator: no other label binds them. To lock what lies there is what they are for.
fn is_own(folder: &str) -> bool {
    folder.starts_with("/run/orlop/control/") || folder == "/run/orlop/claim"
}

#[test]
fn whatever_a_neighbour_does_in_a_shared_folder_the_daemon_works_and_begins_anew() {
    let needed = ["dnsmasq", "unshare", "setpriv", "perl", "flock"];
    let programs: Vec<&str> = orlop_fleet::ALL.iter().flat_map(|daemon| daemon.programs()).collect();
    let ours = binaries::paths(&programs);
    let needed: Vec<&str> = needed.into_iter().chain(ours.iter().map(String::as_str)).collect();
    let Some(_) = testbed(&needed) else { return };
    let (mut done, mut refused) = (0, 0);
    for daemon in orlop_fleet::ALL {
        let every: Vec<&str> = daemon.binds.iter().filter(|bind| !bind.read_only).map(|bind| bind.path).collect();
        let mut subject = subject(daemon);
        for access in [Access::ReadOnly, Access::Writable] {
            let is_shared = |folder: &&str| access == Access::ReadOnly || *folder != PRODUCT;
            let folders: Vec<&str> = every.iter().copied().filter(is_shared).collect();
            for attempt in TRIES {
                let what = format!("{}, {}, {}", daemon.name, access.option(), attempt.name);
                lay_out(subject.host(), &every);
                subject.begin(&what);
                let (mut deeds, mut row) = (Vec::new(), String::new());
                for folder in folders.iter().filter(|folder| !(is_own(folder) && attempt.name.starts_with("lock "))) {
                    let script = format!("F={folder}; test -e $F/bait && {{ {}\n}}", attempt.script);
                    let may = attempt.read_only || access == Access::Writable;
                    let mut deed = Deed::attempt(subject.host(), &[folder], access, &script).unwrap();
                    // The daemon may have put a new file in the place of one that was found a moment ago.
                    for _ in 0..4 {
                        if deed.done || !may {
                            break;
                        }
                        deed = Deed::attempt(subject.host(), &[folder], access, &script).unwrap();
                    }
                    assert_eq!(deed.done, may, "{what}, {folder}: {}", deed.text());
                    // The control: who does not share the folder can do nothing there.
                    let unshared = Deed::attempt(subject.host(), &[], access, &script).unwrap();
                    assert!(!unshared.done, "{what}, {folder}, unshared: {}", unshared.text());
                    row += &format!(" {folder}");
                    (done, refused) = if may { (done + 1, refused) } else { (done, refused + 1) };
                    deeds.push(deed);
                }
                let outcome = if deeds.iter().all(|deed| deed.done) { "done" } else { "refused" };
                println!("{what:<55} {outcome:<8}{row}");
                if outcome == "done" {
                    subject.works(attempt.spares_orders, &what);
                    subject.end(&what);
                    subject.begin(&what);
                    subject.works(false, &what);
                }
                subject.end(&what);
                assert_eq!(
                    subject.host().read("/run/target").unwrap(),
                    "safe\n",
                    "{what}: nobody wrote through a link"
                );
            }
        }
    }
    println!("{} deeds: {done} done, {refused} refused; 0 stopped, steered or froze a daemon", done + refused);
    assert!(done > 100 && refused > 50, "{done} and {refused}");
}
