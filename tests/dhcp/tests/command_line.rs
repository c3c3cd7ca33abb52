//! What a person types, and what they are told.
#![allow(clippy::unwrap_used, reason = "a test says what failed by panicking")]

use std::path::Path;
use std::time::Duration;

use orlop_test_dhcp::{ADDRESS, SERVER, SOON, Scene, dhcp, lease_of, leased, testbed, unleased};
use orlop_testbed::{Capture, Kind, Phase, Running, Script, eventually};

/// Runs the daemon with these arguments to its end, as a command.
fn command(scene: &Scene, args: &[&str]) -> (Option<i32>, Running) {
    let mut running = dhcp().args(args.iter().copied()).start(&scene.client).unwrap();
    let code = running.wait_exit(SOON).unwrap().code();
    (code, running)
}

/// LinuxKit's two command lines, with the dhcpcd.conf of our image, by the name `dhcpcd`.
#[test]
fn linuxkits_command_lines_work_unchanged() {
    let Some(_) = testbed(&["dnsmasq"]) else { return };
    let scene = Scene::new().unwrap();
    let _dnsmasq = scene.dnsmasq().unwrap();
    let conf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging/images/dhcp/dhcpcd.conf");
    scene.client.write("/run/dhcpcd.conf", std::fs::read(conf).unwrap()).unwrap();
    let dhcpcd = dhcp().called("/sbin/dhcpcd").args(["--nobackground", "-f", "/run/dhcpcd.conf"]);

    let mut onboot = dhcpcd.clone().args(["-1"]).start(&scene.client).unwrap();
    assert_eq!(onboot.wait_exit(SOON).unwrap().code(), Some(0), "{}", onboot.text());
    assert_eq!(leased(&scene.client).unwrap().address, ADDRESS);
    assert_eq!(scene.client.default_routes().unwrap()[0].gateway, Some(SERVER));
    assert!(scene.client.read("/run/resolvconf/resolv.conf").unwrap().contains("nameserver 192.0.2.53"));

    let capture = Capture::start(&scene.client).unwrap();
    let mut service = dhcpcd.start(&scene.client).unwrap();
    capture.wait_for("the service taking up the lease", SOON, |seen| seen.message.kind() == Some(Kind::Ack)).unwrap();
    assert!(service.poll_exit().unwrap().is_none(), "{}", service.text());
    assert!(capture.of_kind(Kind::Discover).is_empty(), "{}", capture.time_line());
}

#[test]
fn in_linuxkits_old_layout_resolv_conf_is_written_to_etc() {
    let Some(_) = testbed(&["dnsmasq"]) else { return };
    let scene = Scene::new().unwrap();
    let _dnsmasq = scene.dnsmasq().unwrap();
    scene.client.write("/run/dhcpcd.conf", "allowinterfaces eth*\n").unwrap();
    // As the label of LinuxKit's image: binds /run/resolvconf to /etc, and has no /run/resolvconf inside.
    let binary = dhcp().binary();
    let script = format!(
        "mkdir -p /var/resolvconf; : > /var/resolvconf/resolv.conf; mount --bind /var/resolvconf /etc; rm -r /run/resolvconf
         exec -a dhcpcd {} --nobackground -f /run/dhcpcd.conf -1",
        binary.display()
    );
    let mut unshare = scene.client.command("unshare");
    let mut run = scene.client.spawn("dhcpcd", unshare.args(["--mount", "bash", "-ec", &script])).unwrap();
    assert_eq!(run.wait_exit(SOON).unwrap().code(), Some(0), "{}", run.text());
    assert!(
        scene.client.read("/var/resolvconf/resolv.conf").unwrap().contains("nameserver 192.0.2.53"),
        "{}",
        run.text()
    );
}

#[test]
fn a_wrong_configuration_is_told_as_problem_cause_and_help() {
    let Some(_) = testbed(&[]) else { return };
    for (what, config, named) in [
        ("an unknown key", "interfaces = [\"eth0\"]\nmax-laese-secs = 5\n", "max-laese-secs"),
        ("a wrong type", "log = \"info\"\ndeadline = \"soon\"\n", "line 2"),
        ("a value out of range", "deadline = 0\n", "1 to 3600"),
        ("no TOML", "interfaces = [\n", "line"),
    ] {
        for mode in [&["--oneshot"][..], &["--check"], &[]] {
            let scene = Scene::with_link_down().unwrap();
            let mut run = dhcp().config(config).args(mode.iter().copied()).start(&scene.client).unwrap();
            assert_eq!(run.wait_exit(SOON).unwrap().code(), Some(78), "{what}, {mode:?}: {}", run.text());
            let said = run.stderr();
            assert!(
                said.contains("error: ") && said.contains("caused by: ") && said.contains("help: "),
                "{what}, {mode:?}:\n{said}"
            );
            assert!(said.contains(named) && said.contains("/run/orlop-dhcp.toml"), "{what}, {mode:?}:\n{said}");
            assert!(!scene.client.link("eth0").unwrap().up, "{what}: nothing was touched");
        }
    }
}

#[test]
fn a_missing_configuration_and_a_wrong_argument_are_told_apart() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    for (args, want, named) in [
        (&["--config", "/run/none.toml"][..], Some(78), "/run/none.toml"),
        (&["--no-such-option"], Some(64), "--no-such-option"),
        (&["--deadline", "0", "--oneshot"], Some(64), "deadline"),
        (&["status"], Some(69), "help: "),
        (&["renew"], Some(69), "help: "),
    ] {
        let (code, run) = command(&scene, args);
        assert_eq!(code, want, "{args:?}: {}", run.text());
        assert!(run.stderr().contains(named), "{args:?}: {}", run.text());
    }
    for (args, named) in [(&["--help"][..], "--oneshot"), (&["--version"], "orlop-dhcp"), (&["--check"], "")] {
        let (code, run) = command(&scene, args);
        assert_eq!(code, Some(0), "{args:?}: {}", run.text());
        assert!(run.text().contains(named), "{args:?}: {}", run.text());
    }
}

#[test]
fn status_tells_a_person_and_a_program_what_is_leased() {
    let Some(_) = testbed(&["dnsmasq"]) else { return };
    let scene = Scene::new().unwrap();
    let _dnsmasq = scene.dnsmasq().unwrap();
    let _daemon = scene.service(&dhcp()).unwrap();
    let bound = || Ok(scene.status()?.to_string().contains("\"bound\"").then_some(()));
    eventually("the status saying bound", SOON, bound)
        .unwrap_or_else(|error| panic!("{error:#}\n{:#?}", scene.status()));
    let (code, run) = command(&scene, &["status"]);
    assert_eq!(code, Some(0), "{}", run.text());
    let shown = |args: &[&str]| command(&scene, args).1.stdout();
    assert!(!run.stdout().contains("sandbox") && run.stdout().lines().count() <= 24, "a screen: {}", run.stdout());
    assert!(shown(&["status", "-v"]).contains("\nsandbox\n  "), "{}", shown(&["status", "-v"]));
    assert_eq!(shown(&["status", "eth0"]).lines().count(), run.stdout().lines().count(), "the only interface");
    assert_eq!(command(&scene, &["status", "eth7"]).0, Some(69));
    for word in ["eth0", "bound", "192.0.2.77", "192.0.2.1", "192.0.2.53"] {
        assert!(run.stdout().contains(word), "{word} is not in\n{}", run.stdout());
    }
    let (code, run) = command(&scene, &["status", "--json"]);
    assert_eq!(code, Some(0));
    let json: serde_json::Value = serde_json::from_str(&run.stdout()).unwrap();
    assert!(json.to_string().contains("192.0.2.77"), "{json:#}");
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &std::fs::metadata(scene.client.path("/run/orlop/dhcp/status.json")).unwrap().permissions(),
    );
    assert_eq!(mode & 0o777, 0o644);
}

#[test]
fn the_daemon_does_what_it_is_told_while_it_runs() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    let rogue = scene.rogue(Script::serve(&lease_of(600))).unwrap();
    let daemon = scene.service(&dhcp().config("metric = 1000\n")).unwrap();
    let does = |args: &[&str]| {
        let (code, run) = command(&scene, args);
        assert_eq!(code, Some(0), "{args:?}: {}\n{}", run.text(), daemon.text());
    };

    does(&["renew"]);
    rogue.wait_for(Phase::Renewing, 1, SOON).unwrap();

    scene.client.write("/run/orlop-dhcp.toml", "metric = 2000\n").unwrap();
    does(&["reload"]);
    let ifindex = scene.client.link("eth0").unwrap().ifindex;
    let metric = || {
        let metrics: Vec<_> = scene.client.default_routes()?.iter().map(|route| route.metric).collect();
        Ok((metrics == [2000 + ifindex]).then_some(()))
    };
    eventually("the new metric", SOON, metric).unwrap_or_else(|error| panic!("{error:#}\n{}", daemon.text()));

    does(&["release", "eth0"]);
    let release = rogue.wait_for(Phase::Release, 1, SOON).unwrap().message;
    assert_eq!(release.ciaddr, ADDRESS);
    unleased(&scene.client).unwrap();

    does(&["renew", "eth0"]);
    assert_eq!(leased(&scene.client).unwrap().address, ADDRESS);
}

#[test]
fn a_wrong_reload_is_refused_and_changes_nothing() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    let _rogue = scene.rogue(Script::serve(&lease_of(600))).unwrap();
    let mut daemon = scene.service(&dhcp().config("metric = 1000\n")).unwrap();
    let monitor = orlop_testbed::Monitor::start(&scene.client).unwrap();
    scene.client.write("/run/orlop-dhcp.toml", "metrik = 2000\n").unwrap();
    let (code, run) = command(&scene, &["reload"]);
    assert_ne!(code, Some(0), "{}", run.text());
    assert!(run.text().contains("metrik"), "{}", run.text());
    assert!(daemon.poll_exit().unwrap().is_none(), "{}", daemon.text());
    assert!(monitor.deletions().unwrap().is_empty());
}

// The process has locked itself in by then: the folder that the link leads to must have been named before.
#[test]
fn a_configuration_behind_a_link_is_read_again_also_when_another_replaces_it() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    let _rogue = scene.rogue(Script::serve(&lease_of(600))).unwrap();
    scene
        .client
        .shell("mkdir /run/named /run/real; touch /run/real/a.toml; ln -s /run/real/a.toml /run/named")
        .unwrap();
    let daemon = scene.service(&dhcp().args(["--config", "/run/named/a.toml"])).unwrap();
    scene.client.shell("echo metric=2000 >/run/real/new; mv /run/real/new /run/real/a.toml").unwrap();
    let (code, run) = command(&scene, &["reload"]);
    assert_eq!(code, Some(0), "{}\n{}", run.text(), daemon.text());
    let ifindex = scene.client.link("eth0").unwrap().ifindex;
    let metric = || Ok(scene.client.default_routes()?.iter().any(|route| route.metric == 2000 + ifindex).then_some(()));
    eventually("the new metric", SOON, metric).unwrap_or_else(|error| panic!("{error:#}\n{}", daemon.text()));
}

#[test]
fn a_run_whose_outcome_cannot_be_printed_is_done_all_the_same() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    let rogue = scene.rogue(Script::serve(&lease_of(600))).unwrap();
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let run = dhcp().args(["--oneshot", "--json"]);
    let status = run.command(&scene.client).unwrap().stdout(full).status().unwrap();
    assert_eq!(status.code(), Some(0));
    assert_eq!(rogue.count(Phase::Rebooting), 0, "it was not done twice");
}

#[test]
fn the_posture_names_every_layer_of_every_process() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::with_link_down().unwrap();
    let (code, run) = command(&scene, &["--posture"]);
    assert_eq!(code, Some(0), "{}", run.text());
    for word in ["broker", "worker", "filtered=yes", "landlock", "64101"] {
        assert!(run.stdout().to_lowercase().contains(word), "{word} is not in\n{}", run.text());
    }
    assert!(!scene.client.link("eth0").unwrap().up, "nothing was touched");
}

/// The default command of the image is dhcpcd's, which does not read our configuration.
#[test]
fn a_configuration_that_is_not_read_is_warned_of() {
    let Some(_) = testbed(&["dnsmasq"]) else { return };
    let scene = Scene::new().unwrap();
    let _dnsmasq = scene.dnsmasq().unwrap();
    scene.client.write("/run/dhcpcd.conf", "allowinterfaces eth*\n").unwrap();
    scene.client.shell("mkdir -p /run/etc/orlop; echo 'deadline = 30' >/run/etc/orlop/dhcp.toml").unwrap();
    for (name, warned) in
        [("/sbin/dhcpcd --nobackground -f /run/dhcpcd.conf -1", true), ("orlop-dhcp --oneshot", false)]
    {
        let (argv0, args) = name.split_once(' ').unwrap();
        let script = format!("mount --bind /run/etc /etc; exec -a {argv0} {} {args}", dhcp().binary().display());
        let mut unshare = scene.client.command("unshare");
        let mut run = scene.client.spawn("dhcp", unshare.args(["--mount", "bash", "-ec", &script])).unwrap();
        assert_eq!(run.wait_exit(SOON).unwrap().code(), Some(0), "{name}: {}", run.text());
        let said = run.text().matches("/etc/orlop/dhcp.toml is not read").count();
        assert_eq!(said, usize::from(warned), "{name}: {}", run.text());
    }
}

/// The daemon called `dhcpcd`, with a line that is not LinuxKit's.
fn as_dhcpcd(scene: &Scene, line: &str) -> orlop_testbed::Running {
    dhcp().called("/sbin/dhcpcd").args(line.split_whitespace()).start(&scene.client).unwrap()
}

fn remains(scene: &Scene) -> bool {
    scene.client.processes().unwrap().iter().any(|(_, words)| words.contains("dhcp-worker"))
}

#[test]
fn as_dhcpcd_the_process_that_was_started_ends_when_dhcpcds_would_and_leaves_a_service() {
    let Some(_) = testbed(&[]) else { return };
    // Line, whether there is a server, the code, whether a service remains, and within how many seconds it must all have ended.
    for (line, served, code, stays, within) in [
        ("eth0", true, 0, true, 8),
        ("", true, 0, true, 8),
        ("-b eth0", false, 0, true, 2),
        ("-t 2 eth0", false, 69, false, 8),
        ("-t 2", false, 0, true, 8),
        ("-t 2 eth7", false, 69, false, 8),
    ] {
        let scene = Scene::new().unwrap();
        let script = if served { Script::serve(&lease_of(20).times(2, 15)) } else { Script::silent() };
        let rogue = scene.rogue(script).unwrap();
        let mut caller = as_dhcpcd(&scene, line);
        let ended = caller.wait_exit(Duration::from_secs(within));
        let ended = ended.unwrap_or_else(|error| panic!("dhcpcd {line}: {error:#}: {}", caller.text()));
        assert_eq!(ended.code(), Some(code), "dhcpcd {line}: {}", caller.text());
        if served {
            assert_eq!(scene.client.addresses("eth0").unwrap()[0].address, ADDRESS, "dhcpcd {line}: bound by then");
            rogue.wait_for(Phase::Renewing, 1, SOON).unwrap_or_else(|error| panic!("dhcpcd {line}: {error:#}"));
        } else if stays {
            rogue.set(Script::serve(&lease_of(600)));
            assert_eq!(leased(&scene.client).unwrap().address, ADDRESS, "dhcpcd {line}");
        }
        assert_eq!(remains(&scene), stays, "dhcpcd {line}: {:?}", scene.client.processes());
        if stays {
            let mut second = as_dhcpcd(&scene, "eth0");
            assert_eq!(second.wait_exit(SOON).unwrap().code(), Some(73), "dhcpcd {line}: {}", second.text());
        }
    }
}

#[test]
fn as_the_first_process_of_a_container_dhcpcd_says_that_nobody_renews_its_lease() {
    let Some(_) = testbed(&["unshare"]) else { return };
    for (line, served, code, leased) in
        [("eth0", true, 0, true), ("-t 2 eth0", false, 69, false), ("-b eth0", true, 0, false)]
    {
        let scene = Scene::new().unwrap();
        let script = if served { Script::serve(&lease_of(600)) } else { Script::silent() };
        let _rogue = scene.rogue(script).unwrap();
        let daemon = format!("exec -a dhcpcd {} {line}", dhcp().binary().display());
        let mut unshare = scene.client.command("unshare");
        let line = ["--pid", "--fork", "--mount-proc", "bash", "-c", &daemon];
        let mut run = scene.client.spawn("dhcpcd", unshare.args(line)).unwrap();
        assert_eq!(run.wait_exit(SOON).unwrap().code(), Some(code), "{daemon}: {}", run.text());
        assert_eq!(run.text().matches("nobody renews this lease").count(), 1, "{daemon}: {}", run.text());
        assert_eq!(!scene.client.addresses("eth0").unwrap().is_empty(), leased, "{daemon}: {}", run.text());
        assert!(!remains(&scene), "{daemon}");
    }
}

#[test]
fn a_named_interface_that_there_is_not_is_mentioned() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    let _rogue = scene.rogue(Script::serve(&lease_of(600))).unwrap();
    for (what, args, code, absent) in [
        ("beside one that there is", &["--oneshot", "eth0", "eth7"][..], 75, &["eth7"][..]),
        ("two of them", &["--oneshot", "eth7", "eth0", "wan8"], 75, &["eth7", "wan8"]),
        ("alone", &["--oneshot", "eth7"], 69, &["eth7"]),
        ("a pattern names none", &["--oneshot", "eth0", "wlan*"], 0, &[]),
    ] {
        let (got, run) = command(&scene, args);
        assert_eq!(got, Some(code), "{what}: {}", run.text());
        let said = run.text();
        let told: Vec<&str> =
            said.split("there is no ").skip(1).map(|rest| rest.split([';', '\n']).next().unwrap()).collect();
        assert_eq!(told, absent, "{what}: {said}");
    }
}

#[test]
fn renew_waits_until_a_server_has_answered() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    let rogue = scene.rogue(Script::serve(&lease_of(600))).unwrap();
    let _daemon = scene.service(&dhcp()).unwrap();
    for args in [&["renew", "--wait"][..], &["renew", "--wait", "5", "eth0"], &["renew", "eth0", "--wait=5"]] {
        let renewals = rogue.count(Phase::Renewing);
        let (code, run) = command(&scene, args);
        assert_eq!(code, Some(0), "{args:?}: {}", run.text());
        assert!(run.stdout().contains("renewed: eth0 has 192.0.2.77/24 from 192.0.2.1"), "{args:?}: {}", run.text());
        assert!(rogue.count(Phase::Renewing) > renewals, "{args:?}: the server was asked");
    }
    let (code, run) = command(&scene, &["renew", "--wait", "1", "eth9"]);
    assert_eq!(code, Some(76), "not one of its interfaces: {}", run.text());
    rogue.set(Script::silent());
    let (code, run) = command(&scene, &["renew", "--wait", "1"]);
    assert_eq!(code, Some(69), "{}", run.text());
    assert!(run.text().contains("not renewed within 1 s: eth0"), "{}", run.text());
}
