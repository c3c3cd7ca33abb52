//! What another container can do that shares a folder with the daemon: it is uid 0 without capabilities. What holds for every daemon
//! and every folder is tested in `tests/sandbox/tests/neighbour.rs`; here is what only this daemon does.
#![allow(clippy::unwrap_used, reason = "a test says what failed by panicking")]

use orlop_test_dhcp::{ADDRESS, SERVER, SOON, Scene, dhcp, leased, testbed};
use orlop_testbed::eventually;
use orlop_testbed::neighbour::{self, Access};

/// The folders that other containers bind.
const SHARED: [&str; 4] = ["/run/orlop/dhcp", "/run/orlop/netfacts", "/run/orlop/metrics", "/run/resolvconf"];

#[test]
fn who_shares_what_the_daemon_publishes_cannot_give_it_orders() {
    let Some(_) = testbed(&["dnsmasq", "unshare", "setpriv"]) else { return };
    let scene = Scene::new().unwrap();
    let _dnsmasq = scene.dnsmasq().unwrap();
    let _daemon = scene.service(&dhcp()).unwrap();
    let program = dhcp().binary();
    for folder in SHARED {
        for access in [Access::ReadOnly, Access::Writable] {
            let order = format!("{} release eth0", program.display());
            let (code, run) = neighbour::run(&scene.client, &[folder], access, &order).unwrap();
            assert_eq!(code, Some(69), "{folder}, {access:?}: {}", run.text());
        }
        let sockets = scene.client.shell(&format!("find {folder} -type s")).unwrap();
        assert_eq!(sockets, "", "nothing to connect to in {folder}");
    }
    assert_eq!(scene.client.addresses("eth0").unwrap()[0].address, ADDRESS);
    let mode = scene.client.shell("stat -c %a /run/orlop/control/dhcp /run/orlop/control/dhcp/control").unwrap();
    assert_eq!(mode.split_whitespace().collect::<Vec<_>>(), ["700", "600"]);
    // The control: who has the folder of the socket may give orders.
    let order = format!("{} renew eth0", program.display());
    let (code, run) = neighbour::run(&scene.client, &["/run/orlop/control/dhcp"], Access::ReadOnly, &order).unwrap();
    assert_eq!(code, Some(0), "{}", run.text());
}

/// What somebody can do to a folder that he shares, or how it can be missing: `$F` stands for it.
const FAULTS: [(&str, &str); 6] = [
    ("read and search only", "chmod 0500 $F"),
    ("closed", "chmod 0 $F"),
    ("read-only", "mount --bind $F $F; mount -o remount,bind,ro $F"),
    ("full", "mount -t tmpfs -o size=4k,nr_inodes=3 none $F; : >$F/b; head -c 4096 /dev/zero >$F/a"),
    ("a file", "rm -r $F; : >$F"),
    ("a link that leads nowhere", "rm -r $F; ln -s /nowhere $F"),
];

/// What a run leaves in each folder.
const LEFT: [(&str, &str); 5] = [
    ("/run/orlop/dhcp", "status.json"),
    ("/run/orlop/dhcp", "lease.eth0"),
    ("/run/orlop/netfacts", "dhcp.eth0"),
    ("/run/orlop/metrics", "dhcp.prom"),
    ("/run/resolvconf", "resolv.conf"),
];

#[test]
fn a_folder_that_cannot_be_written_costs_what_it_carries_and_nothing_else() {
    let Some(_) = testbed(&["dnsmasq"]) else { return };
    let scene = Scene::new().unwrap();
    let _dnsmasq = scene.dnsmasq().unwrap();
    for folder in SHARED {
        for (what, fault) in FAULTS {
            let of_folder = format!("F={folder}; {fault}");
            scene.client.shell(&of_folder).unwrap();
            let run = scene.oneshot(&dhcp().args(["--deadline", "5"])).unwrap();
            let said = run.text();
            let address = scene.client.addresses("eth0").unwrap().first().map(|address| address.address);
            assert_eq!(address, Some(ADDRESS), "{folder} is {what}: {said}");
            assert_eq!(scene.client.default_routes().unwrap()[0].gateway, Some(SERVER), "{folder} is {what}: {said}");
            assert!(said.contains("done in "), "{folder} is {what}: {said}");
            let warnings: Vec<&str> = said.lines().filter(|line| line.contains("all else goes on")).collect();
            // In a folder in which nothing can be made, an old file can still be written in place.
            let harmless = folder == "/run/resolvconf" && matches!(what, "read and search only" | "closed");
            if !(harmless && warnings.is_empty()) {
                assert!(warnings.len() == 1 && warnings[0].contains(folder), "{folder} is {what}: {said}");
                assert!(warnings[0].contains("runtime: {mkdir: ["), "{folder} is {what}: {said}");
            }
            for (other, file) in LEFT.iter().filter(|(other, _)| *other != folder) {
                let length = scene.client.read(&format!("{other}/{file}")).unwrap_or_default().len();
                assert!(length > 0, "{folder} is {what}, and {other}/{file} is missing: {said}");
            }
            scene
                .client
                .shell(&format!(
                    "umount {folder} 2>/dev/null || true; rm -rf {folder}; mkdir -p {folder}; rm -f /run/orlop/*/*.eth0
                     : >/run/resolvconf/resolv.conf; rm -f /run/orlop/dhcp/status.json /run/orlop/metrics/dhcp.prom
                     ip address flush dev eth0"
                ))
                .unwrap();
        }
    }
}

#[test]
fn a_service_starts_without_its_control_folder_and_says_that_nobody_can_give_orders() {
    let Some(_) = testbed(&["dnsmasq"]) else { return };
    for (what, fault) in FAULTS.iter().filter(|(what, _)| *what != "closed" && *what != "read and search only") {
        let scene = Scene::new().unwrap();
        let _dnsmasq = scene.dnsmasq().unwrap();
        scene.client.shell(&format!("F=/run/orlop/control/dhcp; {fault}")).unwrap();
        let daemon = scene.service(&dhcp()).unwrap();
        assert_eq!(leased(&scene.client).unwrap().address, ADDRESS);
        let said = daemon.text();
        assert_eq!(said.matches("no orders are taken; all else goes on").count(), 1, "{what}: {said}");
        assert!(!said.contains("have ended"), "nothing was started anew: {what}: {said}");
    }
}

#[test]
fn what_could_not_be_written_is_there_when_it_can_be() {
    let Some(_) = testbed(&["dnsmasq"]) else { return };
    let scene = Scene::new().unwrap();
    let _dnsmasq = scene.dnsmasq().unwrap();
    scene.client.shell("chmod 0 /run/orlop/dhcp /run/orlop/netfacts /run/orlop/metrics /run/resolvconf").unwrap();
    let daemon = scene.service(&dhcp()).unwrap();
    for (folder, file) in LEFT.iter().filter(|(folder, _)| *folder != "/run/resolvconf") {
        assert!(!scene.client.path(format!("{folder}/{file}")).exists(), "{folder}/{file}: {}", daemon.text());
    }
    scene.client.shell("chmod 0755 /run/orlop/dhcp /run/orlop/netfacts /run/orlop/metrics /run/resolvconf").unwrap();
    for (folder, file) in LEFT {
        let path = format!("{folder}/{file}");
        let there = || Ok((!scene.client.read(&path).unwrap_or_default().is_empty()).then_some(()));
        eventually(&format!("{path} written"), SOON, there)
            .unwrap_or_else(|error| panic!("{error:#}: {}", daemon.text()));
    }
    assert!(daemon.text().contains("can be written again"), "{}", daemon.text());
}

/// Who fills a file system that is shared after the daemon has begun does not empty resolv.conf.
#[test]
fn a_file_system_that_is_full_later_does_not_cost_the_name_servers() {
    let Some(_) = testbed(&["dnsmasq"]) else { return };
    let scene = Scene::with_link_down().unwrap();
    let _dnsmasq = scene.dnsmasq().unwrap();
    scene.client.shell("mount -t tmpfs -o size=64k none /run/resolvconf; : >/run/resolvconf/resolv.conf").unwrap();
    // No carrier yet: the server's end is set down.
    scene.server.shell("ip link set eth0 down").unwrap();
    let daemon = dhcp().start(&scene.client).unwrap();
    eventually("the interface looked after", SOON, || Ok(daemon.text().contains("looking after").then_some(())))
        .unwrap();
    scene.client.shell("head -c 100000 /dev/zero >/run/resolvconf/filler || true").unwrap();
    scene.server.shell("ip link set eth0 up").unwrap();
    leased(&scene.client).unwrap();
    let named =
        || Ok(scene.client.read("/run/resolvconf/resolv.conf")?.contains("nameserver 192.0.2.53").then_some(()));
    eventually("name servers", SOON, named).unwrap_or_else(|error| panic!("{error:#}: {}", daemon.text()));
}

/// Who fills the folder of the leases, closes it or holds its files after the daemon has begun does not keep a lease from the next process.
#[test]
fn a_folder_that_is_full_or_held_later_does_not_cost_the_lease() {
    let Some(_) = testbed(&["dnsmasq", "perl"]) else { return };
    // Fcntl: F_SETLEASE is 1024, F_RDLCK is 0.
    let hold = "perl -e \"open my $f, q(<), q(/run/orlop/dhcp/lease.eth0) or die; \
                fcntl $f, 1024, 0; sleep 1000\" </dev/null >/dev/null 2>&1 &";
    for (what, fault) in [
        ("no room", "head -c 200000 /dev/zero >/run/orlop/dhcp/filler || true"),
        ("no inodes", "for n in $(seq 20); do touch /run/orlop/dhcp/$n 2>/dev/null || true; done"),
        ("neither", "for n in $(seq 20); do head -c 9000 /dev/zero >/run/orlop/dhcp/$n || true; done 2>/dev/null"),
        ("read and search only", "chmod 0500 /run/orlop/dhcp"),
        ("a reader's lease on the file", hold),
    ] {
        let scene = Scene::new().unwrap();
        scene.client.shell("mount -t tmpfs -o size=64k,nr_inodes=12 none /run/orlop/dhcp").unwrap();
        let mut daemon = dhcp().start(&scene.client).unwrap();
        daemon.wait_for("soliciting", SOON).unwrap();
        scene.client.shell(fault).unwrap();
        let _dnsmasq = scene.dnsmasq().unwrap();
        leased(&scene.client).unwrap();
        let kept = || Ok(scene.client.read("/run/orlop/dhcp/lease.eth0")?.contains("192.0.2.77/24").then_some(()));
        eventually("the lease", SOON, kept).unwrap_or_else(|error| panic!("{what}: {error:#}: {}", daemon.text()));
        daemon.signal(nix::sys::signal::Signal::SIGTERM).unwrap();
        daemon.wait_exit(SOON).unwrap();
        let next = dhcp().start(&scene.client).unwrap();
        next.wait_for("asking for the address of before", SOON)
            .unwrap_or_else(|error| panic!("{what}: {error:#}: {}", next.text()));
    }
}

/// What can lie in the place of a configuration: the name for the test, and how it comes there.
const NO_FILES: [(&str, &str); 4] = [
    ("a pipe that nobody writes to", "mkfifo $C"),
    ("a folder", "mkdir $C"),
    ("a link to a device", "ln -s /dev/zero $C"),
    ("a link to a pipe", "mkfifo /run/pipe; ln -s /run/pipe $C"),
];

#[test]
fn a_configuration_that_is_no_file_is_an_error_and_never_waited_for() {
    let Some(_) = testbed(&["dnsmasq"]) else { return };
    for (what, make) in NO_FILES {
        let scene = Scene::new().unwrap();
        let _dnsmasq = scene.dnsmasq().unwrap();
        // Of a running daemon: the reload is refused, and everything goes on.
        let mut daemon = scene.service(&dhcp().config("")).unwrap();
        scene.client.shell(&format!("C=/run/orlop-dhcp.toml; rm $C; {make}")).unwrap();
        let mut reload = dhcp().args(["reload"]).start(&scene.client).unwrap();
        assert_eq!(reload.wait_exit(SOON).unwrap().code(), Some(76), "{what}: {}", reload.text());
        // What a link leads to is not the broker's to open any more.
        let why = if what.ends_with("device") { "Permission denied" } else { "not a regular file" };
        assert!(reload.text().contains(why), "{what}: {}", reload.text());
        let mut renew = dhcp().args(["renew"]).start(&scene.client).unwrap();
        assert_eq!(renew.wait_exit(SOON).unwrap().code(), Some(0), "{what}: {}", renew.text());
        assert!(daemon.poll_exit().unwrap().is_none(), "{what}: {}", daemon.text());
        // At the start.
        for mode in ["--oneshot", "--check"] {
            let mut run = dhcp().args([mode, "--config", "/run/orlop-dhcp.toml"]).start(&scene.client).unwrap();
            assert_eq!(run.wait_exit(SOON).unwrap().code(), Some(78), "{what}, {mode}: {}", run.text());
            assert!(run.text().contains("not a regular file"), "{what}, {mode}: {}", run.text());
        }
    }
}
