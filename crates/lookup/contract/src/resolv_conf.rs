use core::fmt;
use core::net::{IpAddr, Ipv6Addr};
use core::str;

use orlop_wire::{Bounded, HostAddr, InterfaceName};

use crate::{MAX_SERVERS, ServerCount, ServerId};

/// The name servers that a `resolv.conf` names, in its order.
///
/// Read as the C libraries read it (`resolv.conf(5)`), with these differences: without a server nobody is asked, where they ask
/// this host; and `options`, `search` and `domain` are passed over, because how long to wait is ours to decide and names are
/// absolute. Whatever is not understood is passed over, so that no file is an error.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ResolvConf {
    servers: Bounded<NameServer, MAX_SERVERS>,
}

/// Where a name server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameServer(Host);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Host {
    Anywhere(HostAddr),
    LinkLocal(Ipv6Addr, InterfaceName),
}

impl ResolvConf {
    /// Bytes of a file that are read, at most: more than any that works has. What is beyond is passed over.
    pub const MAX_BYTES: usize = 64 * 1024;

    /// The servers of this text, each once, the first three.
    #[must_use]
    pub fn parse(text: &[u8]) -> Self {
        let mut servers = Bounded::<NameServer, MAX_SERVERS>::new();
        let read = text.get(..Self::MAX_BYTES).unwrap_or(text);
        let mut lines = read.split(|byte| *byte == b'\n');
        if read.len() < text.len() {
            // Its end is missing.
            let _cut = lines.next_back();
        }
        for server in lines.filter_map(NameServer::of_line) {
            if !servers.contains(&server) && servers.push(server).is_err() {
                break;
            }
        }
        Self { servers }
    }

    /// How many there are, for the worker.
    #[must_use]
    pub fn count(&self) -> ServerCount {
        u8::try_from(self.servers.len()).ok().and_then(ServerCount::new).unwrap_or(ServerCount::NONE)
    }

    /// The server in this place.
    #[must_use]
    pub fn server(&self, id: ServerId) -> Option<&NameServer> {
        self.servers.get(id.index())
    }

    /// All of them, most preferred first.
    #[must_use]
    pub fn servers(&self) -> &[NameServer] {
        &self.servers
    }
}

impl NameServer {
    /// Where servers listen (RFC 1035 section 4.2).
    pub const PORT: u16 = 53;

    /// Its address.
    #[must_use]
    pub const fn addr(&self) -> IpAddr {
        match &self.0 {
            Host::Anywhere(addr) => addr.get(),
            Host::LinkLocal(addr, _) => IpAddr::V6(*addr),
        }
    }

    /// The interface of a link-local address, by its name or by its number, which is what a `sockaddr_in6` wants.
    #[must_use]
    pub const fn interface(&self) -> Option<&InterfaceName> {
        match &self.0 {
            Host::Anywhere(_) => None,
            Host::LinkLocal(_, interface) => Some(interface),
        }
    }

    fn of_line(line: &[u8]) -> Option<Self> {
        let blank = |byte: &u8| byte.is_ascii_whitespace();
        // The word stands at the very start of its line.
        let value = line.strip_prefix(b"nameserver").filter(|rest| rest.first().is_some_and(blank))?;
        let word = value.split(blank).find(|word| !word.is_empty())?;
        Self::parse(str::from_utf8(word).ok()?)
    }

    fn parse(text: &str) -> Option<Self> {
        let host = match text.split_once('%') {
            None => Host::Anywhere(HostAddr::new(text.parse().ok()?)?),
            Some((addr, interface)) => {
                let addr: Ipv6Addr = addr.parse().ok()?;
                Host::LinkLocal(addr, InterfaceName::new(interface).filter(|_| addr.is_unicast_link_local())?)
            }
        };
        Some(Self(host))
    }
}

impl fmt::Display for NameServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Host::Anywhere(addr) => addr.fmt(f),
            Host::LinkLocal(addr, interface) => write!(f, "{addr}%{interface}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn servers(text: &[u8]) -> Vec<String> {
        ResolvConf::parse(text).servers().iter().map(NameServer::to_string).collect()
    }

    #[test]
    fn servers_are_read_as_the_c_libraries_read_them() {
        let padded = format!("nameserver 192.0.2.1\n{}\n", " ".repeat(1000));
        let commented = format!("{}nameserver 192.0.2.1\n", "# Made by somebody.\n".repeat(3000));
        for (what, text, want) in [
            ("nothing", "", &[][..]),
            ("one", "nameserver 192.0.2.1\n", &["192.0.2.1"]),
            ("the file of our dhcp, filled up with blanks", &padded, &["192.0.2.1"]),
            ("behind many comments", &commented, &["192.0.2.1"]),
            ("no end of line", "nameserver 192.0.2.1", &["192.0.2.1"]),
            ("both kinds", "nameserver 2001:db8::1\nnameserver 127.0.0.53\n", &["2001:db8::1", "127.0.0.53"]),
            (
                "among other words",
                "domain a\nsearch a b\noptions timeout:1\nnameserver 192.0.2.1\nsortlist 10/8\n",
                &["192.0.2.1"],
            ),
            (
                "the first three of four",
                "nameserver 10.0.0.1\nnameserver 10.0.0.2\nnameserver 10.0.0.3\nnameserver 10.0.0.4\n",
                &["10.0.0.1", "10.0.0.2", "10.0.0.3"],
            ),
            ("one twice", "nameserver 10.0.0.1\nnameserver 10.0.0.1\nnameserver 10.0.0.2\n", &["10.0.0.1", "10.0.0.2"]),
            ("blanks, and more words", "nameserver \t 10.0.0.1\t# ours\r\n", &["10.0.0.1"]),
            ("from Windows", "nameserver 10.0.0.1\r\nnameserver 10.0.0.2\r\n", &["10.0.0.1", "10.0.0.2"]),
            ("a comment", "#nameserver 10.0.0.1\n;nameserver 10.0.0.2\n", &[]),
            ("not at the start", " nameserver 10.0.0.1\n", &[]),
            ("another word", "nameservers 10.0.0.1\nnameserver10.0.0.1\n", &[]),
            ("no address", "nameserver\nnameserver \nnameserver localhost\nnameserver 10.0.0.256\n", &[]),
            (
                "nobody's address",
                "nameserver 0.0.0.0\nnameserver 224.0.0.1\nnameserver ::\nnameserver ::ffff:10.0.0.1\n",
                &[],
            ),
            ("a neighbour", "nameserver fe80::1%eth0\n", &["fe80::1%eth0"]),
            ("a neighbour by number", "nameserver fe80::1%2\n", &["fe80::1%2"]),
            ("a neighbour, but where", "nameserver fe80::1\nnameserver fe80::1%\nnameserver fe80::1%a/b\n", &[]),
            ("a host far away on an interface", "nameserver 2001:db8::1%eth0\nnameserver 10.0.0.1%eth0\n", &[]),
        ] {
            assert_eq!(servers(text.as_bytes()), want, "{what}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_cost_only_their_line() {
        assert_eq!(servers(b"nameserver \xff\xfe\n\0\0\nnameserver 10.0.0.1\0\nnameserver 10.0.0.2\n"), ["10.0.0.2"]);
    }

    #[test]
    fn what_is_beyond_the_bound_is_not_read() {
        let mut text = b"nameserver 10.0.0.1\n".to_vec();
        text.resize(ResolvConf::MAX_BYTES - 20, b' ');
        text.extend(b"\nnameserver 10.0.0.22\nnameserver 10.0.0.3\n");
        assert_eq!(servers(&text), ["10.0.0.1"], "and the line that the bound cuts counts for nothing");
        assert_eq!(text.get(ResolvConf::MAX_BYTES - 1), Some(&b'2'), "the bound cuts an address");
    }

    #[test]
    fn a_place_in_the_list_is_the_number_of_a_server() {
        let conf = ResolvConf::parse(b"nameserver 10.0.0.1\nnameserver fe80::1%eth0\n");
        let found: Vec<_> =
            ServerId::all().map(|id| conf.server(id).map(|server| (server.addr(), server.interface()))).collect();
        let eth0 = InterfaceName::new("eth0").unwrap();
        assert_eq!(
            found,
            [Some(("10.0.0.1".parse().unwrap(), None)), Some(("fe80::1".parse().unwrap(), Some(&eth0))), None]
        );
        assert_eq!(conf.count(), ServerCount::new(2).unwrap());
    }

    proptest! {
        #[test]
        fn any_file_has_at_most_three_servers_that_read_as_they_are_written(lines in prop::collection::vec("(nameserver )?[0-9a-f.:% \t#]{0,24}", 0..12)) {
            let conf = ResolvConf::parse(lines.join("\n").as_bytes());
            prop_assert_eq!(conf.count().index(), conf.servers().len());
            for server in conf.servers() {
                prop_assert_eq!(NameServer::parse(&server.to_string()), Some(server.clone()));
            }
        }
    }
}
