//! Telling whoever started the daemon that it works: `--ready-fd N`.
//!
//! One line end is written to the descriptor, as s6 and other supervisors read it. The descriptor belongs to the process that
//! the user started, which keeps it for brokers that are started anew; each broker, which knows when the first success is
//! there, gets a copy at birth.

use std::os::fd::OwnedFd;

use orlop_sandbox::broker::Broker;

/// Somebody who waits for the first success, or nobody any more.
#[derive(Debug, Default)]
#[must_use]
pub struct Ready(Option<OwnedFd>);

impl Ready {
    /// Whoever waits for this broker: where nobody does, its supervisor has opened `/dev/null`.
    pub fn of(broker: &mut Broker) -> Self {
        Self(broker.ready())
    }

    /// Says it. Nobody is told twice, so there is nothing left to say it with.
    pub fn say(self) {
        let Some(descriptor) = self.0 else { return };
        // A reader that has gone does not want to know any more.
        if let Err(errno) = rustix::io::write(&descriptor, b"\n") {
            tracing::debug!(%errno, "nobody reads that the daemon is ready");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_gets_one_line_end_and_then_the_end() {
        let (reader, writer) = rustix::pipe::pipe().unwrap();
        Ready(Some(writer)).say();
        assert_eq!(std::io::read_to_string(std::fs::File::from(reader)).unwrap(), "\n");
        Ready::default().say();
    }
}
