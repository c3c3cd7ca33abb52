//! `orlop-init`: process 1 when it is process 1, and the way to tell process 1 to end when it is not.
#![forbid(unsafe_code)]

use std::io::Write as _;
use std::process::ExitCode;

use orlop_init::boot::Ending;
use orlop_init::{off, run};
use orlop_sandbox::fatal::{Exit, Fatal};

/// What `--help` shows.
const HELP: &str = "\
orlop-init: process 1 of an assembled machine

Usage: orlop-init poweroff|reboot|halt    tell process 1 to end the machine

As process 1 it takes no arguments. On the kernel's command line:
  orlop.deadline=SECONDS          how long an onboot or onshutdown container may take [default: 60]
  orlop.runtime=PATH              a program with runc's command line [default: /usr/bin/orlop-container]
  orlop.console=onboot|all|none   whose output is shown on the console [default: onboot]
Annotations of a container: orlop.deadline (seconds), orlop.restart (always, on-failure, no), orlop.wait (online, clock).
";

fn main() -> ExitCode {
    // The kernel gives us every word of its command line that it does not know itself.
    if rustix::process::getpid() == rustix::process::Pid::INIT && off::in_machines_processes() {
        run::run();
    }
    let words: Vec<String> = std::env::args().skip(1).collect();
    match told(&words.iter().map(String::as_str).collect::<Vec<_>>()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(fatal) => fatal.report().into(),
    }
}

fn told(words: &[&str]) -> Result<(), Fatal> {
    let ending = match words {
        ["poweroff"] => Ending::PowerOff,
        ["reboot"] => Ending::Restart,
        ["halt"] => Ending::Halt,
        ["--help" | "-h"] => return said(HELP),
        ["--version" | "-V"] => return said(concat!("orlop-init ", env!("CARGO_PKG_VERSION"), "\n")),
        _ => {
            return Err(Fatal::new(Exit::Usage, format!("cannot understand {words:?}")).help("orlop-init --help"));
        }
    };
    off::ask(ending).map_err(|cause| {
        Fatal::new(Exit::Permission, "cannot tell process 1")
            .cause(cause)
            .help("give the container pid: host and CAP_KILL")
    })
}

fn said(text: &str) -> Result<(), Fatal> {
    std::io::stdout().write_all(text.as_bytes()).map_err(|cause| Fatal::os("cannot write", cause))
}
