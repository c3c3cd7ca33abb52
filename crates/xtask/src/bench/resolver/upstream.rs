//! The server that all of them ask: as fast as one thread can be.

use std::net::{SocketAddr, UdpSocket};

use anyhow::Result;
use orlop_test_resolver::{Asked, server::NXDOMAIN};
use orlop_testbed::Host;
use orlop_testbed::background::{Background, STOP_EVERY};

use super::pin;

/// Where it listens, on every host.
pub(super) const AT: &str = "127.0.1.1";
/// No answer's life is over within a bench.
const LIFE: u32 = 86_400;

/// Starts it.
///
/// # Errors
/// When the port cannot be had.
pub(super) fn start(host: &Host) -> Result<Background> {
    Background::start(host, "the upstream", |life| {
        pin::this_thread(pin::OTHERS)?;
        let socket = UdpSocket::bind(SocketAddr::new(AT.parse()?, 53))?;
        socket.set_read_timeout(Some(STOP_EVERY))?;
        life.ready()?;
        let mut room = [0; 4096];
        while life.goes_on() {
            let Ok((length, from)) = socket.recv_from(&mut room) else { continue };
            let asked = Asked::read(from, false, &room[..length])?;
            let is_none = asked.name.starts_with(['n', 'N']);
            let reply = if is_none { asked.nothing(NXDOMAIN) } else { asked.address(LIFE, [192, 0, 2, 7]) };
            socket.send_to(&reply.bytes, from)?;
        }
        Ok(())
    })
}
