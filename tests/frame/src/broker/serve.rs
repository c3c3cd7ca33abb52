//! The broker: opens what it needs, narrows itself, learns what its worker is restricted by, and serves it.

use std::net::{Ipv4Addr, UdpSocket};
use std::os::fd::AsFd;
use std::path::Path;
use std::time::Duration;

use orlop_broker::confine::{Confined, confine, in_a_loop};
use orlop_broker::control::{Call, Reply, Server, next_order};
use orlop_broker::folder::Output;
use orlop_broker::moment::Now;
use orlop_broker::optional::{News, Optional};
use orlop_broker::posture::Postures;
use orlop_broker::ready::Ready;
use orlop_broker::status::Writer;
use orlop_broker::supervise::Mode;
use orlop_broker::{metrics, supervise};
use orlop_sandbox::broker::{Broker, Keep};
use orlop_sandbox::channel::{BrokerChannel, ChannelError};
use orlop_sandbox::fatal::{Exit, Fatal};
use orlop_sandbox::log;
use orlop_sandbox::supervisor::{Birth, hold_signals};
use orlop_sandbox::timer::BootTimer;
use tracing::Level;
use tracing::level_filters::LevelFilter;

use super::OWN_FOLDER;
use super::command_line::Run;
use super::orders::Order;
use super::status::{Status, Tally};
use crate::contract::{Answer, Notice, PROTOCOL, Question, Request, permit};
use crate::profiles::{BROKER, DAEMON, PRIME_WORKER};

/// How long a one-shot run waits for a number.
const DEADLINE: Duration = Duration::from_secs(10);

/// Runs the daemon, and returns its exit code.
///
/// # Errors
/// A capability is missing.
pub fn supervise(run: &Run) -> Result<u8, Fatal> {
    hold_signals()?;
    let mode = if run.oneshot { Mode::OneShot } else { Mode::Service };
    supervise::supervise(&DAEMON, level(run), mode.lifetime(DEADLINE), run.common.ready)
}

/// Serves until a one-shot run has its number, or something ends it.
///
/// # Errors
/// What ended it.
pub fn run(run: &Run, birth: &Birth) -> Result<Exit, Fatal> {
    log::init("tally", LevelFilter::from_level(level(run)));
    in_a_loop(&DAEMON, async {
        let mut broker = Broker::start(&DAEMON, &BROKER)?;
        let ready = Ready::of(&mut broker);
        let os = |what: &'static str| move |cause: std::io::Error| Fatal::os(what, cause);
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, run.port)).map_err(os("cannot listen"))?;
        socket.set_nonblocking(true).map_err(os("cannot listen"))?;
        let own = Output::open(Path::new(OWN_FOLDER), "the status");
        let all_metrics = Output::open(Path::new(metrics::FOLDER), "the metrics");
        let control = Server::of(&DAEMON);
        let timer = BootTimer::new().map_err(os("cannot make a timer"))?;
        let keep = Keep {
            write: &[Path::new(OWN_FOLDER), Path::new(metrics::FOLDER)],
            require_landlock: run.common.require_landlock,
            ..Keep::default()
        };
        let Confined { narrow, channel, postures } = confine(broker, keep, PROTOCOL).await?;
        // Only now: its worker's posture is known.
        channel.send_with(&Notice::Listen, socket.as_fd()).map_err(worker_ended)?;
        let status = status(run, birth, postures);
        let prime = Optional::new(&narrow, PROTOCOL);
        let writer = Writer::new(&DAEMON);
        let mut server = Serving { own, metrics: all_metrics, control, channel, prime, ready, status, writer, timer };
        if !run.oneshot {
            return server.serve(false).await;
        }
        let missed =
            Fatal::new(Exit::Unconfigured, "no number came in time").help("send one: echo 42 >/dev/udp/127.0.0.1/7007");
        narrow.within(DEADLINE, server.serve(true)).await?.unwrap_or(Err(missed))
    })
}

fn level(run: &Run) -> Level {
    run.common.log.map_or(Level::INFO, |verbosity| verbosity.0)
}

fn status(run: &Run, birth: &Birth, postures: Postures) -> Status {
    let Birth { started, restarts } = *birth;
    Status { oneshot: run.oneshot, started, restarts, postures, tally: Tally::default(), over: false }
}

/// A broker at work.
struct Serving<'n> {
    own: Output,
    metrics: Output,
    control: Option<Server<Order>>,
    channel: BrokerChannel<Notice, Request>,
    prime: Optional<'n, Question, Answer>,
    ready: Ready,
    status: Status,
    writer: Writer<Status>,
    timer: BootTimer,
}

impl Serving<'_> {
    async fn serve(&mut self, oneshot: bool) -> Result<Exit, Fatal> {
        loop {
            self.status.over = oneshot && self.status.tally.numbers > 0;
            let again = self.writer.update(&mut self.own, &mut self.metrics, &self.status, Now::read());
            self.timer.set(again).map_err(|cause| Fatal::os("cannot set the timer", cause))?;
            if self.status.over {
                tracing::info!(sum = self.status.tally.sum, "tally done");
                return Ok(Exit::Done);
            }
            tokio::select! {
                received = self.channel.recv() => self.request(received.map_err(worker_ended)?.message),
                call = next_order(&mut self.control) => {
                    let Call { order: Order::Reset, caller } =
                        call.map_err(|cause| Fatal::os("cannot take orders", cause))?;
                    self.status.tally = Tally::default();
                    if let Some(control) = &mut self.control {
                        control.answer(caller, &Reply::Done(()));
                    }
                }
                news = self.prime.next() => match news? {
                    News::Came { index, name, posture } => {
                        self.status.postures.insert(name, posture);
                        self.question(index);
                    }
                    News::Said { message: Answer { number, prime }, .. } if number == self.status.tally.sum => {
                        self.status.tally.prime = Some(prime);
                    }
                    // The sum has grown since it was asked.
                    News::Said { index, .. } => self.question(index),
                    News::Gone { .. } => {}
                },
                // There is news that it was too early to write.
                expired = self.timer.expired() => expired.map_err(|cause| Fatal::os("the timer failed", cause))?,
            }
        }
    }

    /// Asks about the sum, if the optional worker is there.
    fn question(&self, index: usize) {
        let _when_it_comes = self.prime.send(index, &Question::Prime(self.status.tally.sum));
    }

    fn request(&mut self, request: Request) {
        let tally = &mut self.status.tally;
        match permit(request) {
            Ok(permitted) => {
                let Request::Add(number) = permitted.into_request();
                tally.sum = tally.sum.saturating_add(number.into());
                tally.numbers = tally.numbers.saturating_add(1);
                tally.prime = None;
                std::mem::take(&mut self.ready).say();
                // The first time it comes, and asks then.
                self.prime.ask(PRIME_WORKER);
                self.question(PRIME_WORKER);
            }
            Err(too_large) => {
                tally.denied = tally.denied.saturating_add(1);
                tracing::warn!(number = too_large.0, "number denied");
            }
        }
    }
}

/// The supervisor starts both anew.
fn worker_ended(cause: ChannelError) -> Fatal {
    Fatal::new(Exit::Software, "the conversation with the worker is over").cause(cause)
}
