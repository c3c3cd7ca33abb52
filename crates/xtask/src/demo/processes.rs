//! What the kernel says about the daemon's processes: nothing here is claimed by the daemon itself.

use std::fs;

use anyhow::{Context, Result, bail};
use orlop_sandbox::capability::Capability;
use orlop_sandbox::daemon::{Daemon, Service, Worker};
use orlop_testbed::Host;

/// A process of the daemon, from `/proc/PID`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Process {
    role: &'static str,
    pid: u32,
    uid: u32,
    effective: u64,
    bounding: u64,
    no_new_privs: bool,
    filters: u32,
    open_files: usize,
    rss_kib: u64,
}

/// The processes of a daemon on `host`: supervisor, broker, and workers in the order in which it names them.
///
/// # Errors
/// When one is missing that it cannot do without.
pub(super) fn of_daemon(daemon: &Daemon, host: &Host) -> Result<Vec<Process>> {
    let processes = host.processes()?;
    let found = processes.iter().filter_map(|(pid, line)| Some((role(daemon, line)?, *pid)));
    let mut found: Vec<Process> = found.map(|(role, pid)| observe(role, pid)).collect::<Result<_>>()?;
    let workers = daemon.workers.iter().map(|worker| (worker_role(daemon, worker), worker.service == Service::Vital));
    let roles: Vec<_> = [(SUPERVISOR, true), (BROKER, true)].into_iter().chain(workers).collect();
    found.sort_by_key(|process| roles.iter().position(|(role, _)| *role == process.role));
    let mut missing = roles.iter().filter(|(role, vital)| *vital && found.iter().all(|process| process.role != *role));
    if let Some((role, _)) = missing.next() {
        bail!("no {role} of {} among {processes:?}", daemon.program);
    }
    Ok(found)
}

/// The process id of the supervisor, which the caller sees although the daemon sees itself as 1.
///
/// # Errors
/// When there is none.
pub(super) fn supervisor(processes: &[Process]) -> Result<u32> {
    let found = processes.iter().find(|process| process.role == SUPERVISOR);
    found.map(|process| process.pid).context("no supervisor")
}

const SUPERVISOR: &str = "supervisor";
const BROKER: &str = "broker";

/// Which of the daemon's processes has this command line. A worker is started under the name of its profile.
fn role(daemon: &Daemon, line: &str) -> Option<&'static str> {
    let program = line.split(' ').next()?.rsplit('/').next()?;
    if program == daemon.program {
        return Some(if line.contains("--broker-of=") { BROKER } else { SUPERVISOR });
    }
    daemon.workers.iter().find(|worker| worker.profile.name == program).map(|worker| worker_role(daemon, worker))
}

/// The name of a worker's profile, but for the daemon's: `worker`.
fn worker_role(daemon: &Daemon, worker: &Worker) -> &'static str {
    let name = worker.profile.name;
    name.strip_prefix(daemon.name).and_then(|rest| rest.strip_prefix('-')).unwrap_or(name)
}

fn observe(role: &'static str, pid: u32) -> Result<Process> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).with_context(|| format!("the {role} is gone"))?;
    let open_files = fs::read_dir(format!("/proc/{pid}/fd"))?.count();
    parse(role, pid, open_files, &status).with_context(|| format!("/proc/{pid}/status is not understood"))
}

fn parse(role: &'static str, pid: u32, open_files: usize, status: &str) -> Option<Process> {
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        line.split_whitespace().next()
    };
    let set = |name| u64::from_str_radix(field(name)?, 16).ok();
    Some(Process {
        role,
        pid,
        uid: field("Uid")?.parse().ok()?,
        effective: set("CapEff")?,
        bounding: set("CapBnd")?,
        no_new_privs: field("NoNewPrivs")? == "1",
        filters: field("Seccomp_filters")?.parse().ok()?,
        open_files,
        rss_kib: field("VmRSS")?.parse().ok()?,
    })
}

/// The processes as a table.
pub(super) fn table(processes: &[Process]) -> String {
    let mut table = format!(
        "  {:<10} {:>7} {:>6} {:>14} {:>7} {:>5} {:>9}  capabilities (effective)\n",
        "process", "pid", "uid", "no new privs", "filters", "fds", "RSS"
    );
    for Process { role, pid, uid, effective, bounding, no_new_privs, filters, open_files, rss_kib } in processes {
        let yes = if *no_new_privs { "yes" } else { "NO" };
        let could =
            if bounding & !effective == 0 { String::new() } else { format!("  (bounding: {})", names(*bounding)) };
        table += &format!(
            "  {role:<10} {pid:>7} {uid:>6} {yes:>14} {filters:>7} {open_files:>5} {:>6.1} MB  {}{could}\n",
            f64::from(u32::try_from(*rss_kib).unwrap_or(u32::MAX)) * 1024.0 / 1e6,
            names(*effective)
        );
    }
    table
}

fn names(set: u64) -> String {
    let bit = |capability: Capability| 1_u64 << capability as u32;
    let known = Capability::ALL.into_iter().filter(|capability| set & bit(*capability) != 0);
    let mut names: Vec<String> = known.map(|known| known.name().trim_start_matches("CAP_").to_owned()).collect();
    let unknown = set & !Capability::ALL.into_iter().fold(0, |all, capability| all | bit(capability));
    if unknown != 0 {
        names.push(format!("and {unknown:#x}"));
    }
    if names.is_empty() { "none".to_owned() } else { names.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATUS: &str = "Name:\torlop-some-work\nUid:\t64101\t64101\t64101\t64101\nVmRSS:\t    1200 kB\nCapEff:\t0000000000000000\n\
        CapBnd:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2\nSeccomp_filters:\t2\n";

    #[test]
    fn a_worker_is_read_from_its_status() {
        let worker = parse("worker", 7, 5, STATUS).unwrap();
        assert_eq!((worker.uid, worker.effective, worker.no_new_privs, worker.filters), (64101, 0, true, 2));
        assert!(table(&[worker]).contains("  none\n"));
    }

    #[test]
    fn a_status_without_a_field_is_not_guessed() {
        assert_eq!(parse("worker", 7, 5, &STATUS.replace("NoNewPrivs", "Other")), None);
    }

    #[test]
    fn capabilities_are_named_and_strangers_are_not_hidden() {
        for (what, set, want) in [
            ("none", 0, "none"),
            ("two", 1 << 12 | 1 << 13, "NET_ADMIN NET_RAW"),
            ("SYS_BOOT, which no daemon of ours has", 1 << 22, "and 0x400000"),
        ] {
            assert_eq!(names(set), want, "{what}");
        }
    }

    #[test]
    fn the_command_line_tells_the_role() {
        for daemon in orlop_fleet::ALL {
            let Daemon { name, program, workers, .. } = daemon;
            let worker = workers[0].profile.name;
            for (line, want) in [
                (format!("/r/{program}"), Some("supervisor")),
                (format!("{program} --broker-of={name} --started-at=9"), Some("broker")),
                (worker.to_owned(), worker.strip_prefix(&format!("{name}-"))),
                (format!("setpriv --no-new-privs /r/{program}"), None),
                (format!("{program}-other"), None),
                ("other-worker".to_owned(), None),
            ] {
                assert_eq!(role(daemon, &line), want, "{line}");
            }
        }
    }
}
