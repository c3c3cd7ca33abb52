use orlop_metadata_contract as contract;

use super::Ask;
use crate::http::HttpError;

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

/// What a broker is told of it.
impl From<Failure> for contract::Failure {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Refused(status) | Failure::NotReady(status) => Self::Status(status),
            Failure::Missing(_) => Self::NotFound,
            Failure::Document(_) | Failure::Impostor(_) => Self::Malformed,
            Failure::Http(why) if why.is_size() => Self::TooLarge,
            Failure::Http(_) => Self::Malformed,
            Failure::NoImdsV2 => Self::NoToken,
            Failure::Unreachable => Self::Unreachable,
            Failure::Silent => Self::Silent,
            Failure::TooMuch => Self::TooLarge,
        }
    }
}
