//! The names among the sources: a worker of its own looks them up, at the servers of resolv.conf.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use orlop_broker::optional::{News, Optional};
use orlop_lookup_contract::{
    Counters, Denied, Failure, NameId, NameServer, Notice, Place, Policy, Request, ResolvConf, Transport,
};
use orlop_machine::Instant;
use orlop_ntp_contract::{MAX_SOURCES, ServerAddr, SourceId};
use orlop_ntp_profiles::LOOKUP_WORKER;
use orlop_sandbox::clock;
use orlop_sandbox::connection::open_connecting;
use orlop_sandbox::datagram::open_connected;
use orlop_sandbox::fatal::{Exit, Fatal};
use orlop_sandbox::folder_watch::FolderWatch;
use orlop_sandbox::posture::Posture;
use orlop_wire::DomainName;
use tracing::{debug, info, warn};

/// Where name servers are looked for: what the DHCP client or a resolver writes, or else what the image has.
pub(super) const FOLDER: &str = "/run/resolvconf";
const FILES: [&str; 2] = ["/run/resolvconf/resolv.conf", "/etc/resolv.conf"];

/// The names, and who looks them up.
pub(super) struct Names<'n> {
    worker: Optional<'n, Notice, Request>,
    policy: Policy,
    servers: ResolvConf,
    watch: Option<FolderWatch>,
    wanted: BTreeMap<NameId, Wanted>,
    /// What the worker says that it has dropped.
    discards: Counters,
}

/// A name that is looked up.
struct Wanted {
    whose: Whose,
    name: DomainName,
    port: u16,
    /// What was told of it last, so that it is told once.
    failure: Option<Failure>,
}

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    /// The source itself: as it was named.
    Source(SourceId),
    /// The server of its time, as the one named it that exchanges keys.
    Named(SourceId),
}

impl Whose {
    fn id(self) -> Option<NameId> {
        let named = u8::try_from(MAX_SOURCES).unwrap_or(u8::MAX);
        NameId::new(match self {
            Self::Source(source) => source.into(),
            Self::Named(source) => named.saturating_add(source.into()),
        })
    }
}

/// What there is to know.
pub(super) enum Heard {
    /// Where the servers of a name are.
    Found(Whose, Vec<ServerAddr>),
    /// What the worker is restricted by.
    Came(&'static str, Posture),
    /// Nothing for anybody else.
    Nothing,
}

/// Watches where resolv.conf is written, if it can be: to be opened before the sandbox narrows.
pub(super) fn watch() -> Option<FolderWatch> {
    FolderWatch::new(Path::new(FOLDER)).ok()
}

impl<'n> Names<'n> {
    pub(super) fn new(worker: Optional<'n, Notice, Request>, watch: Option<FolderWatch>) -> Self {
        let policy = Policy::new(clock::now());
        let (wanted, discards) = (BTreeMap::new(), Counters::default());
        Self { worker, policy, servers: ResolvConf::default(), watch, wanted, discards }
    }

    /// What was dropped of what name servers said, since the worker began.
    pub(super) const fn discards(&self) -> Counters {
        self.discards
    }

    /// Looks `name` up, now and for ever. `false` when it is none that could be looked up.
    pub(super) fn want(&mut self, whose: Whose, name: &str, port: u16) -> bool {
        let name = DomainName::new(name.strip_suffix('.').unwrap_or(name));
        let (Ok(name), Some(id)) = (name, whose.id()) else { return false };
        if self.wanted.is_empty() {
            self.servers = read();
        }
        self.policy.ask(id);
        self.wanted.insert(id, Wanted { whose, name: name.clone(), port, failure: None });
        self.worker.ask(LOOKUP_WORKER);
        self.tell(&Notice::Lookup { id, name });
        true
    }

    /// The name is of no interest any more.
    pub(super) fn forget(&mut self, whose: Whose) {
        let Some(id) = whose.id() else { return };
        if self.wanted.remove(&id).is_some() {
            self.policy.forget(id);
            self.tell(&Notice::Forget { id });
        }
    }

    /// The network is there, again or under other addresses of ours: whatever has no address is asked for at once.
    pub(super) fn refresh(&mut self) {
        if !self.wanted.is_empty() {
            self.servers = read();
            self.tell_servers();
        }
    }

    /// Waits for what happens next. Cancelling loses nothing.
    pub(super) async fn next(&mut self) -> Result<Heard, Fatal> {
        let Self { worker, watch, .. } = self;
        let news = tokio::select! {
            news = worker.next() => Some(news?),
            changed = changed(watch.as_ref()) => {
                changed.map_err(|cause| Fatal::os("cannot watch resolv.conf", cause))?;
                None
            }
        };
        Ok(match news {
            Some(News::Came { name, posture, .. }) => {
                self.tell_servers();
                for (id, wanted) in &self.wanted {
                    self.tell(&Notice::Lookup { id: *id, name: wanted.name.clone() });
                }
                Heard::Came(name, posture)
            }
            Some(News::Said { message, .. }) => self.request(clock::now(), message)?,
            Some(News::Gone { .. }) => Heard::Nothing,
            None => {
                let servers = read();
                if servers != self.servers {
                    self.refresh();
                }
                Heard::Nothing
            }
        })
    }

    fn request(&mut self, now: Instant, request: Request) -> Result<Heard, Fatal> {
        let place = if let Request::Connect(place) = &request { Some(*place) } else { None };
        let request = match self.policy.permit(now, request) {
            Ok(permitted) => permitted.into_request(),
            Err(Denied::TooManyDenials) => {
                let fatal = Fatal::new(Exit::Software, "the worker that looks up names is not to be trusted any more");
                return Err(fatal.cause(Denied::TooManyDenials));
            }
            Err(denied) => {
                debug!(%denied, "a look-up is denied");
                if let Some(place) = place {
                    self.tell(&Notice::Unconnected(place));
                }
                return Ok(Heard::Nothing);
            }
        };
        Ok(match request {
            Request::Connect(place) => {
                self.connect(place);
                Heard::Nothing
            }
            Request::Found { id, addresses, lifetime: _ } => {
                let Some(wanted) = self.wanted.get_mut(&id) else { return Ok(Heard::Nothing) };
                wanted.failure = None;
                let servers = addresses.iter().filter_map(|addr| ServerAddr::new(addr.get(), wanted.port)).collect();
                debug!(name = %wanted.name, addresses = addresses.len(), "found");
                Heard::Found(wanted.whose, servers)
            }
            Request::Failed { id, why } => {
                if let Some(wanted) = self.wanted.get_mut(&id)
                    && wanted.failure.replace(why) != Some(why)
                {
                    warn!(name = %wanted.name, "the name {why}; it is asked for again");
                }
                Heard::Nothing
            }
            Request::Discards(discards) => {
                self.discards = discards;
                Heard::Nothing
            }
        })
    }

    /// Opens the socket that is asked for, and hands it over.
    fn connect(&self, place: Place) {
        let opened = self
            .servers
            .server(place.server)
            .ok_or(io::ErrorKind::NotFound.into())
            .and_then(|server| open(server, place.transport));
        let told = match (opened, self.worker.channel(LOOKUP_WORKER)) {
            (Ok(socket), Some(worker)) => worker.send_with(&Notice::Connected(place), socket.as_fd()).is_ok(),
            (Err(cause), _) => {
                debug!(%cause, "no way to a name server");
                self.tell(&Notice::Unconnected(place));
                true
            }
            (Ok(_), None) => true,
        };
        if !told {
            debug!("the worker that looks up names does not hear");
        }
    }

    fn tell_servers(&mut self) {
        let count = self.servers.count();
        self.policy.servers(count);
        if self.servers.servers().is_empty() {
            info!("no name server yet: {} names none", FILES[0]);
        }
        self.tell(&Notice::Servers(count));
    }

    /// Nothing is lost where the worker is not there: it is told all when it comes.
    fn tell(&self, notice: &Notice) {
        if let Err(error) = self.worker.send(LOOKUP_WORKER, notice) {
            debug!(%error, "the worker that looks up names is not there yet");
        }
    }
}

async fn changed(watch: Option<&FolderWatch>) -> io::Result<()> {
    match watch {
        Some(watch) => watch.changed().await,
        None => std::future::pending().await,
    }
}

/// The name servers as they are now.
fn read() -> ResolvConf {
    let text = FILES.iter().find_map(|path| orlop_config::read(Path::new(path)).ok());
    ResolvConf::parse(text.unwrap_or_default().as_bytes())
}

fn open(server: &NameServer, transport: Transport) -> io::Result<OwnedFd> {
    if server.interface().is_some() {
        // Its number is the kernel's to tell, by a call that this process does not have.
        return Err(io::ErrorKind::Unsupported.into());
    }
    let addr = SocketAddr::new(server.addr(), NameServer::PORT);
    match transport {
        Transport::Udp => open_connected(addr),
        Transport::Tcp => open_connecting(addr),
    }
}
