//! One option at a time through dhcproto, behind a rule for its length.
//!
//! dhcproto's decoders trust the length they are told (an MTU of four bytes decodes, some lengths panic with debug
//! assertions) and give up a list in silence, so of an option only that part reaches them which is whole.

use core::net::Ipv4Addr;

use dhcproto::v4::DhcpOption;
use dhcproto::v4::borrowed::DhcpOptionIterator;
use orlop_dhcp_contract::{
    Counters, Discard, DomainName, Ipv4Broadcast, Lease, Mtu, Policy, PrefixLen, Route, UnicastAddr,
};
use orlop_wire::Bounded;

use super::Kind;
use crate::lease::class_prefix;
use crate::option::{Join, Joined, Options};
use form::form;

mod form;

pub(super) use form::is_used;

/// The options of one message as values, and where to count what is left out.
pub(super) struct Decoded<'o, 'a> {
    pub(super) options: &'o Options<'a>,
    pub(super) counters: &'o mut Counters,
}

impl Decoded<'_, '_> {
    pub(super) fn kind(&mut self) -> Result<Kind, Discard> {
        match self.option(53) {
            Some(DhcpOption::MessageType(message)) => Kind::of(message).ok_or(Discard::WrongType),
            _ => Err(Discard::WrongType),
        }
    }

    pub(super) fn server_id(&mut self) -> Option<UnicastAddr> {
        let Some(DhcpOption::ServerIdentifier(addr)) = self.option(54) else { return None };
        self.sound(UnicastAddr::new(addr))
    }

    pub(super) fn client_id(&mut self) -> Option<Vec<u8>> {
        let Some(DhcpOption::ClientIdentifier(id)) = self.option(61) else { return None };
        Some(id)
    }

    pub(super) fn rapid_commit(&mut self) -> bool {
        matches!(self.option(80), Some(DhcpOption::RapidCommit))
    }

    pub(super) fn lease_secs(&mut self) -> Option<u32> {
        let Some(DhcpOption::AddressLeaseTime(secs)) = self.option(51) else { return None };
        Some(secs)
    }

    pub(super) fn renewal_secs(&mut self) -> Option<u32> {
        let Some(DhcpOption::Renewal(secs)) = self.option(58) else { return None };
        Some(secs)
    }

    pub(super) fn rebinding_secs(&mut self) -> Option<u32> {
        let Some(DhcpOption::Rebinding(secs)) = self.option(59) else { return None };
        Some(secs)
    }

    /// A mask that puts half the Internet on the link is as bad as one with a hole.
    pub(super) fn mask(&mut self) -> Option<PrefixLen> {
        let Some(DhcpOption::SubnetMask(mask)) = self.option(1) else { return None };
        self.sound(PrefixLen::from_mask(mask).filter(|prefix| prefix.bits() >= Policy::MIN_PREFIX))
    }

    pub(super) fn broadcast(&mut self) -> Option<Ipv4Broadcast> {
        let Some(DhcpOption::BroadcastAddr(addr)) = self.option(28) else { return None };
        Some(Ipv4Broadcast(addr))
    }

    pub(super) fn mtu(&mut self) -> Option<Mtu> {
        let Some(DhcpOption::InterfaceMtu(bytes)) = self.option(26) else { return None };
        self.sound(Mtu::new(bytes))
    }

    pub(super) fn dns<const N: usize>(&mut self) -> Bounded<UnicastAddr, N> {
        let Some(DhcpOption::DomainNameServer(addrs)) = self.option(6) else { return Bounded::new() };
        self.hosts(addrs)
    }

    pub(super) fn ntp<const N: usize>(&mut self) -> Bounded<UnicastAddr, N> {
        let Some(DhcpOption::NtpServers(addrs)) = self.option(42) else { return Bounded::new() };
        self.hosts(addrs)
    }

    /// Azure's, of which no RFC speaks: an address.
    pub(super) fn wire_server(&mut self) -> Option<UnicastAddr> {
        let Some(DhcpOption::Unknown(option)) = self.option(245) else { return None };
        let addr = option.data().first_chunk::<4>().map(|octets| Ipv4Addr::from_octets(*octets));
        self.sound(addr.and_then(UnicastAddr::new))
    }

    /// Where packets may go: the routers of option 3, or else routes.
    ///
    /// RFC 3442: a list of classless routes (option 121, or 249, which is Microsoft's number for the same) silences options
    /// 33 and 3, whether its routes can be used or not. One that is damaged and has no default route does not: it may have been lost.
    pub(super) fn ways(
        &mut self,
    ) -> (Bounded<UnicastAddr, { Lease::MAX_ROUTERS }>, Bounded<Route, { Lease::MAX_ROUTES }>) {
        for code in [CLASSLESS_ROUTES, MICROSOFT_ROUTES] {
            if let Some((DhcpOption::ClasslessStaticRoute(list), whole)) = self.read(code) {
                let silences = whole || list.iter().any(|(destination, _)| destination.prefix_len() == 0);
                let routes = self.each(list, |(destination, gateway)| {
                    let prefix = PrefixLen::new(destination.prefix_len())?;
                    // RFC 3442: a router of 0.0.0.0 means that the destination is on the link.
                    let gateway = if gateway.is_unspecified() { None } else { Some(UnicastAddr::new(gateway)?) };
                    Route::new(destination.addr(), prefix, gateway)
                });
                return if silences { (Bounded::new(), routes) } else { self.beside_routers(routes) };
            }
        }
        let Some(DhcpOption::StaticRoutingTable(list)) = self.option(33) else {
            return (self.routers(), Bounded::new());
        };
        let routes = self.each(list, |(destination, gateway)| {
            // RFC 2132 section 5.8: no default route here. A router that is the destination itself says that it is on the link.
            if destination.is_unspecified() {
                return None;
            }
            let host = gateway == destination;
            let prefix = if host { PrefixLen::HOST } else { class_prefix(destination) };
            let gateway = if host { None } else { Some(UnicastAddr::new(gateway)?) };
            Route::new(destination, prefix, gateway)
        });
        self.beside_routers(routes)
    }

    /// These routes and the first router of option 3, as a route like them, so that a lease has one kind or the other.
    fn beside_routers(
        &mut self,
        mut routes: Bounded<Route, { Lease::MAX_ROUTES }>,
    ) -> (Bounded<UnicastAddr, { Lease::MAX_ROUTERS }>, Bounded<Route, { Lease::MAX_ROUTES }>) {
        let routers = self.routers();
        if routes.is_empty() {
            return (routers, routes);
        }
        let default =
            routers.first().and_then(|router| Route::new(Ipv4Addr::UNSPECIFIED, PrefixLen::DEFAULT, Some(*router)));
        if let Some(default) = default
            && routes.push(default).is_err()
        {
            // The way out is worth more than the last of so many routes.
            self.counters.count(Discard::Excess);
            let kept = Lease::MAX_ROUTES.saturating_sub(1);
            routes = routes.iter().copied().take(kept).chain([default]).collect();
        }
        (Bounded::new(), routes)
    }

    fn routers(&mut self) -> Bounded<UnicastAddr, { Lease::MAX_ROUTERS }> {
        let Some(DhcpOption::Router(addrs)) = self.option(3) else { return Bounded::new() };
        self.hosts(addrs)
    }

    /// The name that the server has for us, if a host can be called that.
    pub(super) fn hostname(&mut self) -> Option<DomainName> {
        let Some(DhcpOption::Hostname(text)) = self.option(12) else { return None };
        self.sound(DomainName::new(unterminated(&text)).ok().filter(DomainName::is_host_name))
    }

    /// The domain of the network and the domains to search. Where there is no option 119, servers write several into option 15,
    /// with blanks or commas between them: all of these are names, or none of it counts.
    pub(super) fn domains(&mut self) -> (Option<DomainName>, Bounded<DomainName, { Lease::MAX_SEARCH }>) {
        let names = match self.option(15) {
            Some(DhcpOption::DomainName(text)) => {
                let parts = unterminated(&text).split([' ', '\t', ',']).filter(|part| !part.is_empty());
                let names: Option<Vec<DomainName>> = parts.map(|part| DomainName::new(part).ok()).collect();
                self.sound(names.filter(|names| !names.is_empty())).unwrap_or_default()
            }
            _ => Vec::new(),
        };
        let domain = names.first().cloned();
        let listed = self.search();
        let search = if listed.is_empty() && names.len() > 1 { self.each(names, Some) } else { listed };
        (domain, search)
    }

    fn search(&mut self) -> Bounded<DomainName, { Lease::MAX_SEARCH }> {
        let Some(DhcpOption::DomainSearch(names)) = self.option(119) else { return Bounded::new() };
        // dhcproto stops in silence at the first name it cannot follow (a pointer forward or to itself).
        let complete = self.options.get(119, Join::All).map_or(0, |joined| form::count_names(&joined.bytes));
        if names.len() < complete {
            self.counters.count(Discard::BadOption);
        }
        // Escapes of `to_ascii` contain a backslash, which is in no `DomainName`.
        self.each(names, |wire| DomainName::new(&wire.to_ascii()).ok())
    }

    /// Option `code` as dhcproto reads it, or `None` when it is absent or nothing of it is whole. What is left out is counted.
    fn option(&mut self, code: u8) -> Option<DhcpOption> {
        self.read(code).map(|(option, _)| option)
    }

    /// The same, and whether nothing of it was left out.
    fn read(&mut self, code: u8) -> Option<(DhcpOption, bool)> {
        let form = form(code)?;
        let Joined { bytes, left_out } = self.options.get(code, form.join())?;
        let whole = bytes.get(..form.whole(&bytes)).filter(|whole| !whole.is_empty() || form.may_be_empty());
        let decoded = whole.and_then(|whole| decode(code, whole));
        let complete = decoded.is_some() && whole.is_some_and(|whole| whole.len() == bytes.len());
        let left_out = left_out.or((!complete).then_some(Discard::BadOption));
        if let Some(left_out) = left_out {
            self.counters.count(left_out);
        }
        decoded.map(|decoded| (decoded, left_out.is_none()))
    }

    fn hosts<const N: usize>(&mut self, addrs: Vec<Ipv4Addr>) -> Bounded<UnicastAddr, N> {
        self.each(addrs, UnicastAddr::new)
    }

    /// The sound ones among `items`, without repetitions and at most `N`; the rest is counted.
    fn each<I, T: PartialEq, const N: usize>(
        &mut self,
        items: Vec<I>,
        check: impl Fn(I) -> Option<T>,
    ) -> Bounded<T, N> {
        let mut kept = Bounded::new();
        for item in items {
            let Some(value) = self.sound(check(item)) else { continue };
            if !kept.contains(&value) && kept.push(value).is_err() {
                self.counters.count(Discard::Excess);
                break;
            }
        }
        kept
    }

    fn sound<T>(&mut self, value: Option<T>) -> Option<T> {
        if value.is_none() {
            self.counters.count(Discard::BadOption);
        }
        value
    }
}

/// Text of a server: some count a final zero byte as part of it (RFC 2132 section 2 forbids it).
fn unterminated(text: &str) -> &str {
    text.trim_end_matches('\0')
}

/// RFC 3442.
const CLASSLESS_ROUTES: u8 = 121;
/// The same under the number that Windows servers use.
const MICROSOFT_ROUTES: u8 = 249;

/// Writes the option in its canonical form, which is what dhcproto joins again, and reads it.
fn decode(code: u8, data: &[u8]) -> Option<DhcpOption> {
    let code = if code == MICROSOFT_ROUTES { CLASSLESS_ROUTES } else { code };
    let mut canonical = Vec::with_capacity(data.len().saturating_add(16));
    // `chunks` of nothing is nothing, but an empty option is one empty instance.
    let chunks = if data.is_empty() { vec![data] } else { data.chunks(255).collect() };
    for chunk in chunks {
        canonical.push(code);
        canonical.push(u8::try_from(chunk.len()).ok()?);
        canonical.extend_from_slice(chunk);
    }
    DhcpOptionIterator::new(&canonical).next()?.into_option().ok()
}
