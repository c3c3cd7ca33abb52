//! Settings being applied in a namespace: those that the kernel took, one that it refused, and some that it changed without a
//! word.

use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use orlop_testbed::Host;
use serde_json::Value;

use super::{DEADLINE, Shown, heading, print_indented};
use crate::workspace::Workspace;

/// Only settings that belong to a namespace.
const SETTINGS: &str = "\
net.ipv4.ip_forward = 1
net.ipv4.conf.*.rp_filter = 2
-net.ipv4.conf.lo.rp_filter
# The kernel says yes to the next two, and does something else.
kernel.domainname = a-name-that-is-longer-than-sixty-four-bytes.of-a-company.example.org
kernel.sem = 250
# It refuses this: a packet can live 255 hops at most.
net.ipv4.ip_default_ttl = 300
net.ipv4.no_such_key = 1
# The dot belongs to the interface's name.
net.ipv4.conf.eth0.100.log_martians = 1
";

/// Shows the sysctl applier.
///
/// # Errors
/// When anything of it does not work, or comes out otherwise than it should.
pub(super) fn run(_: &Workspace, shown: &Shown) -> Result<()> {
    heading("A machine for settings: network, UTS and IPC namespaces, with interfaces eth0, eth1, eth0.100");
    let machine = Host::new("machine")?;
    machine.ip_batch("link add eth0 type veth peer name eth1\nlink add eth0.100 type veth peer name far\n")?;
    machine.shell("rm -rf /etc/sysctl.d; mkdir -p /etc/sysctl.d /run/orlop/sysctl /run/orlop/metrics")?;
    machine.write("/etc/sysctl.d/50-demo.conf", SETTINGS)?;
    println!("  /etc/sysctl.d/50-demo.conf:");
    print_indented(SETTINGS);

    heading("onboot: orlop-sysctl, with the seven capabilities of its label and no new privileges");
    let began = Instant::now();
    let config = ["--config-dir", "/etc/sysctl.d"];
    let mut running = machine.spawn("orlop-sysctl", container(&machine, shown).args(config))?;
    let status = running.wait_exit(DEADLINE)?;
    print_indented(&running.text());
    println!("  ended with {status} after {:.1} ms, setpriv included", began.elapsed().as_secs_f64() * 1000.0);
    ensure!(status.code() == Some(1), "it must end with 1: a setting is not in force");

    heading("What it knows now: /run/orlop/sysctl/audit.json");
    let audit: Value = serde_json::from_str(&machine.read("/run/orlop/sysctl/audit.json")?)?;
    let records = audit["settings"].as_array().context("no settings in the audit")?;
    print_indented(&table(records));
    for (key, result) in [
        ("net.ipv4.ip_forward", "ok"),
        ("kernel.domainname", "mismatch"),
        ("kernel.sem", "mismatch"),
        ("net.ipv4.ip_default_ttl", "invalid"),
    ] {
        let record =
            records.iter().find(|record| record["key"] == key).with_context(|| format!("no record of {key}"))?;
        ensure!(record["result"] == result, "{key} must be {result}: {record}");
    }

    heading("Who did it: the worker read the text, the broker opened the settings, three appliers wrote them");
    let postures = machine.spawn("orlop-sysctl", container(&machine, shown).arg("--posture"))?;
    let mut postures = postures;
    ensure!(postures.wait_exit(DEADLINE)?.success(), "--posture: {}", postures.text());
    print_indented(&postures.stdout());
    Ok(())
}

fn container(machine: &Host, shown: &Shown) -> Command {
    let mut command = machine.command("setpriv");
    command.args(["--no-new-privs", "--inh-caps=-all", "--bounding-set", &shown.bounding_set(), "--", &shown.program]);
    command
}

/// A line per setting.
fn table(records: &[Value]) -> String {
    let mut table =
        format!("{:<11} {:<31} {:<13} {:<24} {:<24} {}\n", "result", "key", "by", "before", "wanted", "after");
    for record in records {
        let shown = |name: &str| shortened(record[name].as_str().unwrap_or("–"));
        let [result, by, before, wanted, after] = ["result", "by", "before", "wanted", "after"].map(shown);
        let key = record["key"].as_str().unwrap_or_default();
        table += &format!("{result:<11} {key:<31} {by:<13} {before:<24} {wanted:<24} {after}\n");
    }
    table
}

/// At most 24 characters on one line: the end tells what was cut off.
fn shortened(text: &str) -> String {
    let spaced = text.replace('\t', " ");
    let count = spaced.chars().count();
    if count <= 24 {
        return spaced;
    }
    let (begin, end): (String, String) = (spaced.chars().take(10).collect(), spaced.chars().skip(count - 13).collect());
    format!("{begin}…{end}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_value_is_cut_in_the_middle() {
        assert_eq!(shortened("250\t32000"), "250 32000");
        let cut = shortened("0123456789abcdefghijklmnopqrstuvwxyz");
        assert_eq!((cut.as_str(), cut.chars().count()), ("0123456789…nopqrstuvwxyz", 24));
    }

    #[test]
    fn a_setting_without_a_value_has_a_line_all_the_same() {
        let record = serde_json::json!({"key": "a.b", "result": "missing", "before": null, "wanted": "1", "after": null, "by": null});
        assert!(
            table(&[record])
                .lines()
                .nth(1)
                .is_some_and(|line| line.starts_with("missing     a.b") && line.ends_with("–"))
        );
    }
}
