use std::collections::BTreeMap;

use orlop_metadata_contract::{Endpoint, MAX_RESPONSE};

use crate::http::{HttpError, Method, Request, Response, Value};
use crate::json::{Json, MAX_NESTING};

/// Bytes of a single fact, at most.
const MAX_KEY: usize = 256 << 10;

/// A question to a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// Which of its services is asked.
    pub endpoint: Endpoint,
    /// The request.
    pub request: Request,
    /// Bytes of the answer, at most.
    pub max_body: usize,
    /// Statuses that mean "later", besides those that always do.
    pub later: &'static [u16],
}

impl Ask {
    /// Reads a single fact.
    pub fn get(target: impl Into<String>) -> Self {
        Self::new(Method::Get, target, MAX_KEY)
    }

    /// Reads a document, or user data.
    pub fn document(target: impl Into<String>) -> Self {
        Self::new(Method::Get, target, MAX_RESPONSE)
    }

    /// Anything else, which is answered by little.
    pub fn new(method: Method, target: impl Into<String>, max_body: usize) -> Self {
        Self { endpoint: Endpoint::Metadata, request: Request::new(method, target), max_body, later: &[] }
    }

    /// Asks for a token.
    pub fn put(target: impl Into<String>) -> Self {
        Self::new(Method::Put, target, MAX_KEY)
    }

    /// With this header.
    #[must_use]
    pub fn header(self, name: &'static str, value: impl Into<Value>) -> Self {
        Self { request: self.request.header(name, value), ..self }
    }

    /// With this header, if there is a token to put into it.
    #[must_use]
    pub fn token(self, name: &'static str, value: Option<&Value>) -> Self {
        match value {
            Some(value) => self.header(name, value.clone()),
            None => self,
        }
    }

    /// With this body.
    #[must_use]
    pub fn body(self, content_type: &'static str, body: Vec<u8>) -> Self {
        Self { request: self.request.body(content_type, body), ..self }
    }

    /// To another service than that of the metadata.
    #[must_use]
    pub fn to(self, endpoint: Endpoint) -> Self {
        Self { endpoint, ..self }
    }

    /// Where these statuses mean "later", too.
    #[must_use]
    pub fn later(self, later: &'static [u16]) -> Self {
        Self { later, ..self }
    }

    /// Whether an answer with this status means that the same question may be answered later.
    #[must_use]
    pub fn may_be_repeated(&self, status: u16) -> bool {
        matches!(status, 408 | 429 | 500..=599) || self.later.contains(&status)
    }
}

/// What a provider has answered; nothing that means "later".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer(Response);

impl Answer {
    /// The status code.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.0.status
    }

    /// The header of this name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.0.header(name)
    }

    /// What was asked for, or nothing where there is no such thing.
    ///
    /// # Errors
    /// When the provider does not want to say.
    pub fn found(&self) -> Result<Option<&[u8]>, Halt> {
        match self.0.status {
            200 => Ok(Some(&self.0.body)),
            204 | 404 => Ok(None),
            status => Err(Failure::Refused(status).into()),
        }
    }

    /// What was asked for, as a line of text; nothing where there is no such thing, or nothing in it.
    ///
    /// # Errors
    /// When the provider does not want to say.
    pub fn text(&self) -> Result<Option<String>, Halt> {
        let text = self.found()?.map(|bytes| String::from_utf8_lossy(bytes.trim_ascii()).into_owned());
        Ok(text.filter(|text| !text.is_empty()))
    }

    /// The token that was asked for.
    ///
    /// # Errors
    /// When it is none.
    pub fn token(&self) -> Result<Value, Halt> {
        match self.found()? {
            Some(bytes) => Value::new(bytes).ok_or_else(|| Failure::Document("token").into()),
            None => Err(Failure::Refused(self.0.status).into()),
        }
    }

    /// The JSON document that was asked for, if there is one.
    ///
    /// # Errors
    /// When the provider does not want to say, or what it says is no JSON.
    pub fn json(&self, name: &'static str) -> Result<Option<Json>, Halt> {
        self.found()?
            .map(|bytes| Json::parse(bytes, MAX_NESTING))
            .transpose()
            .map_err(|_| Failure::Document(name).into())
    }
}

/// Why a provider's run has ended before it had all facts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Halt {
    /// It wants to know this.
    Ask(Box<Ask>),
    /// There is nothing to wait for.
    Fail(Failure),
}

impl From<Failure> for Halt {
    fn from(failure: Failure) -> Self {
        Self::Fail(failure)
    }
}

/// Why a provider has said nothing that can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// It does not want to say.
    #[error("the metadata service refuses, with HTTP status {0}")]
    Refused(u16),
    /// It asks to come back later, and there is no later.
    #[error("the metadata service is not ready, with HTTP status {0}")]
    NotReady(u16),
    /// What it says is not what its documentation says that it is.
    #[error("the metadata service's {0} is not what its documentation says")]
    Document(&'static str),
    /// There is none of what every machine of the provider has.
    #[error("the metadata service has no {0}")]
    Missing(&'static str),
    /// The answer does not have what only the provider's own service puts there.
    #[error("whoever answers is not the metadata service: its sign {0} is missing")]
    Impostor(&'static str),
    /// AWS: the service gives no session tokens.
    #[error("the metadata service has no IMDSv2, and version 1 is not allowed")]
    NoImdsV2,
    /// What it says is no HTTP.
    #[error("the metadata service's answer cannot be read: {0}")]
    Http(HttpError),
    /// No connection, or none that lasted.
    #[error("the metadata service cannot be reached")]
    Unreachable,
    /// There was a connection, and no answer.
    #[error("the metadata service does not answer in time")]
    Silent,
    /// More questions than any provider needs.
    #[error("the metadata service leads to more questions than it may")]
    TooMuch,
}

/// What has been answered, by what was asked.
#[derive(Debug, Clone, Default)]
pub struct Answers {
    answers: BTreeMap<(Endpoint, Method, String), Answer>,
}

impl Answers {
    /// Requests of one run, at most: the longest provider has 15, and a key each for those who may log in.
    pub const MAX: usize = 64;

    /// Bytes of all answers of one run, at most. They are kept until the run ends.
    pub const MAX_BYTES: usize = 4 << 20;

    /// Keeps the answer to a question.
    ///
    /// # Errors
    /// When there are more than any run needs.
    pub fn keep(&mut self, ask: &Ask, response: Response) -> Result<(), Failure> {
        let bytes = self.answers.values().map(|answer| answer.0.body.len()).sum::<usize>();
        if self.answers.len() >= Self::MAX || bytes.saturating_add(response.body.len()) > Self::MAX_BYTES {
            return Err(Failure::TooMuch);
        }
        self.answers.insert(key(ask), Answer(response));
        Ok(())
    }

    /// Forgets all tokens, so that they are asked for again; whether there was one. Tokens are what is asked for by PUT.
    pub fn forget_tokens(&mut self) -> bool {
        let before = self.answers.len();
        self.answers.retain(|(_, method, _), _| *method != Method::Put);
        self.answers.len() != before
    }
}

fn key(ask: &Ask) -> (Endpoint, Method, String) {
    (ask.endpoint, ask.request.method(), ask.request.target().to_owned())
}

/// What the user allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options {
    /// AWS without session tokens, where whoever can make a server of the machine fetch a URL reads its secrets.
    pub imds_v1: bool,
}

/// A provider's view of the conversation.
#[derive(Debug, Clone, Copy)]
pub struct Talk<'t> {
    answers: &'t Answers,
    /// What the user allows.
    pub options: Options,
}

impl<'t> Talk<'t> {
    /// A conversation with these answers so far.
    #[must_use]
    pub const fn new(answers: &'t Answers, options: Options) -> Self {
        Self { answers, options }
    }

    /// The answer to this question.
    ///
    /// # Errors
    /// [`Halt::Ask`] when there is none yet.
    pub fn ask(&self, ask: Ask) -> Result<&'t Answer, Halt> {
        self.answers.answers.get(&key(&ask)).ok_or_else(|| Halt::Ask(Box::new(ask)))
    }
}

impl Failure {
    /// Whether the run has ended because there was no time left, and not because there is nothing to wait for.
    #[must_use]
    pub const fn is_lateness(self) -> bool {
        matches!(self, Self::NotReady(_) | Self::Unreachable | Self::Silent | Self::Http(HttpError::Truncated))
    }
}
