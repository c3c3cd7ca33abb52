//! Real time servers: chronyd of Debian's package, as it was unpacked. It never touches the clock (`-x`).

use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::Result;
use orlop_testbed::{Host, Running, eventually, unpacked};

use crate::authority::Identity;
use crate::script;

/// chronyd in its package.
pub(crate) const CHRONYD: &str = "/usr/sbin/chronyd";
/// A library that shows a program another time than the clock's.
pub(crate) const FAKETIME: &str = "faketime/libfaketime.so.1";

/// A server starts in milliseconds; this long only when the machine is badly overloaded.
const START: Duration = Duration::from_secs(10);

/// A chronyd that serves time at one address and port.
#[derive(Debug, Clone)]
pub struct Chrony {
    address: Ipv4Addr,
    port: u16,
    stratum: u8,
    lie: Option<Lie>,
    secured: Option<(u16, Identity)>,
    more: String,
}

/// By what a server is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lie {
    /// It follows the honest server at this port of the loopback, and believes it to be wrong by this many seconds.
    Offset {
        /// The port.
        of: u16,
        /// Seconds that are added.
        secs: i32,
    },
    /// The whole program is shown a time that is later by this many seconds.
    Fake(i64),
}

impl Chrony {
    /// An honest server on the loopback.
    #[must_use]
    pub fn on(port: u16) -> Self {
        Self::at(Ipv4Addr::LOCALHOST, port)
    }

    /// An honest server at an address that the host has.
    #[must_use]
    pub fn at(address: Ipv4Addr, port: u16) -> Self {
        Self { address, port, stratum: 1, lie: None, secured: None, more: String::new() }
    }

    /// With this lie.
    #[must_use]
    pub fn lying(self, lie: Lie) -> Self {
        Self { lie: Some(lie), ..self }
    }

    /// Which exchanges keys at this port of its address, as who it is.
    #[must_use]
    pub fn secured(self, port: u16, identity: &Identity) -> Self {
        Self { secured: Some((port, identity.clone())), ..self }
    }

    /// With more lines of configuration.
    #[must_use]
    pub fn with(self, lines: &str) -> Self {
        Self { more: format!("{}{lines}\n", self.more), ..self }
    }

    /// Starts it; it answers and shows the time it should on return.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start(&self, host: &Host) -> Result<Running> {
        let Self { address, port, stratum, lie, secured, more } = self;
        let name = format!("{address}-{port}");
        let time = match lie {
            Some(Lie::Offset { of, secs }) => {
                format!("server 127.0.0.1 port {of} offset {secs} iburst minpoll -6 maxpoll -6")
            }
            Some(Lie::Fake(_)) | None => format!("local stratum {stratum}"),
        };
        let conf = format!("/run/chrony/{name}.conf");
        let nts = match secured {
            None => String::new(),
            Some((ke, identity)) => {
                let (certificate, key) = (format!("/run/chrony/{name}.crt"), format!("/run/chrony/{name}.key"));
                host.write(&certificate, &identity.certificate)?;
                host.write(&key, &identity.key)?;
                host.shell(&format!("chmod 600 {key}"))?;
                format!("ntsport {ke}\nntsservercert {certificate}\nntsserverkey {key}\nntsprocesses 0\n")
            }
        };
        host.write(
            &conf,
            // No command socket, and none of the files that it would share with other servers of the host.
            format!(
                "{time}\nport {port}\nbindaddress {address}\nallow all\ncmdport 0\nbindcmdaddress /\npidfile /run/chrony/{name}.pid\n{nts}{more}"
            ),
        )?;
        let mut command = host.command("env");
        command.arg(format!("LD_LIBRARY_PATH={}", unpacked::library_path()));
        if let Some(Lie::Fake(secs)) = lie {
            command.arg(format!("LD_PRELOAD={}", unpacked::library(FAKETIME).display()));
            command.args([&format!("FAKETIME={secs:+}"), "DONT_FAKE_MONOTONIC=1"]);
        }
        command.arg(unpacked::program(CHRONYD)).args(["-x", "-d", "-u", "root", "-f", &conf]);
        let running = host.spawn(&format!("chronyd {name}"), &mut command)?;
        let wanted = match lie {
            None => 0,
            Some(Lie::Offset { secs, .. }) => i64::from(*secs),
            Some(Lie::Fake(secs)) => *secs,
        };
        let server = (*address, *port);
        let answers = move || Ok(script::asked(server)?.filter(|off| (off - wanted).abs() <= 2).map(drop));
        host.inside(move || eventually("chronyd to answer with the time it should", START, answers))
            .map_err(|error| error.context(running.text()))?;
        Ok(running)
    }
}
