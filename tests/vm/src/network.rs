//! Networks for machines: a host of namespaces with tap devices, and Debian's dnsmasq on them.

use anyhow::Result;
use orlop_testbed::{Dnsmasq, Host, Running};

use crate::emulator::Nic;

/// A host that machines run in, and whose tap devices their cards are connected to.
pub struct Network {
    host: Host,
    servers: Vec<Running>,
    /// What servers said that have ended.
    said: String,
}

impl Network {
    /// A host without devices.
    ///
    /// # Errors
    /// Without root, or when the kernel refuses namespaces.
    pub fn new() -> Result<Self> {
        Ok(Self { host: Host::new("vm")?, servers: Vec::new(), said: String::new() })
    }

    /// What the machine has to run in.
    #[must_use]
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// Makes a tap device `tapN` whose own address is 192.0.(2+N).1, and gives it as a card.
    ///
    /// # Errors
    /// When `ip` refuses.
    pub fn tap(&self, number: u8) -> Result<Nic> {
        let name = tap(number);
        self.host.run("ip", &["tuntap", "add", "dev", &name, "mode", "tap"])?;
        self.host.add_address(&name, &format!("{}.1/24", prefix(number)))?;
        self.host.link_up(&name)?;
        Ok(Nic::Tap(name))
    }

    /// A server on tap `number`, not started: it gives 192.0.(2+N).10 to .99 and names itself as router.
    #[must_use]
    pub fn server(number: u8) -> Dnsmasq {
        let prefix = prefix(number);
        Dnsmasq::on(&tap(number))
            .range(&format!("{prefix}.10"), &format!("{prefix}.99"))
            .leases(&format!("/run/dnsmasq-{number}.leases"))
    }

    /// Starts a server in the host; it runs until the network goes, or until [`Self::serve_instead`].
    ///
    /// # Errors
    /// When it does not start.
    pub fn serve(&mut self, server: &Dnsmasq) -> Result<()> {
        self.servers.push(server.start(&self.host)?);
        Ok(())
    }

    /// Ends all servers, and starts this one.
    ///
    /// # Errors
    /// As [`Self::serve`].
    pub fn serve_instead(&mut self, server: &Dnsmasq) -> Result<()> {
        self.said = self.servers_said();
        self.servers.clear();
        self.serve(server)
    }

    /// What the servers have said.
    #[must_use]
    pub fn servers_said(&self) -> String {
        self.said.clone() + &self.servers.iter().map(Running::text).collect::<String>()
    }
}

fn tap(number: u8) -> String {
    format!("tap{number}")
}

fn prefix(number: u8) -> String {
    format!("192.0.{}", number.saturating_add(2))
}
