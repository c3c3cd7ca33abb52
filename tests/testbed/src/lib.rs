//! What the system tests, the benchmark and the demo stand on: hosts that are only namespaces, wires between them,
//! real and scripted DHCP servers, a lossy relay and a capture.
//!
//! Start with [`Host`] and [`Wire`]:
//!
//! ```no_run
//! # fn main() -> anyhow::Result<()> {
//! use orlop_testbed::{Capture, Dnsmasq, Host, Wire};
//! use std::time::Duration;
//!
//! let server = Host::new("server")?;
//! let client = Host::new("client")?;
//! Wire::veth(&client, "eth0", &server, "eth0")?;
//! client.link_up("eth0")?;
//! server.link_up("eth0")?;
//! server.add_address("eth0", "192.0.2.1/24")?;
//! let _dnsmasq = Dnsmasq::on("eth0").range("192.0.2.10", "192.0.2.99").start(&server)?;
//! let capture = Capture::start(&client)?;
//! let mut udhcpc = client.spawn("udhcpc", client.command("udhcpc").args(["-fnq", "-i", "eth0"]))?;
//! udhcpc.wait_exit(Duration::from_secs(10))?;
//! println!("{}", capture.time_line());
//! # Ok(()) }
//! ```
//!
//! Three promises: nothing here touches the namespaces the caller runs in; every wait has a deadline; and whatever
//! happens to the caller, SIGKILL included, its hosts end with every process in them (see [`host`]).
#![forbid(unsafe_code)]

pub mod arp;
pub mod background;
pub mod binaries;
pub mod capture;
pub mod client;
pub mod deadline;
pub mod dhcp;
pub mod flood;
pub mod folder;
pub mod frame;
pub mod host;
pub mod last_look;
pub mod launch;
pub mod malformed;
pub mod memory;
pub mod monitor;
pub mod needs;
pub mod neighbour;
pub mod packet;
pub mod processes;
pub mod relay;
pub mod rogue;
pub mod running;
pub mod script;
pub mod server;
pub mod state;
pub mod table;
pub mod unpacked;
pub mod wire;

pub use arp::Arp;
pub use capture::{Capture, Seen};
pub use client::{Client, Mode};
pub use deadline::eventually;
pub use dhcp::{Kind, Message};
pub use flood::Flood;
pub use folder::Folder;
pub use host::Host;
pub use last_look::LastLook;
pub use launch::Launch;
pub use monitor::Monitor;
pub use needs::{Testbed, installed};
pub use processes::Trio;
pub use relay::Relay;
pub use rogue::Rogue;
pub use running::Running;
pub use script::{Lease, Phase, Script};
pub use server::{Dnsmasq, Udhcpd};
pub use wire::Wire;
