//! The broker's loop: one event at a time, each decided by the policy or by the kernel's word, never by the worker's.

use std::collections::{BTreeMap, BTreeSet};

use orlop_broker::control::{Call, next_order};
use orlop_broker::posture::Postures;
use orlop_broker::ready::Ready;
use orlop_broker::status::Writer;
use orlop_dhcp_contract::{
    Ask, Denied, IfIndex, Lease, Notice, Permitted, Policy, Refusal, Request, Transmission, Withdrawal,
};
use orlop_machine::Instant;
use orlop_sandbox::channel::{BrokerChannel, ChannelError};
use orlop_sandbox::clock;
use orlop_sandbox::fatal::{Exit, Fatal};
use tracing::{debug, error, info, warn};

use super::equipment::Equipment;
use super::link::OurLink;
use super::restore::Upkeep;
use super::story::Line;
use crate::config::{Config, UseMtu};
use crate::netlink::{Footprint, next_removal};
use crate::settings::Run;
use crate::status::Status;
use orlop_dhcp_profiles::DAEMON;

/// A broker at work.
pub(super) struct Server {
    pub(super) run: Run,
    pub(super) config: Config,
    /// When the daemon was started: by this process or by one before it.
    pub(super) started: Instant,
    pub(super) equipment: Equipment,
    pub(super) channel: BrokerChannel<Notice, Request>,
    pub(super) policy: Policy,
    pub(super) links: BTreeMap<IfIndex, OurLink>,
    /// Interfaces that should be among them and cannot: another DHCP client holds the port, say.
    pub(super) left_alone: BTreeSet<IfIndex>,
    /// Whether every interface that was there at the start has been told.
    pub(super) listed: bool,
    pub(super) postures: Postures,
    /// How often broker and worker were started anew.
    pub(super) restarts: u32,
    pub(super) status: Writer<Status>,
    pub(super) next_claim_check: Instant,
    /// Who waits for the first lease in force.
    ready: Ready,
}

/// How the daemon began.
pub(super) struct Begun {
    /// When it was started: by this process or by one before it.
    pub(super) started: Instant,
    /// How often broker and worker were started anew since then.
    pub(super) restarts: u32,
    /// Who waits for the first lease in force.
    pub(super) ready: Ready,
}

impl Server {
    pub(super) fn new(
        run: Run,
        config: Config,
        begun: Begun,
        equipment: Equipment,
        postures: Postures,
        channel: BrokerChannel<Notice, Request>,
    ) -> Self {
        let Begun { started, restarts, ready } = begun;
        Self {
            restarts,
            run,
            config,
            started,
            equipment,
            channel,
            policy: Policy::new(),
            links: BTreeMap::new(),
            left_alone: BTreeSet::new(),
            listed: false,
            postures,
            status: Writer::new(&DAEMON),
            next_claim_check: started,
            ready,
        }
    }

    /// Serves until a one-shot run has its outcome, or something ends it.
    pub(super) async fn serve(mut self) -> Result<Exit, Fatal> {
        loop {
            if let Some(exit) = self.catch_up(clock::now())? {
                // The worker first, so that it ends while we do: to take a packet socket down costs the kernel 8 to 16 ms,
                // and both of us hold one. The rest goes with the process.
                let Self { channel, equipment, .. } = self;
                drop(channel);
                std::mem::forget(equipment);
                return Ok(exit);
            }
            let Equipment { interfaces, watch, timer, control, .. } = &mut self.equipment;
            tokio::select! {
                received = self.channel.recv() => self.request(received.map_err(worker_ended)?.message)?,
                event = interfaces.next() => {
                    let event = event.map_err(|cause| Fatal::os("cannot watch the interfaces", cause))?;
                    self.link_event(event)?;
                }
                removed = next_removal(watch) => {
                    let removed = removed.map_err(|cause| Fatal::os("cannot watch addresses and routes", cause))?;
                    self.removed(&removed, clock::now());
                }
                call = next_order(control) => {
                    let Call { order, caller } = call.map_err(|cause| Fatal::os("cannot take orders", cause))?;
                    let reply = self.order(&order)?;
                    if let Some(control) = &mut self.equipment.control {
                        control.answer(caller, &reply);
                    }
                }
                expired = timer.expired() => expired.map_err(|cause| Fatal::os("the timer failed", cause))?,
            }
        }
    }

    /// Decides what the worker asks for, and does it.
    fn request(&mut self, request: Request) -> Result<(), Fatal> {
        let now = clock::now();
        let configured = match &request {
            Request::Configure { link, .. } => Some(*link),
            Request::Transmit(_)
            | Request::Deconfigure { .. }
            | Request::Report { .. }
            | Request::Arp { .. }
            | Request::Probed { .. } => None,
        };
        match (self.policy.permit(now, request), configured) {
            (Ok(permitted), _) => self.perform(now, permitted),
            (Err(denied @ Denied::TooManyDenials), _) => {
                Err(Fatal::new(Exit::Software, "the worker asks for what it must not have").cause(denied))
            }
            (Err(denied), configured) => {
                let Some(our) = configured.and_then(|link| self.links.get_mut(&link)) else {
                    debug!(%denied, "request denied");
                    return Ok(());
                };
                warn!(interface = %our.link.name, %denied, "lease denied");
                let why = if denied == Denied::NewServer { Refusal::NewServer } else { Refusal::Policy };
                our.refused = Some(why);
                let link = our.index();
                self.notify(&Notice::Refused { link, why })
            }
        }
    }

    /// Does what was permitted. Nothing else acts on the worker's word.
    fn perform(&mut self, now: Instant, permitted: Permitted) -> Result<(), Fatal> {
        match permitted.into_request() {
            Request::Transmit(transmission) => self.transmit(now, &transmission),
            Request::Configure { link, lease } => return self.configure(now, link, lease),
            Request::Deconfigure { link, why } => return self.deconfigure(link, why),
            Request::Arp { link, packet } => self.send_arp(now, link, packet),
            Request::Probed { link, finding } => return self.probed(now, link, finding),
            Request::Report { link, progress } => {
                if let Some(our) = self.links.get_mut(&link) {
                    our.progress = Some(progress);
                }
            }
        }
        Ok(())
    }

    fn transmit(&mut self, now: Instant, transmission: &Transmission) {
        let own_name = self.own_name();
        let Some(our) = self.links.get_mut(&transmission.link) else { return };
        let sent = self.equipment.transmit.send(&our.link.name, &our.speaker(own_name.as_ref()), transmission);
        match sent {
            Ok(()) => {
                self.policy.sent(now, transmission);
                our.extending = matches!(transmission.ask, Ask::Renew { .. } | Ask::Rebind { .. });
                let interface = &our.link.name;
                debug!(%interface, ask = ?transmission.ask, xid = transmission.xid, "sent");
                match our.story.sent(transmission.ask, now) {
                    Some(Line::Soliciting) => info!(%interface, "soliciting a lease"),
                    Some(Line::Reclaiming(address)) => info!(%interface, %address, "asking for the address of before"),
                    Some(Line::Offered { address, server }) => info!(%interface, %address, %server, "offered"),
                    Some(Line::Renewing { server }) => info!(%interface, %server, "renewing the lease"),
                    Some(Line::Rebinding) => warn!(%interface, "the server of the lease does not answer; asking any"),
                    None => {}
                }
            }
            // For the protocol it is a lost packet.
            Err(error) => warn!(interface = %our.link.name, cause = %error.cause, "cannot send"),
        }
    }

    fn configure(&mut self, now: Instant, index: IfIndex, lease: Lease) -> Result<(), Fatal> {
        self.drop_waiting(index)?;
        if self.waits_for_probes(index, &lease) {
            return self.hold(now, index, lease);
        }
        let unsure = self.is_unsure(index, &lease);
        self.enforce(now, index, lease)?;
        if unsure { self.watch_in_force(now, index) } else { Ok(()) }
    }

    /// Puts a permitted lease in force.
    pub(super) fn enforce(&mut self, now: Instant, index: IfIndex, lease: Lease) -> Result<(), Fatal> {
        let Some(our) = self.links.get_mut(&index) else { return Ok(()) };
        let netlink = &mut self.equipment.netlink;
        let footprint = Footprint::of(&our.accepted(&lease), our.route_choice());
        let name = our.link.name.clone();
        match netlink.apply(index, our.footprint.as_ref(), &footprint, now) {
            Err(error) => {
                error!(interface = %name, address = %lease.addr, errno = %error.errno, "lease not applied: {error}");
                let why = Refusal::Kernel { errno: error.errno.raw_os_error() };
                our.refused = Some(why);
                return self.notify(&Notice::Refused { link: index, why });
            }
            Ok(applied) => {
                let refused = &applied.refused_routes;
                if our.story.refused(refused.iter().map(|(route, _)| *route))
                    && let Some((route, errno)) = refused.first()
                {
                    let first = format_args!("{}/{}", route.destination, route.prefix);
                    warn!(interface = %name, routes = refused.len(), %first, %errno, "routes not taken by the kernel");
                }
                if !applied.footprint.ours
                    && our.footprint.as_ref().is_none_or(|old| old.ours || old.addr != lease.addr)
                {
                    info!(interface = %name, address = %lease.addr, "the interface has this address already, and not from us: it stays as it is");
                }
                our.footprint = Some(applied.footprint);
            }
        }
        if let (UseMtu::Link, Some(mtu)) = (our.config.use_mtu, lease.mtu)
            && u32::from(mtu.get()) != our.link.mtu
        {
            match netlink.set_mtu(index, mtu.get()) {
                Ok(()) => our.own_mtu = our.own_mtu.or(Some(our.link.mtu)),
                Err(error) => {
                    warn!(interface = %name, mtu = mtu.get(), errno = %error.errno, "MTU not taken by the kernel")
                }
            }
        }
        let news = our.lease.as_ref().is_none_or(|old| !old.same_configuration(&lease));
        let seconds = lease.term.expires_at().map(|end| end.since(now).as_secs());
        if news {
            info!(interface = %name, address = %format_args!("{}/{}", lease.addr, lease.prefix), server = %lease.server, seconds, "leased");
        } else {
            info!(interface = %name, address = %lease.addr, server = %lease.server, seconds, "lease extended");
        }
        self.policy.applied(index, &lease);
        if our.lease.as_ref().is_none_or(|old| old.addr != lease.addr) {
            our.upkeep = Upkeep::default();
        }
        our.lease = Some(lease);
        our.refused = None;
        our.story.end();
        self.publish(index);
        std::mem::take(&mut self.ready).say();
        self.notify(&Notice::Applied { link: index })
    }

    fn deconfigure(&mut self, index: IfIndex, why: Withdrawal) -> Result<(), Fatal> {
        self.drop_waiting(index)?;
        let Some(our) = self.links.get_mut(&index).filter(|our| our.lease.is_some()) else { return Ok(()) };
        let name = our.link.name.clone();
        if let Some(footprint) = our.footprint.take()
            && let Err(error) = self.equipment.netlink.withdraw(index, &footprint)
        {
            warn!(interface = %name, errno = %error.errno, "{error}");
        }
        if let Some(mtu) = our.own_mtu.take().and_then(|mtu| u16::try_from(mtu).ok())
            && let Err(error) = self.equipment.netlink.set_mtu(index, mtu)
        {
            warn!(interface = %name, mtu, errno = %error.errno, "the MTU of before is not restored");
        }
        if let Some(lease) = our.lease.take() {
            match why {
                Withdrawal::Released => info!(interface = %name, address = %lease.addr, "lease given back"),
                Withdrawal::Expired(_) => warn!(interface = %name, address = %lease.addr, "lease expired"),
                Withdrawal::Nak | Withdrawal::Conflict | Withdrawal::Replaced => {
                    warn!(interface = %name, address = %lease.addr, ?why, "lease given up");
                }
            }
        }
        self.policy.withdrawn(index);
        let lease_file = &mut our.lease_file;
        self.equipment.own.attempt(|own| lease_file.clear(own));
        self.retract(&name);
        Ok(())
    }

    pub(super) fn notify(&self, notice: &Notice) -> Result<(), Fatal> {
        self.channel.try_send(notice).map_err(worker_ended)
    }
}

/// The supervisor starts both anew; what is in force stays meanwhile.
pub(super) fn worker_ended(cause: ChannelError) -> Fatal {
    Fatal::new(Exit::Software, "the conversation with the worker is over").cause(cause)
}
