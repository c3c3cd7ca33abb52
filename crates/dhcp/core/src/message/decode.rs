//! One option at a time through dhcproto, behind a rule for its length.
//!
//! dhcproto's decoders trust the length they are told (an MTU of four bytes decodes, some lengths panic with debug
//! assertions) and give up a list in silence, so an option reaches them only when its form is right.

use core::net::Ipv4Addr;

use dhcproto::v4::DhcpOption;
use dhcproto::v4::borrowed::DhcpOptionIterator;
use orlop_dhcp_contract::{Counters, Discard, DomainName, Ipv4Broadcast, Mtu, Policy, PrefixLen, Route, UnicastAddr};
use orlop_wire::Bounded;

use super::Kind;
use crate::option::Options;

/// What the bytes of an option must look like.
#[derive(Clone, Copy)]
enum Form {
    /// Exactly so many bytes.
    Exactly(usize),
    /// One IPv4 address or more.
    Addresses,
    /// Text or an identifier: from one byte to so many.
    UpTo(usize),
    /// Names of RFC 1035, each complete, in at most so many bytes.
    Names(usize),
    /// Destination descriptors and routers of RFC 3442, each complete.
    Routes,
}

/// The options in use (RFC 2132 unless said otherwise) and their forms.
const FORMS: &[(u8, Form)] = &[
    (1, Form::Exactly(4)),
    (3, Form::Addresses),
    (6, Form::Addresses),
    // A name has 253 characters; some servers count a final zero byte or two.
    (12, Form::UpTo(255)),
    (15, Form::UpTo(255)),
    (26, Form::Exactly(2)),
    (28, Form::Exactly(4)),
    (42, Form::Addresses),
    (51, Form::Exactly(4)),
    (53, Form::Exactly(1)),
    (54, Form::Exactly(4)),
    (58, Form::Exactly(4)),
    (59, Form::Exactly(4)),
    (61, Form::UpTo(255)),
    (80, Form::Exactly(0)),
    // RFC 3397. Pointers make short bytes long text: this much can decode to half a megabyte for a moment.
    (119, Form::Names(1024)),
    (121, Form::Routes),
];

/// Whether option `code` is read at all.
pub(super) fn is_used(code: u8) -> bool {
    form(code).is_some()
}

fn form(code: u8) -> Option<Form> {
    FORMS.iter().find(|(have, _)| *have == code).map(|(_, form)| *form)
}

impl Form {
    fn fits(self, data: &[u8]) -> bool {
        match self {
            Self::Exactly(len) => data.len() == len,
            Self::Addresses => !data.is_empty() && data.len().is_multiple_of(4),
            Self::UpTo(max) => (1..=max).contains(&data.len()),
            Self::Names(max) => data.len() <= max && is_name_list(data),
            Self::Routes => is_route_list(data),
        }
    }
}

/// Labels up to a zero or a pointer, again and again, to the very end.
fn is_name_list(data: &[u8]) -> bool {
    let mut rest = data;
    let mut complete = false;
    while let Some((&len, after)) = rest.split_first() {
        // RFC 1035 section 4.1.4: 00 is a label, 11 a pointer of two bytes, 01 and 10 are reserved.
        let skip = match len {
            0 => 0,
            1..=63 => usize::from(len),
            64..=191 => return false,
            192..=255 => 1,
        };
        complete = !(1..=63).contains(&len);
        let Some(after) = after.get(skip..) else { return false };
        rest = after;
    }
    complete
}

/// Width, the significant bytes of the destination, four bytes of router, again and again, to the very end.
fn is_route_list(data: &[u8]) -> bool {
    let mut rest = data;
    while let Some((&width, after)) = rest.split_first() {
        if width > 32 {
            return false;
        }
        let need = usize::from(width.div_ceil(8)).saturating_add(4);
        let Some(after) = after.get(need..) else { return false };
        rest = after;
    }
    !data.is_empty()
}

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

    pub(super) fn routers<const N: usize>(&mut self) -> Bounded<UnicastAddr, N> {
        let Some(DhcpOption::Router(addrs)) = self.option(3) else { return Bounded::new() };
        self.hosts(addrs)
    }

    pub(super) fn dns<const N: usize>(&mut self) -> Bounded<UnicastAddr, N> {
        let Some(DhcpOption::DomainNameServer(addrs)) = self.option(6) else { return Bounded::new() };
        self.hosts(addrs)
    }

    pub(super) fn ntp<const N: usize>(&mut self) -> Bounded<UnicastAddr, N> {
        let Some(DhcpOption::NtpServers(addrs)) = self.option(42) else { return Bounded::new() };
        self.hosts(addrs)
    }

    pub(super) fn routes<const N: usize>(&mut self) -> Bounded<Route, N> {
        let Some(DhcpOption::ClasslessStaticRoute(routes)) = self.option(121) else { return Bounded::new() };
        self.each(routes, |(destination, gateway)| {
            let prefix = PrefixLen::new(destination.prefix_len())?;
            // RFC 3442: a router of 0.0.0.0 means that the destination is on the link.
            let gateway = if gateway.is_unspecified() { None } else { Some(UnicastAddr::new(gateway)?) };
            Route::new(destination.addr(), prefix, gateway)
        })
    }

    pub(super) fn hostname(&mut self) -> Option<DomainName> {
        let Some(DhcpOption::Hostname(text)) = self.option(12) else { return None };
        self.sound(name(&text))
    }

    pub(super) fn domain(&mut self) -> Option<DomainName> {
        let Some(DhcpOption::DomainName(text)) = self.option(15) else { return None };
        self.sound(name(&text))
    }

    pub(super) fn search<const N: usize>(&mut self) -> Bounded<DomainName, N> {
        let Some(DhcpOption::DomainSearch(names)) = self.option(119) else { return Bounded::new() };
        // dhcproto stops in silence at the first name it cannot follow (a pointer forward or to itself).
        if names.is_empty() {
            self.counters.count(Discard::BadOption);
        }
        // Escapes of `to_ascii` contain a backslash, which is in no `DomainName`.
        self.each(names, |wire| DomainName::new(&wire.to_ascii()).ok())
    }

    /// Option `code` as dhcproto reads it, or `None` when it is absent or malformed (then it is counted).
    fn option(&mut self, code: u8) -> Option<DhcpOption> {
        let form = form(code)?;
        let data = match self.options.get(code) {
            Ok(data) => data?,
            Err(discard) => {
                self.counters.count(discard);
                return None;
            }
        };
        let decoded = if form.fits(&data) { decode(code, &data) } else { None };
        self.sound(decoded)
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
fn name(text: &str) -> Option<DomainName> {
    DomainName::new(text.trim_end_matches('\0')).ok()
}

/// Writes the option in its canonical form, which is what dhcproto joins again, and reads it.
fn decode(code: u8, data: &[u8]) -> Option<DhcpOption> {
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
