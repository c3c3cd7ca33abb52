//! `orlop-sysctl`: kernel settings in force, and the truth about it.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use orlop_sandbox::fatal::Fatal;
use orlop_sysctl::command_line::{self, Invocation};
use orlop_sysctl::role::Role;
use orlop_sysctl::{serve, supervise};

fn main() -> ExitCode {
    match run() {
        Ok(code) => ExitCode::from(code),
        Err(fatal) => fatal.report().into(),
    }
}

fn run() -> Result<u8, Fatal> {
    let (role, line) = Role::of(std::env::args_os())?;
    match (command_line::parse(line)?, role) {
        (Invocation::Run(run), Role::User) => supervise::run(&run),
        (Invocation::Run(run), Role::Broker(birth)) => serve::run(&run, &birth).map(|exit| exit.code()),
        (Invocation::Print(text), _) => serve::print(&text).map(|()| 0),
    }
}
