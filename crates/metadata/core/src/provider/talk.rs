use std::collections::BTreeMap;

use orlop_metadata_contract::Service;

use super::{Ask, Failure, Halt};
use crate::http::{Method, Response, Value};
use crate::json::{Json, MAX_NESTING};
use crate::left_out::{LeftOut, Why};

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

    /// The bytes that were asked for; nothing where there is no such thing, or nothing in it.
    ///
    /// # Errors
    /// When the provider does not want to say.
    pub fn bytes(&self) -> Result<Option<Vec<u8>>, Halt> {
        Ok(self.found()?.filter(|bytes| !bytes.is_empty()).map(<[u8]>::to_vec))
    }

    /// Whether the provider has taken what it was told.
    ///
    /// # Errors
    /// When it has not.
    pub fn taken(&self) -> Result<(), Halt> {
        match self.0.status {
            200..=299 => Ok(()),
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

/// What has been answered, by what was asked.
#[derive(Debug, Clone, Default)]
pub struct Answers {
    answers: BTreeMap<(Service, Method, String), Answer>,
    left_out: Vec<LeftOut>,
}

impl Answers {
    /// Requests of one run, at most: the longest provider has 15, and a key each for those who may log in.
    pub const MAX: usize = 64;

    /// Bytes of all answers of one run, at most. They are kept until the run ends.
    pub const MAX_BYTES: usize = 4 << 20;

    /// Keeps the answer to a question. One that a machine is of use without, and that is refused, is as good as none.
    ///
    /// # Errors
    /// When there are more than any run needs.
    pub fn keep(&mut self, ask: &Ask, response: Response) -> Result<(), Failure> {
        let bytes = self.answers.values().map(|answer| answer.0.body.len()).sum::<usize>();
        if self.answers.len() >= Self::MAX || bytes.saturating_add(response.body.len()) > Self::MAX_BYTES {
            return Err(Failure::TooMuch);
        }
        let is_refused = ask.is_optional && !matches!(response.status, 200 | 204 | 404);
        if is_refused {
            self.left_out.push(LeftOut::new(ask.request.target(), Why::Refused(response.status)));
        }
        let kept = if is_refused { Response::absent() } else { response };
        self.answers.insert(key(ask), Answer(kept));
        Ok(())
    }

    /// Goes on as if there were no such thing as this, for which was asked long enough.
    ///
    /// # Errors
    /// When there are more answers than any run needs.
    pub fn give_up(&mut self, ask: &Ask) -> Result<(), Failure> {
        self.left_out.push(LeftOut::new(ask.request.target(), Why::Unanswered));
        self.keep(ask, Response::absent())
    }

    /// What was refused or given up.
    pub fn take_left_out(&mut self) -> Vec<LeftOut> {
        core::mem::take(&mut self.left_out)
    }

    /// Forgets all tokens, so that they are asked for again; whether there was one. Tokens are what is asked for by PUT.
    pub fn forget_tokens(&mut self) -> bool {
        let before = self.answers.len();
        self.answers.retain(|(_, method, _), _| *method != Method::Put);
        self.answers.len() != before
    }
}

fn key(ask: &Ask) -> (Service, Method, String) {
    (ask.service, ask.request.method(), ask.request.target().to_owned())
}

/// What the user allows and wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options {
    /// AWS without session tokens, where whoever can make a server of the machine fetch a URL reads its secrets.
    pub imds_v1: bool,
    /// The provider is told that the machine is ready, where it wants to be told.
    pub reports: bool,
}

/// A provider's view of the conversation.
#[derive(Debug, Clone, Copy)]
pub struct Talk<'t> {
    answers: &'t Answers,
    /// What the user allows and wants.
    pub options: Options,
    /// Below this is what the provider says, where that has to be told; begins and ends with `/`.
    pub path: &'t str,
}

impl<'t> Talk<'t> {
    /// A conversation with these answers so far.
    #[must_use]
    pub const fn new(answers: &'t Answers, options: Options) -> Self {
        Self { answers, options, path: "/" }
    }

    /// The same with somebody who says it all below this path.
    #[must_use]
    pub const fn below(self, path: &'t str) -> Self {
        Self { path, ..self }
    }

    /// The answer to this question.
    ///
    /// # Errors
    /// [`Halt::Ask`] when there is none yet.
    pub fn ask(&self, ask: Ask) -> Result<&'t Answer, Halt> {
        self.answers.answers.get(&key(&ask)).ok_or_else(|| Halt::Ask(Box::new(ask)))
    }
}
