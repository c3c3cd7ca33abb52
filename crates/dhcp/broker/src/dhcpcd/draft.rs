//! What the directives of dhcpcd mean for us.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::path::PathBuf;

use orlop_broker::verbosity::Verbosity;
use orlop_config::{Folder, Seconds};
use orlop_dhcp_contract::{MAX_LINKS, ServerRule};
use orlop_wire::{Bounded, InterfaceName};
use tracing::Level;

use super::directive::{Directive, items};
use crate::client_id::ClientId;
use crate::config::{
    Config, ConflictDetection, File, LinkFile, MAX_PATTERNS, Pattern, SendHostname, ServerEntry, SetHostname, UseMtu,
    VendorClass,
};

/// A configuration while its directives are read, one after another.
#[derive(Debug, Default)]
pub(super) struct Draft {
    file: File,
    everywhere: Scope,
    blocks: BTreeMap<InterfaceName, Scope>,
    place: Place,
}

/// What the next directive is about.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
enum Place {
    #[default]
    Everywhere,
    Interface(InterfaceName),
    /// A block that has no meaning here, so that what stands in it has none, either.
    Nowhere,
}

/// Directives that hold for every interface, or for one.
#[derive(Debug, Default)]
struct Scope {
    keys: LinkFile,
    wanted: Wanted,
}

/// The lists of `option`: once one of these is named, those that are not named are not taken.
#[derive(Debug, Clone, Copy, Default)]
struct Wanted {
    dns: bool,
    ntp: bool,
    mtu: bool,
    hostname: bool,
}

impl Wanted {
    const fn any(self) -> bool {
        self.dns || self.ntp || self.mtu || self.hostname
    }

    const fn or(self, other: Self) -> Self {
        Self {
            dns: self.dns || other.dns,
            ntp: self.ntp || other.ntp,
            mtu: self.mtu || other.mtu,
            hostname: self.hostname || other.hostname,
        }
    }

    /// Switches off what the lists leave out, unless a directive decided already.
    fn limit(self, keys: &mut LinkFile) {
        if self.any() {
            keys.use_dns = keys.use_dns.or(Some(self.dns));
            keys.use_ntp = keys.use_ntp.or(Some(self.ntp));
            keys.use_mtu = keys.use_mtu.or((!self.mtu).then_some(UseMtu::No));
        }
    }
}

/// What `whitelist` or `blacklist` names.
type ServerList = Bounded<ServerEntry, { ServerRule::MAX_NETS }>;

/// dhcpcd takes every interface when nothing says which; these are the Ethernet names of the kernel and of udev.
const DEFAULT_INTERFACES: [&str; 2] = ["eth*", "en*"];

impl Draft {
    /// Takes the next directive of a file.
    pub(super) fn apply(&mut self, directive: &Directive) -> Result<(), Problem> {
        match directive.word.as_str() {
            "interface" => {
                self.place = Place::Nowhere;
                let name =
                    InterfaceName::new(&directive.value).ok_or_else(|| value("not the name of one interface"))?;
                if self.blocks.len() >= MAX_LINKS && !self.blocks.contains_key(&name) {
                    return Err(Problem::Ignored("there are too many interface blocks"));
                }
                self.blocks.entry(name.clone()).or_default();
                self.place = Place::Interface(name);
                Ok(())
            }
            "profile" | "ssid" => {
                self.place = Place::Nowhere;
                Err(Problem::Ignored("this block and what stands in it have no effect"))
            }
            _ => match self.place.clone() {
                Place::Everywhere => self.take(directive, None),
                Place::Interface(name) => self.take(directive, Some(&name)),
                Place::Nowhere => Ok(()),
            },
        }
    }

    /// Takes an option of the command line, which counts more than any block.
    pub(super) fn apply_everywhere(&mut self, directive: &Directive) -> Result<(), Problem> {
        for name in self.blocks.keys().cloned().collect::<Vec<_>>() {
            self.take(directive, Some(&name))?;
        }
        self.take(directive, None)
    }

    fn take(&mut self, directive: &Directive, block: Option<&InterfaceName>) -> Result<(), Problem> {
        let Directive { line: _, word, value: text } = directive;
        let scope = match block {
            Some(name) => self.blocks.entry(name.clone()).or_default(),
            None => &mut self.everywhere,
        };
        let Scope { keys, wanted } = scope;
        let file = &mut self.file;
        match word.as_str() {
            "allowinterfaces" => file.interfaces = Some(patterns(text)?),
            "denyinterfaces" => file.deny_interfaces = Some(patterns(text)?),
            "timeout" => file.deadline = Some(deadline(text)?),
            "debug" => file.log = Some(Verbosity(Level::DEBUG)),
            "quiet" => file.log = Some(Verbosity(Level::WARN)),
            "env" => match text.split_once('=') {
                Some(("force_hostname", yes)) if is_yes(yes) => file.set_hostname = Some(SetHostname::Always),
                Some(("force_hostname", _)) => file.set_hostname = Some(SetHostname::IfDefault),
                Some(_) | None => return Err(Problem::Ignored("there are no hooks that would read it")),
            },
            "hostname" if text.is_empty() => keys.hostname = Some(SendHostname::Current),
            "hostname" => keys.hostname = Some(SendHostname::named(text).map_err(value)?),
            "clientid" if text.is_empty() => keys.client_id = Some(ClientId::Mac),
            "clientid" => keys.client_id = Some(ClientId::new(text).map_err(value)?),
            "duid" => {
                return Err(Problem::Ignored("the client identifier is that of `clientid`, or the hardware address"));
            }
            "vendorclassid" if text.is_empty() => keys.vendor_class = None,
            "vendorclassid" => keys.vendor_class = Some(VendorClass::new(text).map_err(value)?),
            "blacklist" => servers(text, &mut keys.deny_servers)?,
            "whitelist" => servers(text, &mut keys.allow_servers)?,
            "broadcast" => keys.broadcast = Some(true),
            "metric" => keys.metric = Some(text.parse().map_err(value)?),
            "noarp" => keys.conflict_detection = Some(ConflictDetection::Off),
            "gateway" => keys.use_gateway = Some(true),
            "nogateway" => keys.use_gateway = Some(false),
            "option" => return list(text, |option| take_option(option, true, keys, wanted)),
            "nooption" => return list(text, |option| take_option(option, false, keys, wanted)),
            "nohook" => return list(text, |hook| leave_out(hook, keys, file)),
            "nodhcp" | "noipv4" => match block {
                Some(name) => deny(file, name)?,
                None => return Err(Problem::Ignored("orlop-dhcp does nothing but DHCPv4; leave it out of the image")),
            },
            "require" if text == "dhcp_server_identifier" => {}
            "waitip" if matches!(text.as_str(), "" | "4") => {}
            word if ALWAYS_SO.contains(&word) => {}
            "static" | "inform" => return Err(Problem::Ignored("static addresses are not supported, DHCP is used")),
            _ => return Err(Problem::Ignored("it has no effect on orlop-dhcp")),
        }
        Ok(())
    }

    /// The configuration, with resolv.conf in this folder.
    pub(super) fn finish(self, resolv_conf: &str) -> Config {
        let Self { mut file, mut everywhere, blocks, place: _ } = self;
        if everywhere.wanted.any() && !everywhere.wanted.hostname {
            file.set_hostname = file.set_hostname.or(Some(SetHostname::Never));
        }
        let common_wanted = everywhere.wanted;
        common_wanted.limit(&mut everywhere.keys);
        let (allow, deny) = (everywhere.keys.allow_servers.clone(), everywhere.keys.deny_servers.clone());
        complete_servers(&mut everywhere.keys, [None; 2]);
        let common = [allow.as_ref(), deny.as_ref()];
        if file.interfaces.is_none() {
            let named = blocks.keys().map(InterfaceName::as_str);
            file.interfaces =
                Some(DEFAULT_INTERFACES.into_iter().chain(named).filter_map(|p| Pattern::new(p).ok()).collect());
        }
        let LinkFile {
            hostname,
            client_id,
            vendor_class,
            rapid_commit,
            broadcast,
            fallback_lease,
            allow_servers,
            deny_servers,
            metric,
            use_mtu,
            use_dns,
            use_ntp,
            use_routes,
            use_gateway,
            restore,
            conflict_detection,
        } = everywhere.keys;
        let interface = blocks
            .into_iter()
            .map(|(name, Scope { mut keys, wanted })| {
                if wanted.any() {
                    wanted.or(common_wanted).limit(&mut keys);
                    keys.use_mtu = keys.use_mtu.or(Some(UseMtu::Route));
                }
                complete_servers(&mut keys, common);
                (name, keys)
            })
            .collect();
        Config::from(File {
            resolv_conf: Folder::try_from(PathBuf::from(resolv_conf)).ok(),
            // dhcpcd sends no host name unless it is told to.
            hostname: hostname.or(Some(SendHostname::Nothing)),
            client_id,
            vendor_class,
            rapid_commit,
            broadcast,
            fallback_lease,
            allow_servers,
            deny_servers,
            metric,
            use_mtu,
            use_dns,
            use_ntp,
            use_routes,
            use_gateway,
            restore,
            conflict_detection,
            interface,
            ..file
        })
    }
}

/// What a block says adds to what is said for all. dhcpcd ignores `blacklist` where there is a `whitelist`.
fn complete_servers(keys: &mut LinkFile, common: [Option<&ServerList>; 2]) {
    let [allow, deny] = common;
    let more = |own: &mut Option<ServerList>, common: Option<&ServerList>| {
        if let (Some(own), Some(common)) = (own, common) {
            *own = common.iter().chain(own.iter()).copied().collect();
        }
    };
    more(&mut keys.allow_servers, allow);
    more(&mut keys.deny_servers, deny);
    if keys.allow_servers.is_some() || allow.is_some() {
        keys.deny_servers = Some(Bounded::new());
    }
}

/// Directives that ask for what is so anyway, or about IPv6 alone.
const ALWAYS_SO: &[&str] = &[
    "dhcp",
    "ipv4",
    "ipv4only",
    "ipv6",
    "ipv6ra_autoconf",
    "manager",
    "master",
    "nobackground",
    "nodelay",
    "nodhcp6",
    "noipv4ll",
    "noipv6",
    "noipv6rs",
    "persistent",
    "slaac",
];

fn patterns(text: &str) -> Result<Bounded<Pattern, MAX_PATTERNS>, Problem> {
    let all = items(text).take(MAX_PATTERNS).map(|item| Pattern::new(item).map_err(value));
    let all = all.collect::<Result<Vec<_>, _>>()?;
    if all.is_empty() { Err(value("no interface at all")) } else { Ok(all.into_iter().collect()) }
}

/// More servers of a list: each line of it adds some. A list is only written where all of it is understood, so that what was to be
/// refused is never half refused.
fn servers(text: &str, list: &mut Option<ServerList>) -> Result<(), Problem> {
    let before = list.iter().flat_map(|list| list.iter().copied()).map(Ok);
    let all = before.chain(items(text).map(|item| ServerEntry::try_from(item.to_owned()).map_err(value)));
    let all = all.collect::<Result<Vec<_>, _>>()?;
    // What is said for all is added to what a block says: both have to have room.
    if all.len() > ServerRule::MAX_NETS / 2 {
        return Err(Problem::Ignored("there are too many servers in this list"));
    }
    *list = Some(all.into_iter().collect());
    Ok(())
}

fn deadline(text: &str) -> Result<Seconds<1, 3600>, Problem> {
    match text.parse() {
        Ok(0) => Err(Problem::Ignored("a one-shot run always ends; give the seconds it may take")),
        Ok(secs) => Seconds::new(secs).ok_or_else(|| value("not 1 to 3600 seconds")),
        Err(error) => Err(value(error)),
    }
}

fn deny(file: &mut File, name: &InterfaceName) -> Result<(), Problem> {
    let pattern = Pattern::new(name.as_str()).map_err(value)?;
    let denied = file.deny_interfaces.get_or_insert_default();
    denied.push(pattern).map_err(|_| Problem::Ignored("there are too many interfaces to leave alone"))
}

/// One option of the network, by dhcpcd's name for it.
fn take_option(option: &str, take: bool, keys: &mut LinkFile, wanted: &mut Wanted) -> Result<(), Problem> {
    match option {
        "rapid_commit" => keys.rapid_commit = Some(take),
        "domain_name_servers" if take => wanted.dns = true,
        "domain_name_servers" => keys.use_dns = Some(false),
        "ntp_servers" if take => wanted.ntp = true,
        "ntp_servers" => keys.use_ntp = Some(false),
        "interface_mtu" if take => wanted.mtu = true,
        "interface_mtu" => keys.use_mtu = Some(UseMtu::No),
        "host_name" => wanted.hostname = take,
        "routers" if !take => keys.use_gateway = Some(false),
        "domain_name"
        | "domain_search"
        | "classless_static_routes"
        | "subnet_mask"
        | "broadcast_address"
        | "routers"
            if take => {}
        _ => return Err(Problem::Ignored("an option in the list has no effect on orlop-dhcp")),
    }
    Ok(())
}

/// A hook of dhcpcd that is not wanted.
fn leave_out(hook: &str, keys: &mut LinkFile, file: &mut File) -> Result<(), Problem> {
    match hook {
        "resolv.conf" | "20-resolv.conf" => keys.use_dns = Some(false),
        "hostname" | "30-hostname" => file.set_hostname = Some(SetHostname::Never),
        "mtu" | "10-mtu" => keys.use_mtu = Some(UseMtu::No),
        "ntp" | "ntp.conf" | "50-ntp.conf" | "openntpd" | "chrony" | "timesyncd" => keys.use_ntp = Some(false),
        // Hooks that do not exist here are left out already.
        _ => {}
    }
    Ok(())
}

/// Does `each` for every item, and says the first problem after the last.
fn list(text: &str, mut each: impl FnMut(&str) -> Result<(), Problem>) -> Result<(), Problem> {
    let mut all = Ok(());
    for item in items(text) {
        let one = each(item);
        all = all.and(one);
    }
    all
}

/// What dhcpcd's hooks take for yes.
fn is_yes(text: &str) -> bool {
    ["YES", "TRUE", "ON", "1"].iter().any(|yes| yes.eq_ignore_ascii_case(text))
}

fn value(why: impl Display) -> Problem {
    Problem::Value { why: why.to_string() }
}

/// Why a directive has no effect.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Problem {
    /// It has no meaning here.
    #[error("{0}")]
    Ignored(&'static str),
    /// Its value cannot be.
    #[error("its value cannot be: {why}")]
    Value {
        /// What is wrong with it.
        why: String,
    },
}
