use super::*;

fn config(text: &str) -> Result<Config, String> {
    orlop_config::parse::<File>(text, Path::new("ntp.toml")).map(Config::from).map_err(|error| {
        let ConfigError::Wrong { line, message, .. } = error else { panic!("{error}") };
        format!("{}: {message}", line.unwrap_or(0))
    })
}

#[test]
fn the_example_is_the_default_but_for_the_fallback_of_the_image() {
    let example = config(EXAMPLE).unwrap();
    assert_eq!(Config { fallback: Vec::new(), ..example.clone() }, Config::default());
    assert_eq!(example.fallback, [Source::pool(Place::Name("pool.ntp.org".to_owned(), 123))]);
    // Every key of the file is there, if only in a comment.
    for key in
        ["sources", "network-sources", "fallback", "deadline", "strict-majority", "nts-ca", "require-landlock", "log"]
    {
        assert!(EXAMPLE.lines().any(|line| line.trim_start_matches("# ").starts_with(&format!("{key} ="))), "{key}");
    }
}

#[test]
fn a_source_is_an_address_a_name_or_a_table() {
    let shown = |text: &str| {
        let config = config(&format!("sources = [{text}]"))?;
        let source = config.sources.into_iter().next().unwrap();
        let conduct = source.conduct;
        Ok::<_, String>(format!(
            "{} {} {} {}..{}{}",
            source.place,
            conduct.kind.want(),
            conduct.prefer,
            conduct.polls.min().exponent(),
            conduct.polls.max().exponent(),
            if conduct.nts { " nts" } else { "" }
        ))
    };
    for (text, want) in [
        (r#""192.0.2.1""#, "192.0.2.1 1 false 6..10"),
        (r#""192.0.2.1:1123""#, "192.0.2.1:1123 1 false 6..10"),
        (r#""2001:db8::1""#, "2001:db8::1 1 false 6..10"),
        (r#""[2001:db8::1]:1123""#, "[2001:db8::1]:1123 1 false 6..10"),
        (r#""fe80::1%eth0""#, "fe80::1%eth0 1 false 6..10"),
        (r#""[fe80::1%eth0.7]""#, "fe80::1%eth0.7 1 false 6..10"),
        (r#"{ server = "[fe80::1%eth0]:1123", prefer = true }"#, "[fe80::1%eth0]:1123 1 true 6..10"),
        (r#""ntp.example.org.""#, "ntp.example.org. 1 false 6..10"),
        (r#""time:1123""#, "time:1123 1 false 6..10"),
        (r#"{ server = "a.example", prefer = true, min-poll = 4 }"#, "a.example 1 true 4..10"),
        (r#"{ server = "a.example", max-poll = 4 }"#, "a.example 1 false 4..4"),
        (r#"{ server = "a.example", min-poll = 12 }"#, "a.example 1 false 12..12"),
        (r#"{ pool = "pool.example" }"#, "pool.example 4 false 6..10"),
        (r#"{ server = "a.example", nts = true }"#, "a.example:4460 1 false 6..10 nts"),
        (r#"{ server = "192.0.2.1", nts = true }"#, "192.0.2.1:4460 1 false 6..10 nts"),
        (r#"{ server = "a.example:123", nts = true }"#, "a.example 1 false 6..10 nts"),
        (r#"{ pool = "pool.example", servers = 2 }"#, "pool.example 2 false 6..10"),
        (r#""ptp""#, "ptp 1 false 4..6"),
        (r#"{ ptp = "ena-ptp-0", prefer = true }"#, "ptp ena-ptp-0 1 true 4..6"),
        (r#"{ server = "ptp", min-poll = 7 }"#, "ptp 1 false 7..7"),
    ] {
        assert_eq!(shown(text).as_deref(), Ok(want), "{text}");
    }
    for (text, want) in [
        (r#""224.0.1.1""#, "is no address and no name"),
        (r#""fe80::1""#, "is no address and no name"),
        (r#""fe80::1%""#, "is no address and no name"),
        (r#""fe80::1%a/b""#, "is no address and no name"),
        (r#""fe80::1%..""#, "is no address and no name"),
        (r#""fe80::1%sixteen-letters1""#, "is no address and no name"),
        (r#""[fe80::1%eth0]1123""#, "is no address and no name"),
        (r#""[fe80::1%eth0]:0""#, "is no address and no name"),
        (r#""2001:db8::1%eth0""#, "is no address and no name"),
        (r#""192.0.2.1%eth0""#, "is no address and no name"),
        (r#"{ server = "fe80::1%eth0", nts = true }"#, "a certificate can name"),
        (r#""192.0.2.300""#, "is no address and no name"),
        (r#""a..b""#, "is no address and no name"),
        (r#""host:0""#, "is no address and no name"),
        (r#""under the bed""#, "is no address and no name"),
        ("7", "expected an address, a name, ptp, or a table"),
        (r#"{ server = "a", pool = "b" }"#, "one of server, pool and ptp"),
        ("{ prefer = true }", "one of server, pool and ptp"),
        (r#"{ server = "a", servers = 2 }"#, "how many of a pool"),
        (r#"{ ptp = "a", servers = 2 }"#, "how many of a pool"),
        (r#"{ ptp = "a", pool = "b" }"#, "one of server, pool and ptp"),
        (r#"{ pool = "a", servers = 0 }"#, "servers is 1 to 16"),
        (r#"{ server = "a", min-poll = 0 }"#, "a poll is 1 to 17"),
        (r#"{ server = "a", min-poll = 9, max-poll = 8 }"#, "min-poll is more than max-poll"),
        (r#"{ pool = "a", nts = true }"#, "nts is for a server"),
        (r#"{ server = "ptp", nts = true }"#, "nts is for a server, and a hardware clock is none"),
        (r#"{ ptp = "ena-ptp-0", nts = true }"#, "nts is for a server, and a hardware clock is none"),
        (r#"{ server = "a", iburst = true }"#, "unknown field `iburst`"),
    ] {
        let error = shown(text).unwrap_err();
        assert!(error.starts_with("1: ") && error.contains(want), "{text}: {error}");
    }
}

#[test]
fn a_server_has_a_port_and_a_clock_has_none() {
    for (text, port) in [
        ("192.0.2.1", Some(123)),
        ("[2001:db8::1]:1123", Some(1123)),
        ("[fe80::1%eth0]:7", Some(7)),
        ("ntp.example.org", Some(123)),
        ("ntp.example.org:7", Some(7)),
        ("ptp", None),
    ] {
        assert_eq!(text.parse::<Place>().unwrap().port(), port, "{text}");
    }
}

#[test]
fn what_cannot_be_is_refused_with_its_line() {
    for (text, want) in [
        ("deadline = 1", "1: invalid value: integer `1`, expected 2 to 3600 seconds"),
        ("\nserver = \"a\"", "2: unknown field `server`"),
        ("strict-majority = 1", "1: invalid type: integer `1`, expected a boolean"),
    ] {
        let error = config(text).unwrap_err();
        assert!(error.starts_with(want), "{error}");
    }
    let many = format!("sources = [{}]", "\"a\",".repeat(17));
    assert!(config(&many).is_err(), "more than there are numbers");
}
