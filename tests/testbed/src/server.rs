//! Debian's DHCP servers, in the foreground on one interface.

use std::time::Duration;

use anyhow::Result;

use crate::host::Host;
use crate::running::Running;

/// A server starts in milliseconds; this long only when the machine is badly overloaded.
const START: Duration = Duration::from_secs(10);

/// dnsmasq as a DHCP server without DNS. It does not ping an address before it offers it (which costs three seconds).
/// Its shortest lease is two minutes.
#[derive(Clone, Debug)]
pub struct Dnsmasq {
    args: Vec<String>,
    lease: String,
    leases: String,
    ranges: Vec<(String, String)>,
}

impl Dnsmasq {
    /// Serves the network of an interface that has an address.
    #[must_use]
    pub fn on(interface: &str) -> Self {
        Self::on_all(&[interface])
    }

    /// Serves several interfaces.
    #[must_use]
    pub fn on_all(interfaces: &[&str]) -> Self {
        let mut args: Vec<String> = [
            "--keep-in-foreground",
            "--conf-file=/dev/null",
            "--log-facility=-",
            "--log-dhcp",
            "--user=root",
            "--port=0",
            "--pid-file=",
            "--no-ping",
            "--bind-interfaces",
            "--dhcp-authoritative",
        ]
        .map(str::to_owned)
        .to_vec();
        args.extend(interfaces.iter().map(|interface| format!("--interface={interface}")));
        Self { args, lease: "1h".to_owned(), leases: "/run/dnsmasq.leases".to_owned(), ranges: Vec::new() }
    }

    /// Addresses to give.
    #[must_use]
    pub fn range(mut self, first: &str, last: &str) -> Self {
        self.ranges.push((first.to_owned(), last.to_owned()));
        self
    }

    /// Lease time, for instance `2m` or `infinite`.
    #[must_use]
    pub fn lease(mut self, time: &str) -> Self {
        time.clone_into(&mut self.lease);
        self
    }

    /// The file that it keeps leases in: one of its own for each server of a host.
    #[must_use]
    pub fn leases(mut self, file: &str) -> Self {
        file.clone_into(&mut self.leases);
        self
    }

    /// An option as dnsmasq writes it: `3,192.0.2.1` or `option:router,192.0.2.1`.
    #[must_use]
    pub fn option(self, option: &str) -> Self {
        self.arg(&format!("--dhcp-option={option}"))
    }

    /// An option that is sent although the client did not ask for it.
    #[must_use]
    pub fn forced_option(self, option: &str) -> Self {
        self.arg(&format!("--dhcp-option-force={option}"))
    }

    /// Any other argument, `--dhcp-rapid-commit` for instance.
    #[must_use]
    pub fn arg(mut self, arg: &str) -> Self {
        self.args.push(arg.to_owned());
        self
    }

    /// Starts it; ready to answer on return.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start(&self, host: &Host) -> Result<Running> {
        let ranges = self.ranges.iter().map(|(first, last)| format!("--dhcp-range={first},{last},{}", self.lease));
        let leases = format!("--dhcp-leasefile={}", self.leases);
        let running = host.spawn("dnsmasq", host.command("dnsmasq").args(&self.args).arg(leases).args(ranges))?;
        running.wait_for("DHCP, IP range", START)?;
        Ok(running)
    }
}

/// busybox udhcpd.
#[derive(Clone, Debug)]
pub struct Udhcpd {
    lines: Vec<String>,
}

impl Udhcpd {
    /// Serves an interface that has an address, with these addresses and a lease time in seconds (ten at least).
    #[must_use]
    pub fn on(interface: &str, first: &str, last: &str, lease_secs: u32) -> Self {
        let lines = vec![
            format!("interface {interface}"),
            format!("start {first}"),
            format!("end {last}"),
            "max_leases 100".to_owned(),
            "min_lease 1".to_owned(),
            "lease_file /run/udhcpd.leases".to_owned(),
            "pidfile /run/udhcpd.pid".to_owned(),
            format!("option lease {lease_secs}"),
        ];
        Self { lines }
    }

    /// An option as udhcpd writes it: `router 192.0.2.1`.
    #[must_use]
    pub fn option(mut self, option: &str) -> Self {
        self.lines.push(format!("option {option}"));
        self
    }

    /// Starts it; ready to answer on return.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start(&self, host: &Host) -> Result<Running> {
        host.write("/run/udhcpd.conf", self.lines.join("\n") + "\n")?;
        host.write("/run/udhcpd.leases", "")?;
        // -I would add an address to check; arpping an address before its first offer takes it two seconds.
        let running = host.spawn("udhcpd", host.command("udhcpd").args(["-f", "/run/udhcpd.conf"]))?;
        running.wait_for("started", START)?;
        Ok(running)
    }
}
