//! The broker's loop: one event at a time, each decided by the policy or by the kernel's word, never by the worker's.

use std::collections::BTreeMap;
use std::os::fd::AsFd;
use std::pin::pin;

use orlop_dhcp_contract::{
    Command, Denied, IfIndex, Lease, Notice, Permitted, Policy, Refusal, Request, Transmission, Withdrawal,
};
use orlop_machine::Instant;
use orlop_sandbox::channel::{BrokerChannel, ChannelError};
use orlop_sandbox::clock;
use orlop_sandbox::fatal::{Exit, Fatal};
use orlop_sandbox::packet::open_listener;
use orlop_sandbox::relay::Relay;
use tracing::{debug, error, info, warn};

use super::equipment::{Equipment, selection};
use super::link::OurLink;
use crate::command_line::Run;
use crate::config::{Config, UseMtu};
use crate::control::{Asked, Order, Reply};
use crate::filter;
use crate::interfaces::{Link, LinkEvent};
use crate::lease_file;
use crate::netlink::Footprint;
use crate::status::{Postures, Restarts, Writer};
use crate::transmit::Port;

/// A broker at work.
pub(super) struct Server {
    pub(super) run: Run,
    pub(super) config: Config,
    /// When the daemon was started: by this process or by one before it.
    pub(super) started: Instant,
    pub(super) equipment: Equipment,
    channel: BrokerChannel<Notice, Request>,
    policy: Policy,
    pub(super) links: BTreeMap<IfIndex, OurLink>,
    /// Whether every interface that was there at the start has been told.
    pub(super) listed: bool,
    pub(super) postures: Postures,
    /// How often the pair was started anew.
    pub(super) restarts: u32,
    pub(super) status: Writer,
    pub(super) next_claim_check: Instant,
}

impl Server {
    pub(super) fn new(
        run: Run,
        config: Config,
        started: Instant,
        equipment: Equipment,
        postures: Postures,
        channel: BrokerChannel<Notice, Request>,
    ) -> Self {
        Self {
            restarts: Restarts::since(equipment.own_folder(), started).0,
            run,
            config,
            started,
            equipment,
            channel,
            policy: Policy::new(),
            links: BTreeMap::new(),
            listed: false,
            postures,
            status: Writer::default(),
            next_claim_check: started,
        }
    }

    /// Serves until a one-shot run has its outcome, or something ends it.
    pub(super) async fn serve(mut self, relay: Relay) -> Result<Exit, Fatal> {
        let mut relay = pin!(relay.run());
        let mut relaying = true;
        loop {
            if let Some(exit) = self.settle(clock::now())? {
                return Ok(exit);
            }
            let Equipment { interfaces, timer, control, .. } = &mut self.equipment;
            tokio::select! {
                received = self.channel.recv() => self.request(received.map_err(worker_ended)?.message)?,
                event = interfaces.next() => {
                    let event = event.map_err(|cause| Fatal::os("cannot watch the interfaces", cause))?;
                    self.link_event(event)?;
                }
                asked = next_order(control) => {
                    let Asked { order, caller } = asked.map_err(|cause| Fatal::os("cannot take orders", cause))?;
                    let reply = self.order(&order)?;
                    if let Some(control) = &mut self.equipment.control {
                        control.answer(caller, &reply);
                    }
                }
                expired = timer.expired() => expired.map_err(|cause| Fatal::os("the timer failed", cause))?,
                // The channel says it too, and better.
                _suppressed = &mut relay, if relaying => relaying = false,
            }
        }
    }

    /// Something about an interface.
    fn link_event(&mut self, event: LinkEvent) -> Result<(), Fatal> {
        match event {
            LinkEvent::Added(link) => self.add(link),
            LinkEvent::Removed(index) => self.remove(index),
            LinkEvent::Carrier { index, up } => {
                let Some(our) = self.links.get_mut(&index) else { return Ok(()) };
                our.link.carrier = up;
                info!(interface = %our.link.name, up, "carrier");
                self.notify(&Notice::Carrier { link: index, up })
            }
            LinkEvent::Renamed { index, name } => {
                let Some(our) = self.links.get_mut(&index) else { return Ok(()) };
                info!(interface = %our.link.name, %name, "interface renamed");
                let old = std::mem::replace(&mut our.link.name, name);
                self.retract(&old);
                self.publish(index);
                Ok(())
            }
            LinkEvent::Mtu { index, mtu } => {
                if let Some(our) = self.links.get_mut(&index) {
                    our.link.mtu = mtu;
                }
                Ok(())
            }
            LinkEvent::Listed => {
                self.listed = true;
                self.retract_orphans();
                Ok(())
            }
            LinkEvent::TooMany(name) => {
                error!(interface = %name, "there are more interfaces than one daemon looks after; this one is left alone");
                Ok(())
            }
        }
    }

    /// Takes an interface into care. One that cannot be is left alone, and the others are not.
    fn add(&mut self, link: Link) -> Result<(), Fatal> {
        let now = clock::now();
        let index = link.index;
        let opened = (|| {
            if !link.up {
                self.equipment.netlink.set_up(index).map_err(|error| (error.doing, error.errno.into()))?;
            }
            let port = Port::open(&link.name)
                .map_err(|cause| ("hold UDP port 68 (is another DHCP client running?)", cause))?;
            let listener = open_listener(index.get(), &filter::program()).map_err(|cause| ("listen", cause))?;
            Ok::<_, (&str, std::io::Error)>((port, listener))
        })();
        let (port, listener) = match opened {
            Ok(opened) => opened,
            Err((doing, cause)) => {
                error!(interface = %link.name, %cause, "cannot {doing}; the interface is left alone");
                return Ok(());
            }
        };
        let config = self.config.link(link.name.as_str()).clone();
        let mut our = OurLink {
            link,
            config,
            port,
            lease: None,
            footprint: None,
            progress: None,
            refused: None,
            since: now,
            own_mtu: None,
        };
        let remembered = self.remember(&mut our, now);
        if let Err(denied) = self.policy.adopt(now, index, our.lease.as_ref()) {
            error!(interface = %our.link.name, %denied, "the interface is left alone");
            return Ok(());
        }
        let OurLink { link, config, .. } = &our;
        let settings = config.settings(link.hardware);
        info!(interface = %link.name, hardware = %link.hardware, carrier = link.carrier, "interface taken into care");
        let notice =
            Notice::LinkAdded { link: index, hardware: link.hardware, carrier: link.carrier, settings, remembered };
        self.links.insert(index, our);
        self.channel.send_with(&notice, listener.as_fd()).map_err(worker_ended)
    }

    /// What an earlier process left behind about this interface: its lease file, and the address in the kernel.
    fn remember(&mut self, our: &mut OurLink, now: Instant) -> Option<orlop_dhcp_contract::Remembered> {
        let Equipment { netlink, own, boot, .. } = &mut self.equipment;
        let name = our.link.name.clone();
        let handover = lease_file::load(own.as_fd(), &name).unwrap_or_else(|error| {
            warn!(interface = %name, %error, "the lease of before is lost; starting afresh");
            None
        })?;
        let (addr, prefix) = (handover.lease.addr, handover.lease.prefix);
        let observed = netlink.current(our.index()).unwrap_or_else(|error| {
            warn!(interface = %name, %error, errno = %error.errno, "cannot see what is on the interface");
            Default::default()
        });
        let in_force = observed.has(addr, prefix);
        let remembered = handover.remember(&name, our.link.hardware, boot, now, in_force);
        let remembered =
            remembered.inspect_err(|error| warn!(interface = %name, %error, "the lease of before is not ours")).ok()?;
        if remembered.in_force {
            our.footprint = observed.footprints().into_iter().find(|footprint| footprint.addr == addr);
            our.lease = Some(remembered.lease.clone());
        }
        Some(remembered)
    }

    /// An interface is gone, and the kernel has taken with it what was on it; or it is no longer wanted, and what is on
    /// it stays, as it would if we ended.
    fn remove(&mut self, index: IfIndex) -> Result<(), Fatal> {
        self.policy.forget(index);
        let Some(our) = self.links.remove(&index) else { return Ok(()) };
        info!(interface = %our.link.name, "interface no longer in care");
        self.retract(&our.link.name);
        self.notify(&Notice::LinkRemoved { link: index })
    }

    /// Decides what the worker asks for, and does it.
    fn request(&mut self, request: Request) -> Result<(), Fatal> {
        let now = clock::now();
        let configured = match &request {
            Request::Configure { link, .. } => Some(*link),
            Request::Transmit(_) | Request::Deconfigure { .. } | Request::Report { .. } => None,
        };
        match (self.policy.permit(now, request), configured) {
            (Ok(permitted), _) => self.perform(now, permitted),
            (Err(denied @ Denied::TooManyDenials), _) => {
                Err(Fatal::new(Exit::Software, "the worker asks for what it must not have").cause(denied))
            }
            (Err(denied), Some(link)) => {
                warn!(link = link.get(), %denied, "lease denied");
                if let Some(our) = self.links.get_mut(&link) {
                    our.refused = Some(Refusal::Policy);
                }
                self.notify(&Notice::Refused { link, why: Refusal::Policy })
            }
            (Err(denied), None) => {
                debug!(%denied, "request denied");
                Ok(())
            }
        }
    }

    /// Does what was permitted. Nothing else acts on the worker's word.
    fn perform(&mut self, now: Instant, permitted: Permitted) -> Result<(), Fatal> {
        match permitted.into_request() {
            Request::Transmit(transmission) => self.transmit(&transmission),
            Request::Configure { link, lease } => return self.configure(now, link, lease),
            Request::Deconfigure { link, why } => self.deconfigure(link, why),
            Request::Report { link, progress } => {
                if let Some(our) = self.links.get_mut(&link) {
                    our.progress = Some(progress);
                }
            }
        }
        Ok(())
    }

    fn transmit(&self, transmission: &Transmission) {
        let Some(our) = self.links.get(&transmission.link) else { return };
        let own_name = self.own_name();
        let sent = self.equipment.transmit.send(&our.port, &our.speaker(own_name.as_ref()), transmission);
        match sent {
            Ok(()) => debug!(interface = %our.link.name, ask = ?transmission.ask, xid = transmission.xid, "sent"),
            // For the protocol it is a lost packet.
            Err(error) => warn!(interface = %our.link.name, cause = %error.cause, "cannot send"),
        }
    }

    fn configure(&mut self, now: Instant, index: IfIndex, lease: Lease) -> Result<(), Fatal> {
        let Some(our) = self.links.get_mut(&index) else { return Ok(()) };
        let netlink = &mut self.equipment.netlink;
        let footprint = Footprint::of(&our.accepted(&lease), our.settings());
        let name = our.link.name.clone();
        match netlink.apply(index, our.footprint.as_ref(), &footprint, now) {
            Err(error) => {
                error!(interface = %name, address = %lease.addr, errno = %error.errno, "lease not applied: {error}");
                let why = Refusal::Kernel { errno: error.errno.raw_os_error() };
                our.refused = Some(why);
                return self.notify(&Notice::Refused { link: index, why });
            }
            Ok(applied) => {
                for (route, errno) in applied.refused_routes {
                    warn!(interface = %name, destination = %route.destination, prefix = %route.prefix, %errno, "route not taken by the kernel");
                }
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
        our.footprint = Some(footprint);
        our.lease = Some(lease);
        our.refused = None;
        self.publish(index);
        self.notify(&Notice::Applied { link: index })
    }

    fn deconfigure(&mut self, index: IfIndex, why: Withdrawal) {
        let Some(our) = self.links.get_mut(&index) else { return };
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
            warn!(interface = %name, address = %lease.addr, ?why, "lease given up");
        }
        self.policy.withdrawn(index);
        self.forget(&name);
        self.retract(&name);
    }

    /// What an operator asked for.
    fn order(&mut self, order: &Order) -> Result<Reply, Fatal> {
        info!(%order, "order");
        let (target, command) = match order {
            Order::Reload => return self.reload(),
            Order::Renew(target) => (target, Command::Renew),
            Order::Release(target) => (target, Command::Release),
        };
        let included = self.links.values().filter(|our| target.includes(our.link.name.as_str()));
        let links: Vec<IfIndex> = included.map(OurLink::index).collect();
        if links.is_empty() {
            return Ok(Reply::refused(&format!("no such interface in care: {target}")));
        }
        for link in links {
            self.notify(&Notice::Command { link, command })?;
        }
        Ok(Reply::Done)
    }

    /// Reads the configuration again. A bad one changes nothing.
    fn reload(&mut self) -> Result<Reply, Fatal> {
        let config = match self.run.settings.load() {
            Ok(loaded) => loaded.config,
            Err(fatal) => {
                warn!(problem = %fatal.problem, "the new configuration is not used");
                let why = fatal.cause.unwrap_or_default();
                return Ok(Reply::refused(&format!("{}: {why}", fatal.problem)));
            }
        };
        if (&config.resolv_conf, config.require_landlock) != (&self.config.resolv_conf, self.config.require_landlock) {
            return Ok(Reply::refused("resolv-conf and require-landlock change only when the daemon is started anew"));
        }
        let old = std::mem::replace(&mut self.config, config);
        // An interface whose settings changed goes out of care and comes back, with its lease in force all the while.
        let changed: Vec<Link> = self
            .links
            .values()
            .filter(|our| self.config.link(our.link.name.as_str()) != &our.config)
            .map(|our| our.link.clone())
            .collect();
        for link in changed {
            self.remove(link.index)?;
            self.add(link)?;
        }
        if selection(&old) != selection(&self.config) {
            self.equipment.interfaces.select(selection(&self.config));
        }
        Ok(Reply::Done)
    }

    pub(super) fn notify(&self, notice: &Notice) -> Result<(), Fatal> {
        self.channel.try_send(notice).map_err(worker_ended)
    }
}

async fn next_order(control: &mut Option<crate::control::Server>) -> std::io::Result<Asked> {
    match control {
        Some(control) => control.next().await,
        None => std::future::pending().await,
    }
}

/// The supervisor starts both anew; what is in force stays meanwhile.
fn worker_ended(cause: ChannelError) -> Fatal {
    Fatal::new(Exit::Software, "the conversation with the worker is over").cause(cause)
}
