use core::fmt::Write as _;
use core::net::IpAddr;

use orlop_wire::InterfaceName;

use crate::name::{Domain, MAX_DOMAIN};

/// What one interface's network told us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Where from.
    pub interface: InterfaceName,
    /// Metric of its routes; 0 when nobody said.
    pub metric: u32,
    /// Name servers, most preferred first. Only the first [`MAX_SERVERS`] are written.
    pub dns: Vec<IpAddr>,
    /// Domain of the network.
    pub domain: Option<Domain>,
    /// Where to look for short names. Only the first [`MAX_SEARCH`] are written.
    pub search: Vec<Domain>,
    /// Time servers, most preferred first. Only the first [`MAX_SERVERS`] are written.
    pub ntp: Vec<IpAddr>,
    /// Who said all of this: the DHCP server.
    pub server: Option<IpAddr>,
    /// Azure's wire server.
    pub wireserver: Option<IpAddr>,
}

/// A text that was understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parsed {
    /// What it says.
    pub facts: Facts,
    /// Lines with a key that this version does not know.
    pub unknown: usize,
}

impl Facts {
    /// No facts about `interface`.
    #[must_use]
    pub const fn none(interface: InterfaceName) -> Self {
        Self {
            interface,
            metric: 0,
            dns: Vec::new(),
            domain: None,
            search: Vec::new(),
            ntp: Vec::new(),
            server: None,
            wireserver: None,
        }
    }

    /// Reads a file's text.
    ///
    /// # Errors
    /// [`ParseError`] says what is wrong, with the line. Nothing of such a file should be believed: it is replaced whole,
    /// so it is never half written.
    pub fn parse(text: &str) -> Result<Parsed, ParseError> {
        if text.len() > MAX_TEXT {
            return Err(ParseError::TooLong);
        }
        let mut lines = text.lines().zip(1_usize..);
        if lines.next().is_none_or(|(first, _)| first != HEADER) {
            return Err(ParseError::NotNetfacts);
        }
        let Some((line, number)) = lines.next() else { return Err(ParseError::NoInterface) };
        let interface = line.strip_prefix("interface ").ok_or(ParseError::NoInterface)?;
        let interface = InterfaceName::new(interface).ok_or(ParseError::BadValue { line: number })?;

        let mut facts = Self::none(interface);
        let (mut unknown, mut metric) = (0_usize, None);
        for (line, number) in lines {
            if number > MAX_LINES {
                return Err(ParseError::TooManyLines);
            }
            let (key, value) = line.split_once(' ').ok_or(ParseError::NoValue { line: number })?;
            let bad = ParseError::BadValue { line: number };
            let domain = || Domain::new(value).ok_or(bad);
            let addr = || value.parse::<IpAddr>().map_err(|_| bad);
            match key {
                "interface" => return Err(ParseError::Repeated { line: number }),
                "metric" => {
                    let value = value.parse::<u32>().map_err(|_| bad)?;
                    once(&mut metric, value, number)?;
                }
                "dns" => within(&mut facts.dns, addr()?, MAX_SERVERS, number)?,
                "domain" => once(&mut facts.domain, domain()?, number)?,
                "search" => within(&mut facts.search, domain()?, MAX_SEARCH, number)?,
                "ntp" => within(&mut facts.ntp, addr()?, MAX_SERVERS, number)?,
                "server" => once(&mut facts.server, addr()?, number)?,
                "wireserver" => once(&mut facts.wireserver, addr()?, number)?,
                _ => unknown = unknown.saturating_add(1),
            }
        }
        facts.metric = metric.unwrap_or(0);
        Ok(Parsed { facts, unknown })
    }

    /// The text for the file.
    #[must_use]
    pub fn render(&self) -> String {
        let Self { interface, metric, dns, domain, search, ntp, server, wireserver } = self;
        let mut text = format!("{HEADER}\ninterface {interface}\n");
        // Writing to a string cannot fail.
        if *metric != 0 {
            let _ = writeln!(text, "metric {metric}");
        }
        for addr in dns.iter().take(MAX_SERVERS) {
            let _ = writeln!(text, "dns {addr}");
        }
        if let Some(domain) = domain {
            let _ = writeln!(text, "domain {domain}");
        }
        for domain in search.iter().take(MAX_SEARCH) {
            let _ = writeln!(text, "search {domain}");
        }
        for addr in ntp.iter().take(MAX_SERVERS) {
            let _ = writeln!(text, "ntp {addr}");
        }
        for (key, addr) in [("server", server), ("wireserver", wireserver)] {
            if let Some(addr) = addr {
                let _ = writeln!(text, "{key} {addr}");
            }
        }
        text
    }
}

fn once<T>(slot: &mut Option<T>, value: T, line: usize) -> Result<(), ParseError> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(ParseError::Repeated { line }),
    }
}

fn within<T>(list: &mut Vec<T>, value: T, max: usize, line: usize) -> Result<(), ParseError> {
    if list.len() >= max {
        return Err(ParseError::TooMany { line });
    }
    list.push(value);
    Ok(())
}

/// Why a text cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseError {
    /// The first line is not `netfacts 1`.
    #[error("the first line is not `{HEADER}`")]
    NotNetfacts,
    /// More than [`MAX_TEXT`] bytes.
    #[error("more than {MAX_TEXT} bytes")]
    TooLong,
    /// More than [`MAX_LINES`] lines.
    #[error("more than {MAX_LINES} lines")]
    TooManyLines,
    /// The second line does not name the interface.
    #[error("the second line does not name the interface")]
    NoInterface,
    /// A line has a key and no value.
    #[error("line {line} has no value")]
    NoValue {
        /// Counted from 1.
        line: usize,
    },
    /// A value is not of its key's kind.
    #[error("line {line} has a value that its key cannot have")]
    BadValue {
        /// Counted from 1.
        line: usize,
    },
    /// A key that comes once comes again.
    #[error("line {line} says again what can be said once")]
    Repeated {
        /// Counted from 1.
        line: usize,
    },
    /// One more of a kind than is allowed.
    #[error("line {line} is one more of its kind than is allowed")]
    TooMany {
        /// Counted from 1.
        line: usize,
    },
}

/// The version stands in the first line. A change that old readers could misunderstand gets a new number.
const HEADER: &str = "netfacts 1";

/// Name or time servers per interface, at most: resolv.conf uses three, NTP at most about ten.
pub const MAX_SERVERS: usize = 8;
/// Search domains per interface, at most: what a DHCP client keeps of option 119.
pub const MAX_SEARCH: usize = 16;
/// Lines of a file, at most: all that this version writes, and as many again for keys of later ones.
pub const MAX_LINES: usize = 80;
/// Bytes of a line, at most: the longest key and the longest domain.
pub const MAX_LINE: usize = "interface ".len() + MAX_DOMAIN;
/// Bytes of a file, at most. A reader stops there.
pub const MAX_TEXT: usize = 24 * 1024;
// Everything that is written can be read again.
const _: () = assert!(MAX_LINES / 2 * (MAX_LINE + 1) <= MAX_TEXT);
const _: () = assert!(6 + 2 * MAX_SERVERS + MAX_SEARCH <= MAX_LINES / 2);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn facts_are_these_lines() {
        let facts = Facts {
            interface: InterfaceName::new("eth0").unwrap(),
            metric: 1002,
            dns: vec![[192, 0, 2, 1].into(), "2001:db8::1".parse().unwrap()],
            domain: Domain::new("example.com"),
            search: vec![Domain::new("example.com").unwrap(), Domain::new("corp.example").unwrap()],
            ntp: vec![[192, 0, 2, 3].into()],
            server: Some([192, 0, 2, 4].into()),
            wireserver: Some([192, 0, 2, 5].into()),
        };
        let text = "netfacts 1\ninterface eth0\nmetric 1002\ndns 192.0.2.1\ndns 2001:db8::1\ndomain example.com\n\
                    search example.com\nsearch corp.example\nntp 192.0.2.3\n\
                    server 192.0.2.4\nwireserver 192.0.2.5\n";
        assert_eq!(facts.render(), text);
        assert_eq!(Facts::parse(text), Ok(Parsed { facts, unknown: 0 }));
    }

    #[test]
    fn keys_of_the_future_are_counted_and_skipped() {
        let parsed =
            Facts::parse("netfacts 1\ninterface eth0\ncaptive-portal https://x\ndns 192.0.2.1\nx y z\n").unwrap();
        assert_eq!((parsed.unknown, parsed.facts.dns.len()), (2, 1));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        let good = "netfacts 1\ninterface eth0\n";
        let many = |line: &str, times: usize| format!("{good}{}", format!("{line}\n").repeat(times));
        for (what, text, want) in [
            ("empty", String::new(), ParseError::NotNetfacts),
            ("another version", "netfacts 2\ninterface eth0\n".into(), ParseError::NotNetfacts),
            ("no interface", "netfacts 1\n".into(), ParseError::NoInterface),
            ("interface not first", "netfacts 1\ndns 192.0.2.1\n".into(), ParseError::NoInterface),
            ("a path as interface", "netfacts 1\ninterface ../x\n".into(), ParseError::BadValue { line: 2 }),
            ("two interfaces", format!("{good}interface eth1\n"), ParseError::Repeated { line: 3 }),
            ("no value", format!("{good}dns\n"), ParseError::NoValue { line: 3 }),
            ("an empty line", format!("{good}\n"), ParseError::NoValue { line: 3 }),
            ("a name as server", format!("{good}dns ns.example\n"), ParseError::BadValue { line: 3 }),
            ("a port", format!("{good}dns 192.0.2.1:53\n"), ParseError::BadValue { line: 3 }),
            ("two spaces", format!("{good}dns  192.0.2.1\n"), ParseError::BadValue { line: 3 }),
            ("negative metric", format!("{good}metric -1\n"), ParseError::BadValue { line: 3 }),
            ("two domains", format!("{good}domain a\ndomain b\n"), ParseError::Repeated { line: 4 }),
            ("two metrics", format!("{good}metric 0\nmetric 0\n"), ParseError::Repeated { line: 4 }),
            ("a shell in a domain", format!("{good}search $(id)\n"), ParseError::BadValue { line: 3 }),
            ("nine servers", many("dns 192.0.2.1", 9), ParseError::TooMany { line: 11 }),
            ("seventeen domains", many("search a", 17), ParseError::TooMany { line: 19 }),
            ("too many lines", many("future x", 79), ParseError::TooManyLines),
            ("too long", many(&format!("future {}", "x".repeat(MAX_TEXT)), 1), ParseError::TooLong),
        ] {
            assert_eq!(Facts::parse(&text), Err(want), "{what}");
        }
    }

    #[test]
    fn a_file_is_as_long_as_allowed_and_no_longer() {
        let good = "netfacts 1\ninterface eth0\n";
        let (lines, servers) = ("future x\n".repeat(MAX_LINES - 2), "ntp 192.0.2.1\n".repeat(MAX_SERVERS));
        let (domains, rest) = ("search a\n".repeat(MAX_SEARCH), "x".repeat(MAX_TEXT - good.len() - "future ".len()));
        for (what, more, want) in [
            ("as many lines", &lines, Ok((MAX_LINES - 2, 0, 0))),
            ("as many servers", &servers, Ok((0, 0, MAX_SERVERS))),
            ("as many domains", &domains, Ok((0, MAX_SEARCH, 0))),
            ("as many bytes", &format!("future {rest}"), Ok((1, 0, 0))),
            ("one byte more", &format!("future {rest}x"), Err(ParseError::TooLong)),
            ("one server more", &format!("{servers}ntp 192.0.2.1"), Err(ParseError::TooMany { line: 11 })),
        ] {
            let parsed = Facts::parse(&format!("{good}{more}"));
            let counts = parsed.map(|Parsed { facts, unknown }| (unknown, facts.search.len(), facts.ntp.len()));
            assert_eq!(counts, want, "{what}");
        }
    }

    #[test]
    fn what_is_too_much_is_not_written() {
        let servers = vec![IpAddr::from([192, 0, 2, 1]); MAX_SERVERS + 1];
        let facts = Facts {
            dns: servers.clone(),
            search: vec![Domain::new("a").unwrap(); MAX_SEARCH + 1],
            ntp: servers,
            ..Facts::none(InterfaceName::new("eth0").unwrap())
        };
        let written = Facts::parse(&facts.render()).unwrap().facts;
        assert_eq!(
            (written.dns.len(), written.search.len(), written.ntp.len()),
            (MAX_SERVERS, MAX_SEARCH, MAX_SERVERS)
        );
        assert_eq!((written.metric, written.domain), (0, None));
        assert!(!facts.render().contains("metric"), "nobody said one");
    }

    fn domain() -> impl Strategy<Value = Domain> {
        "[a-z0-9_]{1,20}(\\.[a-z0-9]{1,63}){0,3}".prop_filter_map("a domain", |text| Domain::new(&text))
    }

    fn facts() -> impl Strategy<Value = Facts> {
        let addrs = || prop::collection::vec(any::<IpAddr>(), 0..=MAX_SERVERS);
        let interface = "[a-z]{1,15}".prop_filter_map("an interface", |text| InterfaceName::new(&text));
        let domains = prop::collection::vec(domain(), 0..=MAX_SEARCH);
        let servers = any::<(Option<IpAddr>, Option<IpAddr>)>();
        (interface, any::<u32>(), addrs(), prop::option::of(domain()), domains, addrs(), servers).prop_map(
            |(interface, metric, dns, domain, search, ntp, (server, wireserver))| Facts {
                interface,
                metric,
                dns,
                domain,
                search,
                ntp,
                server,
                wireserver,
            },
        )
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(facts in facts()) {
            let text = facts.render();
            prop_assert!(text.lines().all(|line| line.len() <= MAX_LINE));
            prop_assert_eq!(Facts::parse(&text), Ok(Parsed { facts, unknown: 0 }));
        }

        #[test]
        fn any_text_is_understood_or_refused(rest in "\\PC{0,200}") {
            for text in [rest.clone(), format!("netfacts 1\ninterface eth0\n{rest}")] {
                if let Ok(parsed) = Facts::parse(&text) {
                    prop_assert_eq!(Facts::parse(&parsed.facts.render()), Ok(Parsed { facts: parsed.facts, unknown: 0 }));
                }
            }
        }
    }
}
