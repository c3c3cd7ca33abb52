//! Where attacks happen: a process that is PID 1 of its own namespaces, with everything an intruder could wish for in them.
//!
//! Nothing in here can reach the machine. Processes, mounts, host name, System V objects and the network are the arena's own,
//! and the capabilities whose effect no namespace contains (clock, power, modules) are given up before the first attack.

mod decoys;
mod fixtures;
mod listeners;
mod namespaces;
mod placed;
pub mod trial;
mod wire;

use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;

use anyhow::{Context, Result};

pub use decoys::stand_in;
pub(crate) use namespaces::leave_for;
pub use namespaces::{IMPOSSIBLE, enter};
pub use wire::Capture;

use crate::column::Column;
use crate::scene::Scene;

/// The arena, ready for trials.
pub struct Arena {
    scene: Scene,
    capture: Capture,
    stand_in: decoys::StandIn,
    services: Services,
    listeners: listeners::Listeners,
    netns: OwnedFd,
    program: PathBuf,
    runs: u32,
}

/// The local services that an attacker would like to talk to. They accept and hang up.
struct Services {
    tcp: TcpListener,
    pathname: UnixListener,
    abstract_name: UnixListener,
}

impl Arena {
    /// Builds the arena in the namespaces that [`enter`] made.
    ///
    /// # Errors
    /// What could not be built, with the means it needs.
    pub fn build() -> Result<Self> {
        let program = std::env::current_exe().context("cannot find this program's own file")?;
        let netns = namespaces::settle()?;
        let handle = fixtures::lay_out(&program)?;
        let ifindex = wire::lay_out()?;
        let services = Services::open()?;
        let stand_in = decoys::StandIn::start(&program)?;
        let scene = Scene {
            broker: stand_in.pid(),
            secret_at: stand_in.secret_at(),
            ifindex,
            tcp_port: services.tcp.local_addr()?.port(),
            nonce: 0,
            handle,
            ..Scene::default()
        };
        Ok(Self {
            scene,
            capture: Capture::open()?,
            stand_in,
            services,
            listeners: listeners::Listeners::default(),
            netns,
            program,
            runs: 0,
        })
    }

    /// The interface that listeners are bound to.
    pub(crate) fn ifindex(&self) -> i32 {
        self.scene.ifindex
    }

    /// Sends an IPv4 packet of that length to port 68 towards the listeners.
    ///
    /// # Errors
    /// When it cannot be sent.
    pub(crate) fn send_dhcp(&self, len: usize) -> Result<()> {
        self.capture.send_dhcp(len)
    }

    /// Puts everything back as the next attack expects it.
    fn reset(&mut self, column: &Column) -> Result<()> {
        fixtures::restore(column.uid())?;
        self.scene.dialect = column.target.dialect_number();
        self.services.hang_up();
        if !self.stand_in.is_alive() {
            self.stand_in = decoys::StandIn::start(&self.program)?;
            self.scene.broker = self.stand_in.pid();
            self.scene.secret_at = self.stand_in.secret_at();
        }
        self.runs += 1;
        self.scene.nonce = self.runs;
        Ok(())
    }
}

impl Services {
    fn open() -> Result<Self> {
        use std::os::linux::net::SocketAddrExt;
        let tcp = TcpListener::bind("127.0.0.1:0")?;
        let pathname = UnixListener::bind(fixtures::API_SOCKET)?;
        let address = std::os::unix::net::SocketAddr::from_abstract_name("orlop-arena")?;
        let abstract_name = UnixListener::bind_addr(&address)?;
        tcp.set_nonblocking(true)?;
        pathname.set_nonblocking(true)?;
        abstract_name.set_nonblocking(true)?;
        Ok(Self { tcp, pathname, abstract_name })
    }

    fn hang_up(&self) {
        while self.tcp.accept().is_ok() {}
        while self.pathname.accept().is_ok() {}
        while self.abstract_name.accept().is_ok() {}
    }
}
