//! What an operator asks the running daemon for.

use orlop_broker::control::Call;
use orlop_resolver_contract::{Candidate, Notice, OrderId, Queried, ServerAddr, Why};
use tracing::info;

use super::server::Server;
use crate::control::{Answer, Order, Reply};

impl Server<'_> {
    /// Does what an operator asked for, or begins to.
    pub(super) fn order(&mut self, call: Call<Order>) {
        let Call { order, caller } = call;
        info!(%order, "order");
        let reply = match order {
            Order::Status if !self.is_served() => Reply::Done(Answer::Done),
            Order::Status => {
                self.callers.status.push(caller);
                self.ask_report();
                return;
            }
            Order::Query { name, kind } => return self.pass_on(caller, |order| Notice::Query { order, name, kind }),
            Order::Explain { name, kind } => {
                return self.pass_on(caller, |order| Notice::Explain { order, name, kind });
            }
            Order::Flush(name) => {
                self.tell(Notice::Flush(name));
                Reply::Done(Answer::Done)
            }
            Order::Reload => self.reload(),
        };
        self.reply(caller, &reply);
    }

    /// Has the worker answer.
    fn pass_on(&mut self, caller: u64, notice: impl FnOnce(OrderId) -> Notice) {
        let free = OrderId::all().find(|id| !self.callers.queries.contains_key(id));
        let refused = match free {
            Some(id) if self.is_served() => {
                self.callers.queries.insert(id, caller);
                self.policy.ask(id);
                return self.tell(notice(id));
            }
            Some(_) => Reply::refused("the worker is not there at the moment"),
            None => Reply::refused("too many ask at the same time"),
        };
        self.reply(caller, &refused);
    }

    /// Reads the configuration again. A bad one changes nothing, and the cache stays.
    pub(super) fn reload(&mut self) -> Reply {
        let config = match self.run.settings.load() {
            Ok(config) => config,
            Err(fatal) => return Reply::refused_configuration(&fatal),
        };
        let prepared = |config: &crate::config::Config| {
            let ports: std::collections::BTreeSet<u16> =
                config.servers().map(|server| server.socket_addr().port()).filter(|port| *port != 53).collect();
            (
                config.conduct,
                config.require_landlock,
                config.own_resolv_conf,
                config.resolv_conf.clone(),
                config.hosts.clone(),
                config.upstream_resolv_conf.clone(),
                ports,
            )
        };
        if prepared(&config) != prepared(&self.config) {
            let why = "only upstreams and routes at known ports, network-upstreams, network-routes and log change while \
                       the daemon runs";
            return Reply::refused(why);
        }
        self.config = config;
        self.choose_servers();
        self.read_hosts();
        Reply::Done(Answer::Done)
    }

    /// The worker has answered a question.
    pub(super) fn queried(&mut self, order: OrderId, answer: Queried) {
        let Some(caller) = self.callers.queries.remove(&order) else { return };
        let server = answer.asked.and_then(|asked| self.chosen.upstreams.of(asked)).map(|upstream| upstream.server);
        self.reply(caller, &Reply::Done(Answer::Queried { answer, server }));
    }

    /// The worker has said what would become of a question.
    pub(super) fn explained(&mut self, order: OrderId, why: Why) {
        let Some(caller) = self.callers.queries.remove(&order) else { return };
        let Why { kept, way, servers } = why;
        let addressed = |candidate: &Candidate| Some(self.chosen.upstreams.of(candidate.upstream)?.server);
        let (servers, addresses): (Vec<Candidate>, Vec<ServerAddr>) =
            servers.iter().filter_map(|candidate| Some((*candidate, addressed(candidate)?))).unzip();
        let by = self.chosen.by(&way);
        let why = Why { kept, way, servers: servers.into_iter().collect() };
        self.reply(caller, &Reply::Done(Answer::Explained { why, servers: addresses.into_iter().collect(), by }));
    }

    /// Whoever waits for the worker's word waits in vain.
    pub(super) fn refuse_callers(&mut self) {
        let waiting = std::mem::take(&mut self.callers);
        for caller in waiting.queries.into_values().chain(waiting.status) {
            self.reply(caller, &Reply::refused("the worker was started anew in this moment: ask again"));
        }
    }

    pub(super) fn reply(&mut self, caller: u64, reply: &Reply) {
        if let Some(control) = &mut self.equipment.control {
            control.answer(caller, reply);
        }
    }
}
