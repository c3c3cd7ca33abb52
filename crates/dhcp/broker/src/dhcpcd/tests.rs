use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use orlop_config::ConfigError;
use orlop_dhcp_contract::{MAX_LINKS, ServerRule, UnicastAddr};
use orlop_sandbox::fatal::{Exit, Fatal};
use orlop_testbed::client::LINUXKIT_DHCPCD_CONF;
use proptest::prelude::*;
use tracing::Level;

use super::command_line::{Wish, parse};
use super::conf::{MAX_WARNINGS, load, understand, unread};
use super::*;
use crate::client_id::ClientId;
use crate::config::{
    Config, ConflictDetection, LinkConfig, Loaded, Metric, Pattern, SendHostname, SetHostname, UseMtu, VendorClass,
};
use crate::settings::{Leaves, Mode, Run, Source};
use orlop_dhcp_profiles::DAEMON;

/// The configuration of the image, which has the directives of LinuxKit's own.
const SHIPPED: &str = include_str!("../../../../../packaging/images/dhcp/dhcpcd.conf");

fn line(text: &str) -> Result<Wish, Fatal> {
    parse(&DAEMON, text.split_whitespace().map(OsString::from))
}

fn run(text: &str) -> Run {
    match line(text) {
        Ok(Wish::Run(run)) => run,
        other => panic!("{text}: {other:?}"),
    }
}

/// What these options make of an empty file.
fn options(text: &str) -> Config {
    let Run { settings, .. } = run(text);
    let Source::Dhcpcd { directives, .. } = settings.source else { panic!("{text}") };
    understand("", &directives, "/etc").config
}

fn conf(text: &str) -> Config {
    let Loaded { config, warnings } = understand(text, &[], "/etc");
    assert_eq!(warnings, [""; 0], "{text}");
    config
}

#[test]
fn linuxkits_two_command_lines_work_unchanged() {
    for (what, text, mode) in [
        ("onboot", "--nobackground -f /dhcpcd.conf -1", Mode::OneShot),
        ("service", "--nobackground -f /dhcpcd.conf", Mode::Service),
        (
            "onboot with a forced host name",
            "--nobackground -f /dhcpcd.conf --oneshot --env force_hostname=YES",
            Mode::OneShot,
        ),
    ] {
        let run = run(text);
        assert_eq!(run.mode, mode, "{what}");
        assert_eq!(run.settings.path(), Path::new("/dhcpcd.conf"), "{what}");
    }
}

#[test]
fn without_an_option_against_it_the_users_process_leaves_a_service_behind() {
    for (what, text, want) in [
        ("nothing said", "eth0", Leaves::WhenBound),
        ("nothing named, either", "", Leaves::WhenBound),
        ("at once", "-b eth0", Leaves::AtOnce),
        ("LinuxKit's service", "--nobackground -f /dhcpcd.conf", Leaves::Never),
        ("LinuxKit's onboot", "--nobackground -f /dhcpcd.conf -1", Leaves::Never),
        ("once", "-1 eth0", Leaves::Never),
        ("both, as the one in the background is started", "-B -b eth0", Leaves::Never),
        ("both, the other way round", "-bB eth0", Leaves::Never),
    ] {
        assert_eq!(run(text).leaves, want, "{what}");
    }
    assert_eq!(run("--ready-fd 7 -B").ready, Some(7));
    for wrong in ["-B --ready-fd soon", "--ready-fd 7 eth0", "-b --ready-fd 7"] {
        assert_eq!(line(wrong).unwrap_err().exit, Exit::Usage, "{wrong}");
    }
}

#[test]
fn linuxkits_configuration_and_ours_mean_our_defaults() {
    // Both have `noarp`.
    let link = LinkConfig { conflict_detection: ConflictDetection::Off, ..LinkConfig::default() };
    let want = Config { resolv_conf: "/etc".into(), link, ..Config::default() };
    assert_eq!(conf(LINUXKIT_DHCPCD_CONF), want);
    assert_eq!(conf(SHIPPED), want);
}

#[test]
fn every_option_does_what_it_says() {
    let base = || options("");
    let link = |link: LinkConfig| Config { link, ..base() };
    let plain = || base().link;
    for (what, text, want) in [
        ("what is so anyway", "-4 -B -L -p --nodelay --noipv6 -w", base()),
        ("time limit", "-t 7", Config { deadline: Duration::from_secs(7), ..base() }),
        ("identifier", "-I 01:02", link(LinkConfig { client_id: ClientId::new("01:02").unwrap(), ..plain() })),
        ("forced host name", "-e force_hostname=yes", Config { set_hostname: SetHostname::Always, ..base() }),
        ("talkative", "-d", Config { log: Level::DEBUG, ..base() }),
        ("quiet", "-q", Config { log: Level::WARN, ..base() }),
        ("no ARP", "-A", link(LinkConfig { conflict_detection: ConflictDetection::Off, ..plain() })),
        ("no default route", "-G", link(LinkConfig { use_gateway: false, ..plain() })),
        ("broadcast", "-J", link(LinkConfig { broadcast: true, ..plain() })),
        ("metric", "-m 30", link(LinkConfig { metric: Metric::Base(30), ..plain() })),
        ("no resolv.conf", "-C resolv.conf", link(LinkConfig { use_dns: false, ..plain() })),
        ("no rapid commit", "-O rapid_commit", link(LinkConfig { rapid_commit: false, ..plain() })),
        ("which interfaces", "-z wl*", Config { interfaces: vec![Pattern::new("wl*").unwrap()], ..base() }),
    ] {
        assert_eq!(options(text), want, "{what}");
    }
}

#[test]
fn every_directive_does_what_it_says() {
    let link = |link: LinkConfig| Config { link, ..conf("") };
    let plain = || conf("").link;
    let class = Some(VendorClass::new("orlop 1").unwrap());
    for (what, text, want) in [
        (
            "leave alone",
            "denyinterfaces eth1",
            Config { deny_interfaces: vec![Pattern::new("eth1").unwrap()], ..conf("") },
        ),
        ("no ARP", "noarp", link(LinkConfig { conflict_detection: ConflictDetection::Off, ..plain() })),
        ("a class", "vendorclassid orlop 1", link(LinkConfig { vendor_class: class, ..plain() })),
        ("a class that is taken back", "vendorclassid orlop 1\nvendorclassid", conf("")),
        (
            "a host name that is forced",
            "env force_hostname=on",
            Config { set_hostname: SetHostname::Always, ..conf("") },
        ),
        ("a host name that is not forced", "env force_hostname=no", conf("")),
        ("a router in a list", "option routers", conf("")),
        ("no router, in a list", "nooption routers", link(LinkConfig { use_gateway: false, ..plain() })),
        ("no hook for names", "nohook 30-hostname", Config { set_hostname: SetHostname::Never, ..conf("") }),
        ("no hook for time", "nohook 50-ntp.conf", link(LinkConfig { use_ntp: false, ..plain() })),
        ("the router that was not wanted", "nogateway\ngateway", conf("")),
    ] {
        assert_eq!(conf(text), want, "{what}");
    }
    let config = conf("nogateway\ninterface eth1\ngateway");
    assert_eq!((config.link("eth0").use_gateway, config.link("eth1").use_gateway), (false, true), "the router of one");
}

#[test]
fn what_asks_for_more_than_there_is_is_named() {
    for (text, warnings) in [
        ("require dhcp_server_identifier", 0),
        ("require host_name", 1),
        ("option domain_name", 0),
        ("nooption domain_name", 1),
        ("waitip", 0),
        ("waitip 4", 0),
        ("waitip 6", 1),
    ] {
        assert_eq!(understand(text, &[], "/etc").warnings.len(), warnings, "{text}");
    }
}

#[test]
fn an_interface_has_one_block_and_there_are_as_many_as_interfaces() {
    let blocks = |count: usize| (0..count).map(|n| format!("interface e{n}\nnogateway\n")).collect::<String>();
    let again = understand(&format!("{}interface e0\nbroadcast", blocks(MAX_LINKS)), &[], "/etc");
    assert_eq!(again.warnings, [""; 0]);
    let first = again.config.link("e0");
    assert_eq!((first.use_gateway, first.broadcast), (false, true), "said in two places");
    assert_eq!(understand(&blocks(MAX_LINKS + 1), &[], "/etc").warnings.len(), 1);
}

#[test]
fn named_interfaces_are_the_only_ones() {
    let run = run("-1 eth1 eth2");
    assert_eq!(run.settings.overrides.interfaces, ["eth1", "eth2"].map(|name| Pattern::new(name).unwrap()));
}

#[test]
fn a_wrong_option_ends_with_the_usage_code() {
    for (what, text, problem) in [
        ("unknown", "--frobnicate", "the option --frobnicate of dhcpcd is not known to orlop-dhcp"),
        ("IPv6 only, which we cannot do", "-6", "the option -6 of dhcpcd is not known to orlop-dhcp"),
        ("no value", "-t", "the option -t needs a value"),
        ("no number", "-t soon", "option --timeout: its value cannot be: invalid digit found in string"),
        ("no interface", "-1 eth/0", "no interface name has the character '/'"),
    ] {
        let fatal = line(text).unwrap_err();
        assert_eq!((fatal.exit, fatal.problem.as_str()), (Exit::Usage, problem), "{what}");
        assert!(fatal.help.is_some(), "{what}");
    }
}

#[test]
fn an_option_that_is_nearly_one_is_told_which_was_meant() {
    for (text, meant) in [
        ("--nobackgroud", Some("--nobackground")),
        ("--time-out 3", Some("--timeout")),
        ("--onehsot", Some("--oneshot")),
        ("--hostnme=x", Some("--hostname")),
        ("--frobnicate", None),
        ("-6", None),
    ] {
        let help = line(text).unwrap_err().help.unwrap();
        let said = help.strip_prefix("did you mean ").map(|rest| rest.split('?').next().unwrap());
        assert_eq!(said, meant, "{text}: {help}");
    }
}

#[test]
fn help_and_version_are_printed() {
    let Ok(Wish::Print(help)) = line("--help") else { panic!("no help") };
    for option in ["  -B, --nobackground\n", "  -I, --clientid VALUE\n", "      --noipv6\n"] {
        assert!(help.contains(option), "{option}: {help}");
    }
    assert!(matches!(line("--version"), Ok(Wish::Print(version)) if version.starts_with("dhcpcd ")));
}

#[test]
fn what_has_no_effect_is_named_once_with_its_line() {
    for (what, text, want) in [
        ("unknown", "\n# comment\nfrobnicate 7\n", "line 3: frobnicate is ignored: it has no effect on orlop-dhcp"),
        (
            "a host name that is none",
            "hostname my_host",
            "line 1: hostname is ignored: its value cannot be: an address, a number, or a name with an underscore is not the name of a host",
        ),
        (
            "no interface",
            "allowinterfaces",
            "line 1: allowinterfaces is ignored: its value cannot be: no interface at all",
        ),
        (
            "static address",
            "static ip_address=10.0.0.2/24",
            "line 1: static is ignored: static addresses are not supported, DHCP is used",
        ),
        (
            "two unknown options",
            "option root_path, log_servers",
            "line 1: option is ignored: an option in the list has no effect on orlop-dhcp",
        ),
        (
            "endless wait",
            "timeout 0",
            "line 1: timeout is ignored: a one-shot run always ends; give the seconds it may take",
        ),
        (
            "impossible value",
            "metric high",
            "line 1: metric is ignored: its value cannot be: invalid digit found in string",
        ),
        (
            "identifier of a machine",
            "duid",
            "line 1: duid is ignored: the client identifier is that of `clientid`, or the hardware address",
        ),
        (
            "block of another network",
            "ssid home\nmetric 1\nfrob",
            "line 1: ssid is ignored: this block and what stands in it have no effect",
        ),
        (
            "block of a pattern of interfaces",
            "interface a b\nmetric 1",
            "line 1: interface is ignored: its value cannot be: not the name of one interface",
        ),
    ] {
        let Loaded { config, warnings } = understand(text, &[], "/etc");
        assert_eq!(warnings, [want], "{what}");
        assert_eq!(config, conf(""), "{what}");
    }
}

#[test]
fn a_block_is_about_its_interface() {
    let config = conf(
        "hostname\nmetric 300\ninterface eth1\nmetric 50\nhostname node7\nnogateway\n\
         interface eth2\nnodhcp\ninterface eth1\nbroadcast\n",
    );
    let common = LinkConfig { hostname: SendHostname::Current, metric: Metric::Base(300), ..LinkConfig::default() };
    assert_eq!(config.link("eth0"), &common);
    let name = SendHostname::Name(orlop_dhcp_contract::DomainName::new("node7").unwrap());
    let want = LinkConfig { hostname: name, metric: Metric::Exact(50), use_gateway: false, broadcast: true, ..common };
    assert_eq!(config.link("eth1"), &want);
    assert_eq!(config.deny_interfaces, [Pattern::new("eth2").unwrap()]);
    assert_eq!(config.interfaces, ["eth*", "en*", "eth1", "eth2"].map(|p| Pattern::new(p).unwrap()));
}

#[test]
fn servers_that_a_list_refuses_are_refused() {
    let server = |last| UnicastAddr::new([192, 0, 2, last].into()).unwrap();
    let full = format!("blacklist {}\ninterface eth1\nblacklist 192.0.2.2", vec!["10.0.0.1"; 16].join(" "));
    let rows: [(&str, &str, [bool; 3], [bool; 3]); 9] = [
        ("no list", "", [true; 3], [true; 3]),
        ("one", "blacklist 192.0.2.66", [true, true, false], [true, true, false]),
        (
            "several, in two lines",
            "blacklist 192.0.2.66 10.0.0.0/8\nblacklist 192.0.2.2",
            [true, false, false],
            [true, false, false],
        ),
        ("a network", "blacklist 192.0.2.0/24", [false; 3], [false; 3]),
        ("only one", "whitelist 192.0.2.1", [true, false, false], [true, false, false]),
        (
            "a blacklist beside it is ignored",
            "blacklist 192.0.2.1\nwhitelist 192.0.2.1",
            [true, false, false],
            [true, false, false],
        ),
        (
            "a block adds",
            "blacklist 192.0.2.66\ninterface eth1\nblacklist 192.0.2.2",
            [true, true, false],
            [true, false, false],
        ),
        ("a block adds to as many as there may be", &full, [true; 3], [true, false, true]),
        (
            "a blacklist in a block beside a whitelist for all",
            "whitelist 192.0.2.1\ninterface eth1\nblacklist 192.0.2.1",
            [true, false, false],
            [true, false, false],
        ),
    ];
    for (what, text, all, block) in rows {
        let config = conf(text);
        for (link, want) in [("eth0", all), ("eth1", block)] {
            let takes = [1, 2, 66].map(|last| config.link(link).servers.takes(server(last)));
            assert_eq!(takes, want, "{what}: {link}");
        }
    }
    let many = vec!["10.0.0.1"; 17].join(" ");
    for (what, text, says) in [
        ("a name", "blacklist rogue.example", "neither an IPv4 address nor a network"),
        ("one of two is none", "whitelist 192.0.2.1 x", "neither an IPv4 address nor a network"),
        ("too many", &*format!("blacklist {many}"), "too many servers"),
    ] {
        let Loaded { config, warnings } = understand(text, &[], "/etc");
        assert!(warnings.len() == 1 && warnings[0].contains(says), "{what}: {warnings:?}");
        assert_eq!(config.link("eth0").servers, ServerRule::default(), "{what}");
    }
}

#[test]
fn an_option_counts_more_than_a_block() {
    let directives = [Directive { line: None, word: "metric".into(), value: "7".into() }];
    let config = understand("metric 1\ninterface eth1\nmetric 2", &directives, "/etc").config;
    assert_eq!((config.link("eth0").metric, config.link("eth1").metric), (Metric::Base(7), Metric::Exact(7)));
}

#[test]
fn only_what_a_list_names_is_taken() {
    let took = |text: &str, name: &str| {
        let config = conf(text);
        let link = config.link(name);
        (link.use_dns, link.use_ntp, link.use_mtu == UseMtu::Route, config.set_hostname == SetHostname::IfDefault)
    };
    for (what, text, want) in [
        ("no list: everything", "", (true, true, true, true)),
        ("only what is always taken", "option rapid_commit, subnet_mask", (true, true, true, true)),
        ("name servers", "option domain_name_servers", (true, false, false, false)),
        ("two lists", "option domain_name_servers\noption host_name", (true, false, false, true)),
        ("all but name servers", "nooption domain_name_servers", (false, true, true, true)),
        ("all but the MTU", "nooption interface_mtu", (true, true, false, true)),
        ("all but one", "nooption ntp_servers", (true, false, true, true)),
        ("a hook counts more", "nohook mtu\noption interface_mtu, host_name", (false, false, false, true)),
    ] {
        assert_eq!(took(text, "eth0"), want, "{what}");
    }
    let block = "option domain_name_servers, host_name\ninterface eth1\noption interface_mtu";
    assert_eq!(took(block, "eth1"), (true, false, true, true), "a block adds to the list");
    assert_eq!(took(block, "eth0"), (true, false, false, true), "and not for others");
    let block = "option ntp_servers\ninterface eth1\noption domain_name_servers";
    assert_eq!(took(block, "eth1"), (true, true, false, false), "a block has the list of all");
    let block = "interface eth1\noption host_name";
    assert_eq!(took(block, "eth1"), (false, false, false, true), "a list of a host name is one");
}

#[test]
fn a_file_of_nonsense_gives_few_warnings_and_the_defaults() {
    let text = "frob\n".repeat(10_000);
    let Loaded { config, warnings } = understand(&text, &[], "/etc");
    assert_eq!(config, conf(""));
    assert_eq!(warnings.len(), MAX_WARNINGS + 1);
    assert_eq!(warnings.last().unwrap(), "9968 more lines have no effect");
}

#[test]
fn a_named_file_that_is_missing_is_an_error() {
    let error = load(Some(Path::new("/nonexistent/dhcpcd.conf")), &[]).unwrap_err();
    assert!(matches!(error, ConfigError::Open { .. }), "{error}");
}

proptest! {
    #[test]
    fn any_file_gives_a_configuration(
        lines in prop::collection::vec((
            prop::sample::select(vec!["interface", "option", "nooption", "env", "hostname", "clientid", "timeout", "metric", "allowinterfaces", "whitelist", "blacklist", "nodhcp", "profile", "frob", "#"]),
            "\\PC{0,12}",
        ), 0..40),
    ) {
        let text: String = lines.iter().map(|(word, value)| format!("{word} {value}\n")).collect();
        let Loaded { config, warnings } = understand(&text, &[], "/etc");
        prop_assert!(warnings.len() <= MAX_WARNINGS + 1);
        prop_assert!(config.links.len() <= orlop_dhcp_contract::MAX_LINKS);
    }
}

#[test]
fn a_configuration_of_ours_that_is_not_read_is_warned_of_unless_it_is_the_images() {
    let folder = orlop_testbed::Folder::new("unread-toml");
    let at = |name: &str| folder.0.join(name);
    for (what, text, warned) in [
        ("none", None, false),
        ("the image's", Some(crate::config::EXAMPLE), false),
        ("an operator's", Some("deadline = 30\n"), true),
        ("one with a mistake", Some("deadlin = 30\n"), true),
        ("the image's, changed", Some(&*format!("{}deadline = 30\n", crate::config::EXAMPLE)), true),
    ] {
        if let Some(text) = text {
            std::fs::write(at("dhcp.toml"), text).unwrap();
        }
        let warning = unread(&at("dhcp.toml"));
        assert_eq!(warning.is_some(), warned, "{what}: {warning:?}");
        assert!(warning.is_none_or(|text| text.contains("dhcp.toml is not read") && text.contains("/sbin/orlop-dhcp")));
    }
}
