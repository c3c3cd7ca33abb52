//! A place where a machine waits for its test: what is done to it meanwhile happens at this point of its script.

use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream};
use std::time::Duration;

use anyhow::Result;
use orlop_testbed::{Host, eventually};

use crate::script::Step;

/// The test's side.
#[derive(Debug)]
pub struct Meeting {
    listener: TcpListener,
    place: SocketAddrV4,
}

/// The machine stands at [`Meeting::step`], and goes on when this is dropped.
#[derive(Debug)]
#[must_use = "the machine goes on at once"]
pub struct Arrived(#[expect(dead_code, reason = "held")] TcpStream);

/// As long as a whole boot of a machine that shares its processor with many.
const PATIENCE: Duration = Duration::from_secs(150);

impl Meeting {
    /// At an address of a host, which the machine can reach.
    ///
    /// # Errors
    /// When the port cannot be had.
    pub fn at(host: &Host, address: Ipv4Addr, port: u16) -> Result<Self> {
        let place = SocketAddrV4::new(address, port);
        let listener = host.inside(move || Ok(TcpListener::bind(place)?))?;
        listener.set_nonblocking(true)?;
        Ok(Self { listener, place })
    }

    /// What the machine has in its script, as often as it is to be met.
    #[must_use]
    pub fn step(address: Ipv4Addr, port: u16) -> Step {
        Step::Meet(SocketAddrV4::new(address, port).to_string())
    }

    /// Waits until the machine is there.
    ///
    /// # Errors
    /// When it does not come.
    pub fn arrived(&self) -> Result<Arrived> {
        let what = format!("the machine at {}", self.place);
        eventually(&what, PATIENCE, || Ok(Some(Arrived(self.listener.accept()?.0))))
    }
}
