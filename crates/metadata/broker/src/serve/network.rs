//! A provider that is asked: the worker speaks, on connections that the broker makes.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd as _, OwnedFd};

use orlop_broker::netfacts;
use orlop_machine::Instant;
use orlop_metadata_contract::{
    Chunk, Document, Endpoint, Errand, Failure, Location, Notice, Place, Provider, endpoints,
};
use orlop_metadata_profiles::NETWORK_WORKER;
use orlop_netfacts::Facts;
use orlop_sandbox::connection::open_connecting_through;
use orlop_sandbox::fatal::Fatal;
use orlop_wire::HostAddr;
use tracing::{debug, info};

use super::haul::{Haul, Step};
use super::{Awaited, Found, Search};

/// Why a source gives nothing when the worker that asks is not there.
const NOT_STARTED: &str = "the process that asks could not be started";
const ENDED: &str = "the process that asks has ended";

/// What becomes of a connection that a worker asks for.
enum Way {
    /// It is there, or about to be.
    Open(OwnedFd),
    /// It cannot be had.
    Closed,
    /// There is no route to the service, and none to another one of the provider. One may come.
    None(IpAddr),
}

impl<'t> Search<'t> {
    /// Asks `provider`, for as long as there is time until then.
    pub(super) async fn ask(&mut self, provider: Provider, until: Instant) -> Result<Option<Found<'t>>, Fatal> {
        let (location, endpoints) = loop {
            let location = self.location(provider);
            let endpoints = endpoints(provider, location.as_ref());
            if !endpoints.is_empty() || !self.hears_of_networks(provider, until).await? {
                break (location, endpoints);
            }
        };
        let Ok(count) = u8::try_from(endpoints.len()) else { return Ok(None) };
        if count == 0 {
            self.failed(provider.name(), format_args!("nobody says where its service is in {}", netfacts::FOLDER));
            return Ok(None);
        }
        if !self.crew.start(NETWORK_WORKER).await? {
            self.failed(provider.name(), NOT_STARTED);
            return Ok(None);
        }
        info!(provider = provider.name(), "asking");
        let mut haul = Haul::new(self.tree, Errand::Fetch { endpoints: count })?;
        // A run that writes nothing leaves the machine as ready as it was.
        let reports = self.tree.is_some();
        let errand = Notice::Fetch { provider, location, allow_imdsv1: self.allow_imdsv1, reports, until };
        if !self.tell(&errand).await {
            self.failed(provider.name(), ENDED);
            return Ok(None);
        }
        let mut wanted = None;
        loop {
            if let Some(place) = wanted {
                match self.way(&endpoints, place)? {
                    Way::None(addr) => {
                        if self.awaited.replace(Awaited::Route(addr)) != Some(Awaited::Route(addr)) {
                            info!(%addr, "waiting for a route");
                        }
                    }
                    way @ (Way::Open(_) | Way::Closed) => {
                        (wanted, self.awaited) = (None, None);
                        // A worker that is gone is heard of.
                        self.connected(place, way);
                    }
                }
            }
            let step = tokio::select! {
                heard = self.crew.hear(NETWORK_WORKER) => {
                    let Some(message) = heard? else {
                        self.failed(provider.name(), ENDED);
                        return Ok(None);
                    };
                    haul.take(message)?
                }
                changed = self.routes.changed(), if wanted.is_some() => {
                    changed.map_err(|cause| Fatal::os("cannot hear of routes", cause))?;
                    continue;
                }
            };
            match step {
                Step::More | Step::Disk(..) => {}
                Step::Connect(place) => wanted = Some(place),
                Step::Done(left_out) => {
                    // What is usually on a disk is not called one where it is not.
                    let said = if provider.is_on_disk() { provider.name() } else { provider.said() };
                    return Ok(Some(Found { provider: said.to_owned(), haul, left_out }));
                }
                Step::Failed(failure) => {
                    self.is_late |= matches!(failure, Failure::Unreachable | Failure::Silent);
                    self.failed(provider.name(), failure);
                    return Ok(None);
                }
            }
        }
    }

    /// Waits until the DHCP client says something else, where it is the one that says where `provider` is. `false` when there is nobody
    /// who could, or no more time for it.
    async fn hears_of_networks(&mut self, provider: Provider, until: Instant) -> Result<bool, Fatal> {
        if provider != Provider::CloudStack || !self.netfacts.is_there() {
            return Ok(false);
        }
        if self.awaited.replace(Awaited::Server) != Some(Awaited::Server) {
            info!(provider = provider.name(), "waiting for the DHCP client to say who its server is");
        }
        let failed = |what: &'static str| move |cause: io::Error| Fatal::os(what, cause);
        self.pause.set(Some(until)).map_err(failed("cannot set the timer"))?;
        tokio::select! {
            changed = self.netfacts.changed() => changed.map(|()| true).map_err(failed("cannot hear of networks")),
            expired = self.pause.expired() => {
                self.is_late = true;
                expired.map(|()| false).map_err(failed("the timer failed"))
            }
        }
    }

    /// Where it is, as far as that is not in the table: as the machine was started, or as the DHCP client says.
    fn location(&self, provider: Provider) -> Option<Location> {
        let told = |fact: fn(&Facts) -> Option<IpAddr>| {
            self.netfacts.read().iter().find_map(fact).and_then(HostAddr::new).map(Location::at)
        };
        match provider {
            Provider::NoCloud => self.seed.clone(),
            Provider::CloudStack => told(|facts| facts.server),
            Provider::Azure => told(|facts| facts.wireserver),
            Provider::Aws
            | Provider::Gcp
            | Provider::OpenStack
            | Provider::DigitalOcean
            | Provider::Hetzner
            | Provider::Vultr
            | Provider::Scaleway
            | Provider::Oracle
            | Provider::Ibm
            | Provider::Alibaba
            | Provider::Exoscale
            | Provider::Akamai
            | Provider::UpCloud
            | Provider::Mmds
            | Provider::ConfigDrive
            | Provider::Cdrom => None,
        }
    }

    /// Has the worker make files of the user data that the broker has.
    pub(super) async fn read_document(&mut self, document: Document) -> Result<Option<Found<'t>>, Fatal> {
        let Document { source, content, is_base64 } = document;
        if !self.crew.start(NETWORK_WORKER).await? {
            self.failed(source, NOT_STARTED);
            return Ok(None);
        }
        let mut haul = Haul::new(self.tree, Errand::Read)?;
        let length = u32::try_from(content.len()).unwrap_or(u32::MAX);
        // A worker that does not take all of it is gone, and heard of.
        let mut takes = self.tell(&Notice::Document { length, is_base64 }).await;
        for piece in content.chunks(Chunk::MAX) {
            takes = takes && self.tell(&Notice::Piece(piece.iter().copied().collect())).await;
        }
        loop {
            let Some(message) = self.crew.hear(NETWORK_WORKER).await? else {
                self.failed(source, ENDED);
                return Ok(None);
            };
            match haul.take(message)? {
                Step::More | Step::Connect(_) | Step::Disk(..) => {}
                Step::Done(left_out) => return Ok(Some(Found { provider: source, haul, left_out })),
                Step::Failed(failure) => {
                    self.failed(source, failure);
                    return Ok(None);
                }
            }
        }
    }

    /// Opens a connection to the endpoint in this `place`, on the interface that leads there.
    fn way(&self, endpoints: &[Endpoint], place: Place) -> Result<Way, Fatal> {
        let Some(Endpoint { addr, port, from_low_port, service }) = endpoints.get(usize::from(place.0)).copied() else {
            return Ok(Way::Closed);
        };
        let to = |addr| self.routes.to(addr).map_err(|cause| Fatal::os("cannot ask for a route", cause));
        let Some(interface) = to(addr)? else {
            for other in endpoints.iter().filter(|other| other.service == service && other.addr != addr) {
                if to(other.addr)?.is_some() {
                    return Ok(Way::Closed);
                }
            }
            return Ok(Way::None(addr));
        };
        Ok(match open_connecting_through(interface, SocketAddr::new(addr, port), from_low_port) {
            Ok(socket) => Way::Open(socket),
            Err(cause) => {
                debug!(%addr, %cause, "no connection");
                Way::Closed
            }
        })
    }

    /// Says something to the worker; whether it takes it.
    async fn tell(&self, notice: &Notice) -> bool {
        match self.crew.channel(NETWORK_WORKER) {
            Some(network) => network.send(notice).await.is_ok(),
            None => false,
        }
    }

    fn connected(&self, place: Place, way: Way) {
        let told = self.crew.channel(NETWORK_WORKER).map(|network| match way {
            Way::Open(socket) => network.send_with(&Notice::Connected(place), socket.as_fd()),
            Way::Closed | Way::None(_) => network.try_send(&Notice::Unconnected(place)),
        });
        if !matches!(told, Some(Ok(()))) {
            debug!("the process that asks did not take its connection");
        }
    }
}
