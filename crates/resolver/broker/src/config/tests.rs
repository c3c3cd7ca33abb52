use orlop_resolver_contract::MAX_ROUTES;

use super::*;

fn config(text: &str) -> Result<Config, String> {
    orlop_config::parse::<File>(text, Path::new("resolver.toml")).map(Config::from).map_err(|error| {
        let ConfigError::Wrong { line, message, .. } = error else { panic!("{error}") };
        format!("{}: {message}", line.unwrap_or(0))
    })
}

#[test]
fn the_example_is_the_default_and_has_every_key() {
    assert_eq!(config(EXAMPLE), Ok(Config::default()));
    for key in [
        "upstreams",
        "network-upstreams",
        "network-routes",
        "upstream-resolv-conf",
        "own-resolv-conf",
        "resolv-conf",
        "hosts",
        "cache-size",
        "max-ttl",
        "max-negative-ttl",
        "stale-for",
        "trust-ad",
        "rebinding-protection",
        "prefetch",
        "require-landlock",
        "log",
    ] {
        assert!(EXAMPLE.lines().any(|line| line.trim_start_matches("# ").starts_with(&format!("{key} ="))), "{key}");
    }
}

/// What is commented out is the default, too.
#[test]
fn the_values_of_the_example_are_the_defaults() {
    let shown = EXAMPLE.lines().filter_map(|line| line.strip_prefix("# ")).filter(|line| {
        line.split_once(" = ").is_some_and(|(key, _)| key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'))
    });
    let text: Vec<&str> = shown.filter(|line| !line.starts_with("upstream-resolv-conf")).collect();
    assert_eq!(text.len(), 15);
    assert_eq!(config(&text.join("\n")), Ok(Config::default()));
}

#[test]
fn every_key_decides_something() {
    let is = |text: &str, change: fn(&mut Config)| {
        let mut want = Config::default();
        change(&mut want);
        assert_ne!(want, Config::default(), "{text}");
        assert_eq!(config(text), Ok(want), "{text}");
    };
    is("upstreams = [\"192.0.2.1\"]", |to| to.upstreams = vec![server("192.0.2.1").unwrap()]);
    is("network-upstreams = false", |to| to.network_upstreams = false);
    is("upstream-resolv-conf = \"/a\"", |to| to.upstream_resolv_conf = Some("/a".into()));
    is("own-resolv-conf = false", |to| to.own_resolv_conf = false);
    is("resolv-conf = \"/a\"", |to| to.resolv_conf = "/a".into());
    is("hosts = \"/a\"", |to| to.hosts = "/a".into());
    is("cache-size = 300000", |to| to.conduct.cache = orlop_resolver_contract::CacheSize::new(300_000).unwrap());
    is("max-ttl = 7", |to| to.conduct.max_ttl = Duration::from_secs(7));
    is("max-negative-ttl = 7", |to| to.conduct.max_negative_ttl = Duration::from_secs(7));
    is("stale-for = 7", |to| to.conduct.stale_for = Duration::from_secs(7));
    is("trust-ad = true", |to| to.conduct.trust_ad = true);
    is("require-landlock = true", |to| to.require_landlock = true);
    is("log = \"warn\"", |to| to.log = Level::WARN);
}

#[test]
fn a_file_is_read_and_only_one_that_is_named_must_be_there() {
    let folder = orlop_testbed::Folder::new("resolver-config");
    let path = folder.0.join("resolver.toml");
    assert_eq!(Config::load(&path, false).unwrap(), Config::default());
    assert!(Config::load(&path, true).is_err());
    std::fs::write(&path, "trust-ad = true\n").unwrap();
    assert!(Config::load(&path, true).unwrap().conduct.trust_ad);
}

#[test]
fn a_server_is_an_address_with_or_without_a_port() {
    for (text, want) in [
        ("192.0.2.1", Some("192.0.2.1")),
        ("192.0.2.1:53", Some("192.0.2.1")),
        ("192.0.2.1:5353", Some("192.0.2.1:5353")),
        ("2001:db8::1", Some("2001:db8::1")),
        ("[2001:db8::1]", Some("2001:db8::1")),
        ("[2001:db8::1]:5353", Some("[2001:db8::1]:5353")),
        ("192.0.2.1:0", None),
        ("224.0.0.1", None),
        ("ns.example", None),
        ("", None),
    ] {
        assert_eq!(server(text).map(|server| server.to_string()).as_deref(), want, "{text}");
    }
}

#[test]
fn what_cannot_be_is_refused_with_its_line() {
    for (text, want) in [
        ("upstreams = [\"ns.example\"]", "1: ns.example is no address of a server"),
        ("upstreams = [1]", "1: invalid type: integer `1`, expected the address of a server, such as"),
        (
            "routes = 1",
            "1: invalid type: integer `1`, expected a table of domains, each with the addresses of its servers",
        ),
        ("\nupstream = \"a\"", "2: unknown field `upstream`"),
        ("trust-ad = 1", "1: invalid type: integer `1`, expected a boolean"),
        ("cache-size = 1", "1: a number out of range"),
        ("hosts = \"hosts\"", "1: "),
    ] {
        let error = config(text).unwrap_err();
        assert!(error.starts_with(want), "{error}");
    }
    for (text, want) in [
        ("log = \"info\"\n[routes]\n\"-\" = [\"192.0.2.1\"]", "3: - is no domain to route: "),
        ("[routes]\n\"corp.example\" = [\"ns\"]", "2: ns is no address of a server"),
        ("[routes]\n\"corp.example\" = []", "2: a route needs the address of one server at least"),
        ("[routes]\n\"corp.example\" = \"192.0.2.1\"", "2: invalid type"),
        ("[routes]\n\"corp.example\" = [\"192.0.2.1\", \"[::1]:53\"]", "2: ::1 is this resolver itself"),
        (
            "[routes]\na = [\"192.0.2.1\"]\n\"B.onion\" = [\"192.0.2.1\"]",
            "3: nobody is ever asked for names in B.onion",
        ),
        ("[routes]\na = [\"192.0.2.1\"]\na = [\"192.0.2.1\"]", "3: duplicate key"),
        ("[routes]\na = [\"192.0.2.1\"]\nA = [\"192.0.2.1\"]", "1: "),
    ] {
        let error = config(text).unwrap_err();
        assert!(error.starts_with(want), "{text}\n{error}");
    }
    let many = format!("upstreams = [{}]", (1..=17).map(|n| format!("\"192.0.2.{n}\",")).collect::<String>());
    assert!(config(&many).is_err(), "more than are asked");
}

#[test]
fn a_route_has_a_domain_and_servers() {
    let routes = |text: &str| config(&format!("[routes]\n{text}")).map(|config| config.routes.0);
    let shown: Vec<String> = routes("lab = [\"192.0.2.2\"]\n\"Corp.example.\" = [\"192.0.2.2:5353\", \"2001:db8::1\"]")
        .unwrap()
        .iter()
        .map(|(domain, servers)| {
            format!("{domain} {}", servers.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))
        })
        .collect();
    assert_eq!(shown, ["Corp.example 192.0.2.2:5353 2001:db8::1", "lab 192.0.2.2"]);
    let domains = |count: usize| (0..count).map(|n| format!("d{n} = [\"192.0.2.1\"]\n")).collect::<String>();
    assert_eq!(routes(&domains(MAX_ROUTES)).unwrap().len(), MAX_ROUTES);
    assert!(routes(&domains(MAX_ROUTES + 1)).unwrap_err().contains("33 domains are routed: at most 32 can be"));
    let servers = |count: usize| (0..count).map(|n| format!("d{n} = [\"192.0.2.{n}\"]\n")).collect::<String>();
    assert_eq!(routes(&servers(MAX_ROUTE_SERVERS)).unwrap().len(), MAX_ROUTE_SERVERS);
    assert!(routes(&servers(MAX_ROUTE_SERVERS + 1)).unwrap_err().contains("9 servers together: at most 8"));
}

#[test]
fn the_example_on_the_page_is_a_configuration() {
    let page = include_str!("../../../README.md");
    let text = page.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let config = config(text).unwrap();
    assert_eq!((config.upstreams.len(), config.routes.0.len()), (1, 2));
}
