//! Telling whoever started the daemon that it works: `--ready-fd N`.
//!
//! The broker, which knows when the first success is there, says so to its supervisor. That process has the descriptor that
//! the user named: it writes one line end there and closes it.

use std::os::fd::OwnedFd;

use orlop_sandbox::broker::Broker;

/// What says that the first success is there, until it has.
#[derive(Debug, Default)]
#[must_use]
pub struct Ready(Option<OwnedFd>);

impl Ready {
    /// Of this broker.
    pub fn of(broker: &mut Broker) -> Self {
        Self(broker.ready())
    }

    /// Says it. Nobody is told twice, so there is nothing left to say it with.
    pub fn say(self) {
        let Some(descriptor) = self.0 else { return };
        if let Err(errno) = rustix::io::write(&descriptor, &1_u64.to_ne_bytes()) {
            tracing::debug!(%errno, "the supervisor does not hear that the daemon is ready");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_supervisor_reads_one_number_and_then_the_end() {
        let (reader, writer) = rustix::pipe::pipe().unwrap();
        Ready(Some(writer)).say();
        let mut read = Vec::new();
        std::io::Read::read_to_end(&mut std::fs::File::from(reader), &mut read).unwrap();
        assert_eq!(read, 1_u64.to_ne_bytes());
        Ready::default().say();
    }
}
