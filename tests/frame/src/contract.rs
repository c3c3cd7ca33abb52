//! What the worker may ask, and what its broker permits. Pure.

use orlop_wire::MaxSize;
use serde::{Deserialize, Serialize};

/// Both programs must be of the same build: which conversation they speak. It grows with every change of a message.
pub const PROTOCOL: u32 = 2;

/// What a worker asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub enum Request {
    /// A number was heard: add it.
    Add(u32),
}

/// What a broker tells its worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub enum Notice {
    /// Comes with the socket that numbers arrive at.
    Listen,
}

/// What the optional worker is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub enum Question {
    /// Is this number prime?
    Prime(u64),
}

/// What the optional worker answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub struct Answer {
    /// The number that was asked about: the sum may have grown since.
    pub number: u64,
    /// Whether it is prime.
    pub prime: bool,
}

/// Largest number that is added: a worker that somebody has taken over should not decide the sum alone.
pub const MAX_NUMBER: u32 = 1000;

/// A request that the policy has permitted. There is no other way to one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Permitted(Request);

/// Why a request is denied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLarge(pub u32);

/// Decides each request. It believes nobody.
///
/// # Errors
/// [`TooLarge`].
pub fn permit(request: Request) -> Result<Permitted, TooLarge> {
    match request {
        Request::Add(number) if number > MAX_NUMBER => Err(TooLarge(number)),
        Request::Add(_) => Ok(Permitted(request)),
    }
}

impl Permitted {
    /// What to do.
    #[must_use]
    pub fn into_request(self) -> Request {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_number_is_permitted_and_one_more_is_not() {
        assert_eq!(permit(Request::Add(1000)).map(Permitted::into_request), Ok(Request::Add(1000)));
        assert_eq!(permit(Request::Add(1001)), Err(TooLarge(1001)));
    }
}
