//! The network worker's machine: a provider's questions, one connection, and how long to be patient.
//!
//! It asks one question at a time on one connection, which it keeps as long as the provider does. What means "later" is asked
//! again after a wait that grows, with full jitter, so that a thousand machines which start together do not ask together. What
//! means "no" ends the run, unless the machine is of use without the answer, and so does the deadline: nothing is said in half.

mod patience;
mod ways;

use core::time::Duration;

use orlop_machine::{Chance, Instant, Machine, Seed};
use orlop_metadata_contract::{Endpoint, Location, Place, Service, endpoints};

use crate::http::{HttpError, Progress, Reader, Response};
use crate::provider::{Answers, Ask, Failure, Halt, Options, Source, Talk};
use crate::tree::Tree;
use patience::Patience;
use ways::Way;

/// How long a connection may take to be made: the services are in the same rack, and a lost SYN is sent again after a second.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// How long an answer may take, from the request to its last byte.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);

/// How often a question is repeated of which the machine is of use without an answer.
const OPTIONAL_REPEATS: u32 = 3;

/// How often a report is tried: the machine is of use without it.
const REPORT_ATTEMPTS: u32 = 3;

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The run begins.
    Start,
    /// The socket that was asked for is there; it may still be about to be connected.
    Granted,
    /// It is connected.
    Connected,
    /// There is none, and will not be soon.
    Unconnected,
    /// These bytes have come.
    Received(Vec<u8>),
    /// The service has ended the connection.
    Ended,
    /// The connection has failed.
    Broken,
    /// The broker was told of what was found.
    Told,
    /// The instant of [`Machine::deadline`] has come.
    Deadline,
}

/// What should be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Have a connection made. It is answered by one [`Event::Granted`] or [`Event::Unconnected`], which may take until there is a
    /// route; until then nothing else is asked for.
    Connect(Place),
    /// Send these bytes.
    Send(Vec<u8>),
    /// The connection is not needed any more; also after [`Event::Ended`] and [`Event::Broken`].
    Close,
    /// Everything is known. To be answered by [`Event::Told`].
    Found(Box<Tree>),
    /// There is nothing more to do.
    Done(Report),
    /// The provider has said nothing that can be used, and will not.
    Failed(Failure),
}

/// What has become of the report that the machine is ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Report {
    /// The provider wants none, or whoever began the run.
    Unwanted,
    /// It was taken.
    Made,
    /// It was not.
    Failed(Failure),
}

/// A run: one provider, read to its end.
#[derive(Debug)]
pub struct Fetch {
    source: &'static Source,
    endpoints: Vec<Endpoint>,
    /// Below this is what the source says, where that has to be told.
    path: String,
    options: Options,
    chance: Chance,
    /// When to give up.
    until: Instant,
    answers: Answers,
    /// Whether the tokens were asked for a second time.
    has_refreshed: bool,
    /// How many ways to a service have failed so far, of which the next one is tried then.
    failed_ways: usize,
    /// The service that there is a connection to.
    open: Option<Service>,
    patience: Patience,
    is_reporting: bool,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    New,
    /// A connection was asked for, to ask this; since it is being made, there is a time when it is too late.
    Connecting(Box<Ask>, Option<Instant>),
    /// This was asked.
    Asked(Box<Asked>),
    /// This is to be asked again.
    Resting(Box<Ask>, Instant),
    /// The broker is being told of what was found.
    Telling,
    Over,
}

#[derive(Debug)]
struct Asked {
    ask: Ask,
    reader: Reader,
    until: Instant,
    /// Whether the connection had carried another answer before.
    is_reused: bool,
}

impl Fetch {
    /// A run that gives up at `until`.
    #[must_use]
    pub fn new(source: &'static Source, options: Options, until: Instant, seed: Seed) -> Self {
        Self {
            source,
            endpoints: endpoints(source.provider, None),
            path: "/".to_owned(),
            options,
            chance: Chance::new(seed),
            until,
            answers: Answers::default(),
            has_refreshed: false,
            failed_ways: 0,
            open: None,
            patience: Patience::default(),
            is_reporting: false,
            stage: Stage::New,
        }
    }

    /// The same where the source is, as far as that has to be told.
    #[must_use]
    pub fn at(mut self, location: &Location) -> Self {
        self.endpoints = endpoints(self.source.provider, Some(location));
        self.path = location.path().to_owned();
        self
    }

    /// Goes on with the provider, as far as the answers lead.
    fn proceed(&mut self, now: Instant, actions: &mut Vec<Action>) {
        let talk = Talk::new(&self.answers, self.options).below(&self.path);
        let halt = if self.is_reporting {
            self.source.report.map_or(Ok(()), |report| report(&talk)).err()
        } else {
            match (self.source.read)(&talk) {
                Ok(mut facts) => {
                    facts.left_out.extend(self.answers.take_left_out());
                    actions.push(Action::Found(Box::new(Tree::of(facts))));
                    self.stage = Stage::Telling;
                    return;
                }
                Err(halt) => Some(halt),
            }
        };
        match halt {
            None => self.finish(Report::Made, actions),
            Some(Halt::Fail(failure)) => self.fail(failure, actions),
            Some(Halt::Ask(ask)) => {
                self.patience = Patience::default();
                self.pose(now, ask, actions);
            }
        }
    }

    /// Asks, or asks for the connection to ask on.
    fn pose(&mut self, now: Instant, ask: Box<Ask>, actions: &mut Vec<Action>) {
        if self.open == Some(ask.service) {
            return self.send(now, *ask, true, actions);
        }
        self.close(actions);
        actions.push(Action::Connect(self.way(ask.service).place));
        self.stage = Stage::Connecting(ask, None);
    }

    fn way(&self, service: Service) -> Way {
        Way::nth(&self.endpoints, service, self.failed_ways)
    }

    fn send(&mut self, now: Instant, ask: Ask, is_reused: bool, actions: &mut Vec<Action>) {
        actions.push(Action::Send(ask.request.encode(&self.way(ask.service).host)));
        let reader = Reader::new(ask.max_body);
        self.stage = Stage::Asked(Box::new(Asked { ask, reader, until: now.after(ANSWER_TIMEOUT), is_reused }));
    }

    /// There is no connection by this way; the next attempt takes the next one.
    fn unconnected(&mut self, now: Instant, ask: Box<Ask>, actions: &mut Vec<Action>) {
        self.close(actions);
        self.failed_ways = self.failed_ways.saturating_add(1);
        self.again(now, ask, Failure::Unreachable, Duration::ZERO, actions);
    }

    fn close(&mut self, actions: &mut Vec<Action>) {
        if self.open.take().is_some() {
            actions.push(Action::Close);
        }
    }

    /// The question was asked in vain; it is asked again after a while, if there is one.
    fn again(&mut self, now: Instant, ask: Box<Ask>, why: Failure, at_least: Duration, actions: &mut Vec<Action>) {
        let is_dispensable = ask.is_optional && why != Failure::Unreachable;
        if is_dispensable && self.patience.attempts() >= OPTIONAL_REPEATS {
            return self.give_up(now, &ask, actions);
        }
        let at = now.after(self.patience.wait(&mut self.chance, why).max(at_least));
        if is_dispensable && at >= self.until {
            return self.give_up(now, &ask, actions);
        }
        if at >= self.until || (self.is_reporting && self.patience.attempts() >= REPORT_ATTEMPTS) {
            return self.fail(why, actions);
        }
        self.stage = Stage::Resting(ask, at);
    }

    /// Goes on without an answer that the machine is of use without.
    fn give_up(&mut self, now: Instant, ask: &Ask, actions: &mut Vec<Action>) {
        match self.answers.give_up(ask) {
            Ok(()) => self.proceed(now, actions),
            Err(failure) => self.fail(failure, actions),
        }
    }

    fn answered(&mut self, now: Instant, ask: Box<Ask>, response: Response, actions: &mut Vec<Action>) {
        if !response.keeps_alive {
            self.close(actions);
        }
        let status = response.status;
        if ask.may_be_repeated(status) {
            let wait = response.retry_after().unwrap_or_default();
            return self.again(now, ask, Failure::NotReady(status), wait, actions);
        }
        if status == 401 && !self.has_refreshed && self.answers.forget_tokens() {
            self.has_refreshed = true;
            return self.proceed(now, actions);
        }
        match self.answers.keep(&ask, response) {
            Ok(()) => self.proceed(now, actions),
            Err(failure) => self.fail(failure, actions),
        }
    }

    /// The connection has carried what is no answer, or less than one.
    fn unreadable(&mut self, now: Instant, asked: Asked, why: HttpError, actions: &mut Vec<Action>) {
        self.close(actions);
        let Asked { ask, reader, is_reused, .. } = asked;
        if why != HttpError::Truncated {
            // The same question would have the same answer.
            return if ask.is_optional {
                self.give_up(now, &ask, actions)
            } else {
                self.fail(Failure::Http(why), actions)
            };
        }
        if is_reused && reader.is_untouched() {
            // The service did not keep the connection after all, and has seen nothing.
            return self.pose(now, Box::new(ask), actions);
        }
        self.again(now, Box::new(ask), Failure::Http(why), Duration::ZERO, actions);
    }

    fn received(&mut self, now: Instant, mut asked: Box<Asked>, bytes: &[u8], actions: &mut Vec<Action>) {
        match asked.reader.push(bytes) {
            Ok(Progress::More) => self.stage = Stage::Asked(asked),
            Ok(Progress::Whole { mut response, rest }) => {
                // What nobody has asked for would be taken for the next answer.
                response.keeps_alive &= rest == 0;
                self.answered(now, Box::new(asked.ask), response, actions);
            }
            Err(why) => self.unreadable(now, *asked, why, actions),
        }
    }

    fn told(&mut self, now: Instant, actions: &mut Vec<Action>) {
        if self.source.report.is_none() || !self.options.reports {
            return self.finish(Report::Unwanted, actions);
        }
        self.is_reporting = true;
        self.proceed(now, actions);
    }

    fn finish(&mut self, report: Report, actions: &mut Vec<Action>) {
        self.close(actions);
        self.stage = Stage::Over;
        actions.push(Action::Done(report));
    }

    fn fail(&mut self, failure: Failure, actions: &mut Vec<Action>) {
        if self.is_reporting {
            return self.finish(Report::Failed(failure), actions);
        }
        self.close(actions);
        self.stage = Stage::Over;
        actions.push(Action::Failed(failure));
    }

    /// Does what is due.
    fn due(&mut self, now: Instant, stage: Stage, actions: &mut Vec<Action>) {
        let is_late = now >= self.until;
        match stage {
            Stage::Connecting(..) if is_late => self.fail(self.patience.why().unwrap_or(Failure::Unreachable), actions),
            Stage::Connecting(ask, Some(until)) if now >= until => self.unconnected(now, ask, actions),
            Stage::Resting(..) if is_late => self.fail(self.patience.why().unwrap_or(Failure::Silent), actions),
            Stage::Asked(asked) if is_late || now >= asked.until => {
                self.close(actions);
                if is_late {
                    return self.fail(Failure::Silent, actions);
                }
                self.again(now, Box::new(asked.ask), Failure::Silent, Duration::ZERO, actions);
            }
            Stage::Resting(ask, at) if now >= at => self.pose(now, ask, actions),
            stage @ (Stage::New
            | Stage::Connecting(..)
            | Stage::Asked(_)
            | Stage::Resting(..)
            | Stage::Telling
            | Stage::Over) => self.stage = stage,
        }
    }
}

impl Machine for Fetch {
    type Event = Event;
    type Action = Action;
    const DEADLINE: Event = Event::Deadline;

    fn handle(&mut self, now: Instant, event: Event) -> Vec<Action> {
        let mut actions = Vec::new();
        // What is neither put back nor replaced below is over.
        match (core::mem::replace(&mut self.stage, Stage::Over), event) {
            (Stage::New, Event::Start) => self.proceed(now, &mut actions),
            (stage, Event::Deadline) => self.due(now, stage, &mut actions),
            (Stage::Connecting(ask, None), Event::Granted) => {
                self.open = Some(ask.service);
                self.stage = Stage::Connecting(ask, Some(now.after(CONNECT_TIMEOUT)));
            }
            (Stage::Connecting(ask, Some(_)), Event::Connected) => self.send(now, *ask, false, &mut actions),
            (Stage::Connecting(ask, None), Event::Unconnected)
            | (Stage::Connecting(ask, Some(_)), Event::Broken | Event::Ended) => {
                self.unconnected(now, ask, &mut actions);
            }
            (Stage::Asked(asked), Event::Received(bytes)) => self.received(now, asked, &bytes, &mut actions),
            (Stage::Asked(asked), Event::Ended) => match asked.reader.clone().end() {
                Ok(response) => self.answered(now, Box::new(asked.ask), response, &mut actions),
                Err(why) => self.unreadable(now, *asked, why, &mut actions),
            },
            (Stage::Asked(asked), Event::Broken) => {
                self.unreadable(now, *asked, HttpError::Truncated, &mut actions);
            }
            (Stage::Telling, Event::Told) => self.told(now, &mut actions),
            // A connection that waits for its next question has nothing to say, and one that was not asked for nothing to do.
            (stage, Event::Received(_) | Event::Ended | Event::Broken) => {
                self.close(&mut actions);
                self.stage = stage;
            }
            (stage, Event::Granted) => {
                actions.push(Action::Close);
                self.open = None;
                self.stage = stage;
            }
            (stage, Event::Start | Event::Connected | Event::Unconnected | Event::Told) => self.stage = stage,
        }
        actions
    }

    fn deadline(&self) -> Option<Instant> {
        match &self.stage {
            Stage::New | Stage::Telling | Stage::Over => None,
            Stage::Connecting(_, until) => Some(until.unwrap_or(self.until).min(self.until)),
            Stage::Asked(asked) => Some(asked.until.min(self.until)),
            Stage::Resting(_, at) => Some((*at).min(self.until)),
        }
    }
}
