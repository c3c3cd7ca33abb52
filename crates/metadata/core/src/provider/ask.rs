use orlop_metadata_contract::{MAX_RESPONSE, Service};

use crate::http::{Method, Request, Value};

/// Bytes of a single fact, at most.
const MAX_KEY: usize = 256 << 10;

/// A question to a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// Which of its services is asked.
    pub service: Service,
    /// The request.
    pub request: Request,
    /// Bytes of the answer, at most.
    pub max_body: usize,
    /// Statuses that mean "later", besides those that always do.
    pub later: &'static [u16],
    /// Whether a machine is of use without the answer. One that does not come is given up, and told as left out.
    pub is_optional: bool,
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
        Self {
            service: Service::Metadata,
            request: Request::new(method, target),
            max_body,
            later: &[],
            is_optional: false,
        }
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
    pub fn to(self, service: Service) -> Self {
        Self { service, ..self }
    }

    /// Where these statuses mean "later", too.
    #[must_use]
    pub fn later(self, later: &'static [u16]) -> Self {
        Self { later, ..self }
    }

    /// Which a machine is of use without.
    #[must_use]
    pub fn optional(self) -> Self {
        Self { is_optional: true, ..self }
    }

    /// Whether an answer with this status means that the same question may be answered later.
    #[must_use]
    pub fn may_be_repeated(&self, status: u16) -> bool {
        matches!(status, 408 | 429 | 500..=599) || self.later.contains(&status)
    }
}
