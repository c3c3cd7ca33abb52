//! The loop: wait for the broker, a question, an answer or the clock, and let the machine decide.

use std::collections::VecDeque;
use std::io;
use std::task::{Context, Poll};

use orlop_machine::{Instant, Machine as _, Seed};
use orlop_resolver_contract::{Host, HostsPart, MAX_HOSTS, Notice, Request, SocketCount, StreamId};
use orlop_resolver_core::resolver::{Action, Asker, Event, Heard, RequestId, Resolver};
use orlop_sandbox::channel::Received;
use orlop_sandbox::clock;
use orlop_sandbox::timer::BootTimer;
use orlop_sandbox::turn::{Ended, Turn, turn};
use orlop_sandbox::worker;

use crate::clients::{Clients, Whence};
use crate::shown;
use crate::upstreams::{self, NotSent, Upstreams};

/// Serves until the broker is gone, and says why it ended.
pub(crate) async fn run(context: worker::Context<Request, Notice, (BootTimer, Seed)>) -> Ended {
    let worker::Context { mut channel, resources: (timer, seed), posture: _ } = context;
    channel.accept_bundles();
    let mut serving = match channel.recv().await {
        Ok(Received { message: Notice::Begin(conduct), .. }) => Serving::new(Resolver::new(seed, conduct)),
        Ok(_) => return nonsense("the first message does not say how to behave"),
        Err(ended) => return ended.into(),
    };
    loop {
        let turned = match turn(&channel, &timer, serving.deadline(), |context| serving.poll(context)).await {
            Ok(Turn::Notice(received)) => serving.notice(received),
            Ok(Turn::Heard(())) => Ok(()),
            Ok(Turn::Deadline) => {
                serving.tick();
                Ok(())
            }
            Err(ended) => Err(ended),
        };
        if let Err(ended) = turned {
            return ended;
        }
        while let Some(request) = serving.requests.pop_front() {
            if let Err(ended) = channel.send(&request).await {
                return ended.into();
            }
        }
    }
}

/// The machine, and the sockets that it hears and speaks through.
struct Serving {
    resolver: Resolver,
    clients: Clients,
    upstreams: Upstreams,
    /// What has come of a list of hosts that is not complete.
    hosts: Vec<Host>,
    /// For the broker.
    requests: VecDeque<Request>,
    answer: Vec<u8>,
}

impl Serving {
    fn new(resolver: Resolver) -> Self {
        Self {
            resolver,
            clients: Clients::new(),
            upstreams: Upstreams::new(),
            hosts: Vec::new(),
            requests: VecDeque::new(),
            answer: Vec::new(),
        }
    }

    fn deadline(&self) -> Option<Instant> {
        [self.resolver.deadline(), self.clients.deadline()].into_iter().flatten().min()
    }

    /// The deadline has come.
    fn tick(&mut self) {
        let now = clock::now();
        self.clients.close_idle(now);
        self.handle(now, Event::Deadline);
    }

    /// Hears questions and answers. Pending when there are none.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let now = clock::now();
        let Self { resolver, clients, answer, .. } = self;
        let mut wanted = Vec::new();
        let asked = clients.poll(context, now, |clients, whence, asker, message| {
            match resolver.query(now, asker, message, answer) {
                Heard::Answered => clients.answer(now, whence, answer),
                Heard::Dropped => {}
                Heard::Open(actions) => {
                    clients.wait(whence);
                    wanted.extend(actions);
                }
            }
        });
        self.act(now, wanted);
        let answered = self.poll_upstreams(context, now);
        if asked.is_ready() || answered.is_ready() { Poll::Ready(()) } else { Poll::Pending }
    }

    fn poll_upstreams(&mut self, context: &Context<'_>, now: Instant) -> Poll<()> {
        let Self { resolver, upstreams, .. } = self;
        let mut wanted = Vec::new();
        let polled = upstreams.poll(context, |upstreams, heard| {
            let actions = match heard {
                upstreams::Heard::Datagram(socket, message) => resolver.receive(now, socket, message),
                upstreams::Heard::Unreachable(socket) => resolver.handle(now, Event::Unreachable { socket }),
                upstreams::Heard::Message(request, message) => {
                    resolver.handle(now, Event::StreamReply { request, message })
                }
                upstreams::Heard::Failed(request) => resolver.handle(now, Event::StreamFailed { request }),
            };
            for action in actions {
                // At once: what else lies in this socket is no answer any more.
                if let Action::Close { socket } = action {
                    upstreams.close(socket);
                } else {
                    wanted.push(action);
                }
            }
        });
        self.act(now, wanted);
        polled
    }

    fn notice(&mut self, received: Received<Notice>) -> Result<(), Ended> {
        let now = clock::now();
        let Received { message, fd, more } = received;
        let event = match (message, fd) {
            (Notice::Begin(_), _) => return Err(nonsense("said twice how to behave")),
            (Notice::Listener(kind), Some(fd)) => return self.clients.listen(kind, fd).map_err(Ended::Grant),
            (Notice::Upstreams(upstreams), _) => {
                self.upstreams.clear();
                Event::Upstreams(upstreams)
            }
            (Notice::Pool { upstream, sockets }, Some(first)) if sockets.get() == more.len() + 1 => {
                let sockets = self.upstreams.fill([first].into_iter().chain(more));
                Event::Pool { upstream, sockets }
            }
            (Notice::NoPool { upstream }, _) => Event::NoPool { upstream },
            (Notice::Stream { stream, .. }, Some(fd)) => {
                return self.upstreams.connected(RequestId(stream.0), fd).map_err(Ended::Grant);
            }
            (Notice::NoStream { stream, .. }, _) => {
                let request = RequestId(stream.0);
                if !self.upstreams.hang_up(request) {
                    return Ok(());
                }
                Event::StreamFailed { request }
            }
            (Notice::Hosts(HostsPart { is_first, is_last, hosts }), _) => {
                if is_first {
                    self.hosts.clear();
                }
                let room = MAX_HOSTS.saturating_sub(self.hosts.len());
                self.hosts.extend(hosts.into_vec().into_iter().take(room));
                if !is_last {
                    return Ok(());
                }
                Event::Hosts(std::mem::take(&mut self.hosts))
            }
            (Notice::Flush(name), _) => Event::Flush(name),
            (Notice::Query { order, name, kind }, _) => {
                self.ask(now, Whence::Order(order, now), &shown::question(&name, kind));
                return Ok(());
            }
            (Notice::Explain { order, name, kind }, _) => {
                let why = self.resolver.explain(now, &name, kind);
                self.requests.push_back(Request::Explained { order, why });
                return Ok(());
            }
            (Notice::Report, _) => {
                self.requests.push_back(Request::Report(self.resolver.status()));
                return Ok(());
            }
            (Notice::Listener(_) | Notice::Pool { .. } | Notice::Stream { .. }, _) => {
                return Err(nonsense("a grant without its descriptors"));
            }
        };
        self.handle(now, event);
        Ok(())
    }

    /// The operator asks.
    fn ask(&mut self, now: Instant, whence: Whence, message: &[u8]) {
        let asker = Asker { client: self.clients.next(), port: 0, udp_limit: None };
        let mut answer = std::mem::take(&mut self.answer);
        match self.resolver.query(now, asker, message, &mut answer) {
            Heard::Answered => self.answer(now, whence, &answer, None),
            Heard::Dropped => self.answer(now, whence, &[], None),
            Heard::Open(actions) => {
                self.clients.wait(whence);
                self.act(now, actions);
            }
        }
        self.answer = answer;
    }

    fn answer(
        &mut self,
        now: Instant,
        whence: Whence,
        message: &[u8],
        upstream: Option<orlop_resolver_contract::UpstreamId>,
    ) {
        match whence {
            Whence::Order(order, since) => {
                let answer = shown::queried(message, upstream, since, now);
                self.requests.push_back(Request::Queried { order, answer });
            }
            Whence::Udp(..) | Whence::Tcp(_) => self.clients.answer(now, whence, message),
        }
    }

    fn handle(&mut self, now: Instant, event: Event) {
        let actions = self.resolver.handle(now, event);
        self.act(now, actions);
    }

    /// Does what the machine wants, and what it wants then.
    fn act(&mut self, now: Instant, actions: Vec<Action>) {
        let mut wanted = VecDeque::from(actions);
        while let Some(action) = wanted.pop_front() {
            match action {
                Action::Answer { client, message, upstream } => {
                    if let Some(whence) = self.clients.done(client) {
                        self.answer(now, whence, &message, upstream);
                    }
                }
                Action::Send { socket, message } => {
                    let event = match self.upstreams.send(socket, &message) {
                        Ok(()) => continue,
                        Err(NotSent::Spoiled) => Event::Spoiled { socket },
                        Err(NotSent::Unreachable) => Event::Unreachable { socket },
                    };
                    wanted.extend(self.resolver.handle(now, event));
                }
                Action::Close { socket } => self.upstreams.close(socket),
                Action::Refill { upstream, count } => {
                    let count = u8::try_from(count).unwrap_or(u8::MAX);
                    let count = SocketCount::new(count.max(1)).unwrap_or(SocketCount::MAX);
                    self.requests.push_back(Request::Refill { upstream, count });
                }
                Action::Connect { upstream, request, message } => {
                    self.upstreams.want(request, &message);
                    self.requests.push_back(Request::Connect { upstream, stream: StreamId(request.0) });
                }
                Action::HangUp { request } => drop(self.upstreams.hang_up(request)),
            }
        }
    }
}

fn nonsense(what: &'static str) -> Ended {
    Ended::Grant(io::Error::other(what))
}
