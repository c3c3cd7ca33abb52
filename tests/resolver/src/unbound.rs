//! unbound of Debian's package, as it was unpacked: the resolver that ours is compared with.

use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::Result;
use orlop_testbed::{Host, Running, unpacked};

/// unbound in its package.
pub const UNBOUND: &str = "/usr/sbin/unbound";

/// It starts in a tenth of a second; this long only when the machine is badly overloaded.
const START: Duration = Duration::from_secs(20);

/// Starts one that listens at port 53 of an address and asks only this server. It answers on return.
///
/// Its answers are whole and in the order in which they came, so that they can be compared.
///
/// # Errors
/// When it does not start.
pub fn start(host: &Host, at: Ipv4Addr, upstream: &str) -> Result<Running> {
    let conf = format!("/run/unbound/{at}.conf");
    host.write(
        &conf,
        format!(
            "server:\n interface: {at}\n do-daemonize: no\n username: \"\"\n chroot: \"\"\n directory: \"\"\n pidfile: \"\"\n \
             use-syslog: no\n num-threads: 1\n verbosity: 1\n do-ip6: no\n do-not-query-localhost: no\n \
             access-control: 127.0.0.0/8 allow\n module-config: \"iterator\"\n qname-minimisation: no\n minimal-responses: no\n \
             rrset-roundrobin: no\n edns-buffer-size: 1232\n msg-cache-size: 64m\n rrset-cache-size: 64m\n\
             remote-control:\n control-enable: no\n\
             forward-zone:\n name: \".\"\n forward-addr: {upstream}\n"
        ),
    )?;
    let mut command = host.command("env");
    command.arg(format!("LD_LIBRARY_PATH={}", unpacked::library_path()));
    let running = host.spawn("unbound", command.arg(unpacked::program(UNBOUND)).args(["-d", "-c", &conf]))?;
    running.wait_for("start of service", START)?;
    Ok(running)
}
