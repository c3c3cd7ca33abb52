use orlop_dhcp_contract::{DomainName, UnicastAddr};
use orlop_sandbox::fatal::Exit;
use proptest::prelude::*;

use super::*;

fn parse(text: &str) -> Result<Config, ConfigError> {
    Config::parse(text, Path::new("dhcp.toml"))
}

/// The file of a configuration that says this and nothing else.
fn told(text: &str) -> String {
    parse(text).unwrap_err().fatal("orlop-dhcp").to_string()
}

#[test]
fn the_shipped_example_states_the_defaults() {
    assert_eq!(parse(EXAMPLE).unwrap(), Config::default());
    assert_eq!(parse("").unwrap(), Config::default());
}

#[test]
fn the_shipped_example_shows_every_key() {
    // What is commented out in the example is valid, too.
    let shown: String = EXAMPLE.lines().map(uncommented).collect::<Vec<_>>().join("\n");
    let config = parse(&shown).unwrap();
    assert_eq!(config.link.vendor_class, Some(VendorClass::new("rack 7").unwrap()));
    assert_eq!(config.link("eth1").metric, Metric::Exact(50));

    // serde names all keys it knows when it meets one that it does not.
    let unknown = told("no-such-key = 1");
    let keys: Vec<&str> = unknown.split('`').skip(3).step_by(2).filter(|key| !key.contains(' ')).collect();
    assert!(keys.len() > 15, "{unknown}");
    for key in keys {
        let written = |line: &str| line.starts_with(&format!("{key} =")) || line.starts_with(&format!("[{key}."));
        assert!(shown.lines().any(written), "{key} is not in the example");
    }
}

#[test]
fn the_page_shows_only_configurations_that_load() {
    let page = include_str!("../../../README.md");
    let blocks: Vec<&str> = page.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(!blocks.is_empty(), "the page shows no configuration");
    for block in blocks {
        parse(block).unwrap_or_else(|error| panic!("{}\n{block}", error.fatal("orlop-dhcp")));
    }
}

/// An example line without its comment sign, when it is a commented key or table.
fn uncommented(line: &str) -> &str {
    let Some(rest) = line.strip_prefix("# ") else { return line };
    let is_key =
        rest.split_once(" = ").is_some_and(|(key, _)| key.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'));
    if is_key || rest.starts_with('[') { rest } else { line }
}

#[test]
fn what_cannot_be_is_refused_with_its_line() {
    for (what, text, line, says) in [
        ("misspelt key", "log = \"info\"\nmax-laese-secs = 5", 2, "unknown field `max-laese-secs`"),
        ("misspelt key of an interface", "[interface.eth0]\nmertic = 5", 2, "unknown field `mertic`"),
        ("global key of an interface", "[interface.eth0]\ndeadline = 5", 2, "unknown field `deadline`"),
        ("deadline of nothing", "deadline = 0", 1, "1 to 3600 seconds"),
        ("negative time", "\ncarrier-wait = -1", 2, "0 to 3600 seconds"),
        ("negative metric", "metric = -1", 1, "expected u32"),
        ("text for a number", "deadline = \"10\"", 1, "expected i64"),
        ("unknown choice", "use-mtu = \"interface\"", 1, "unknown variant `interface`"),
        ("unknown detection", "conflict-detection = \"on\"", 1, "unknown variant `on`, expected one of `background`"),
        ("unknown level", "log = \"loud\"", 1, "error, warn, info, debug or trace"),
        ("no host name", "hostname = \"a b\"", 1, "character that no host name has"),
        ("number as host name", "hostname = 7", 1, "true, false or a host name"),
        ("open set in a pattern", "interfaces = [\"eth[0\"]", 1, "`[` without its `]`"),
        ("number as identifier", "client-id = 7", 1, "bytes like"),
        ("empty identifier", "client-id = \"\"", 1, "empty client identifier"),
        ("relative folder", "resolv-conf = \"run\"", 1, "begins with /"),
        ("a pattern of interfaces", "[interface.\"eth*\"]", 1, "by its exact name, and eth* is a pattern"),
        ("a set of interfaces", "metric = 5\n[interface.\"eth[01]\"]", 2, "eth[01] is a pattern"),
        ("no interface", "interfaces = []", 1, "no interface at all"),
        ("almost bytes", "client-id = \"01:zz:00\"", 1, "pairs of hexadecimal digits"),
        ("an address as host name", "hostname = \"192.0.2.7\"", 1, "not the name of a host"),
        ("an underscore in the host name", "hostname = \"my_host\"", 1, "not the name of a host"),
        ("a server that is none", "deny-servers = [\"rogue\"]", 1, "neither an IPv4 address nor a network"),
        ("a network of 33 bits", "allow-servers = [\"10.0.0.0/33\"]", 1, "neither an IPv4 address nor a network"),
        ("impossible interface", "[interface.\"a/b\"]", 1, "not the name of an interface"),
        ("long interface", "[interface.abcdefghijklmnop]", 1, "at most 15 bytes"),
        ("control character in the class", "vendor-class = \"a\\u0007\"", 1, "printable ASCII"),
        ("not TOML", "deadline 10", 1, "expected"),
        ("key given twice", "metric = 1\nmetric = 2", 2, "duplicate key"),
    ] {
        let told = told(text);
        assert!(told.starts_with("error: dhcp.toml is not a valid configuration\n"), "{what}: {told}");
        assert!(told.contains(&format!("caused by: line {line}: ")), "{what}: {told}");
        assert!(told.contains(says), "{what}: {told}");
        assert!(told.contains("help: edit it, then try: orlop-dhcp --check"), "{what}: {told}");
    }
}

#[test]
fn conflicts_are_detected_as_the_file_says_or_the_table_of_an_interface() {
    let config = parse("conflict-detection = \"off\"\n[interface.eth1]\nconflict-detection = \"blocking\"\n").unwrap();
    let of = |name| config.link(name).conflict_detection;
    assert_eq!([of("eth0"), of("eth1")], [ConflictDetection::Off, ConflictDetection::Blocking]);
}

#[test]
fn lists_and_tables_are_bounded() {
    let patterns = vec!["\"eth0\""; MAX_PATTERNS + 1].join(",");
    assert!(told(&format!("interfaces = [{patterns}]")).contains("invalid length"));
    let tables = |count: usize| (0..count).map(|n| format!("[interface.e{n}]\n")).collect::<String>();
    assert_eq!(parse(&tables(128)).unwrap().links.len(), 128);
    assert!(told(&tables(129)).contains("at most 128 interface tables"));
}

#[test]
fn an_interface_has_the_servers_of_its_table_or_else_those_of_all() {
    let config = parse(
        "allow-servers = [\"192.0.2.1\", \"10.0.0.0/8\"]\ndeny-servers = [\"10.6.6.6\"]\n\
         [interface.eth1]\nallow-servers = []\n[interface.eth2]\ndeny-servers = [\"198.51.100.1\"]\n",
    )
    .unwrap();
    let server = |a, b, c, d| UnicastAddr::new([a, b, c, d].into()).unwrap();
    for (link, server, want) in [
        ("eth0", server(192, 0, 2, 1), true),
        ("eth0", server(192, 0, 2, 2), false),
        ("eth0", server(10, 6, 6, 6), false),
        ("eth1", server(192, 0, 2, 2), true),
        ("eth1", server(10, 6, 6, 6), false),
        ("eth2", server(10, 6, 6, 6), true),
        ("eth2", server(198, 51, 100, 1), false),
    ] {
        assert_eq!(config.link(link).servers.takes(server), want, "{link}: {server}");
        assert_eq!(config.link(link).conduct(HardwareAddr([2; 6])).servers, config.link(link).servers);
    }
    let many = vec!["\"10.0.0.1\""; ServerRule::MAX_NETS + 1].join(",");
    assert!(told(&format!("deny-servers = [{many}]")).contains("invalid length"));
}

#[test]
fn an_interface_table_changes_only_what_it_names() {
    let config = parse(
        "metric = 300\nclient-id = \"node\"\nhostname = false\n\
         [interface.eth1]\nmetric = 50\nhostname = \"second.example\"\nuse-dns = false\n",
    )
    .unwrap();
    let (first, second) = (config.link("eth0"), config.link("eth1"));
    assert_eq!(first, &config.link);
    assert_eq!((first.metric, second.metric), (Metric::Base(300), Metric::Exact(50)));
    assert_eq!(second.hostname, SendHostname::Name(DomainName::new("second.example").unwrap()));
    let as_first =
        LinkConfig { metric: first.metric, hostname: first.hostname.clone(), use_dns: true, ..second.clone() };
    assert_eq!(&as_first, first);
}

#[test]
fn metrics_of_two_links_differ_unless_they_are_written_down() {
    let link = |n| IfIndex::new(n).unwrap();
    for (what, metric, on, want) in [
        ("base", Metric::Base(1000), 2, 1002),
        ("base, next link", Metric::Base(1000), 3, 1003),
        ("exact", Metric::Exact(50), 3, 50),
        ("at its end", Metric::Base(u32::MAX), 3, u32::MAX),
    ] {
        assert_eq!(metric.on(link(on)), want, "{what}");
    }
}

#[test]
fn the_worker_gets_the_settings_of_its_link() {
    let config = parse("rapid-commit = false\n[interface.eth1]\nclient-id = \"none\"\nbroadcast = true").unwrap();
    let mac = HardwareAddr([2, 0, 0, 0, 0, 7]);
    let Conduct { client_id, rapid_commit, broadcast, fallback_lease_secs, servers: _, told_as: _ } =
        config.link("eth0").conduct(mac);
    assert_eq!((&*client_id, rapid_commit, broadcast), (&[1, 2, 0, 0, 0, 0, 7][..], false, false));
    assert_eq!(fallback_lease_secs, 3600);
    let second = config.link("eth1").conduct(mac);
    assert_eq!((second.client_id.len(), second.broadcast), (0, true));
}

#[test]
fn a_missing_file_is_an_error_only_when_it_was_named() {
    let nowhere = Path::new("/nonexistent/orlop/dhcp.toml");
    assert_eq!(Config::load(nowhere, false).unwrap(), Config::default());
    let told = Config::load(nowhere, true).unwrap_err().fatal("orlop-dhcp");
    assert_eq!(told.exit, Exit::Config);
    assert_eq!(
        told.to_string(),
        "error: cannot open /nonexistent/orlop/dhcp.toml\n  caused by: No such file or directory (os error 2)\n  \
         help: pass --config FILE, or start from the example: orlop-dhcp --example > /nonexistent/orlop/dhcp.toml"
    );
}

proptest! {
    #[test]
    fn any_text_is_a_configuration_or_an_error(text in "\\PC{0,200}") {
        let _ = parse(&text);
    }

    #[test]
    fn any_value_is_taken_or_refused(
        key in prop::sample::select(vec!["interfaces", "deadline", "client-id", "hostname", "metric", "log", "interface"]),
        value in prop::sample::select(vec!["1", "-1", "true", "\"a\"", "\"\"", "[]", "[\"e[\"]", "{}", "{a={}}", "99999999999", "1.5", "\"\\u0000\""]),
    ) {
        if let Err(error) = parse(&format!("{key} = {value}")) {
            prop_assert!(matches!(error, ConfigError::Wrong { line: Some(1), .. }), "{:?}", error);
        }
    }
}
