//! `orlop-sysctl`: kernel settings in force, and the truth about it.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use orlop_broker::print::print;
use orlop_sandbox::fatal::Fatal;
use orlop_sandbox::supervisor::Started;
use orlop_sysctl::command_line::{self, Invocation};
use orlop_sysctl::{serve, supervise};

fn main() -> ExitCode {
    match run() {
        Ok(code) => ExitCode::from(code),
        Err(fatal) => fatal.report().into(),
    }
}

fn run() -> Result<u8, Fatal> {
    let (started, line) = Started::of(std::env::args_os())?;
    match (command_line::parse(line)?, started) {
        (Invocation::Run(run), Started::ByUser) => supervise::run(&run),
        (Invocation::Run(run), Started::AsBroker(birth)) => serve::run(&run, &birth).map(|exit| exit.code()),
        (Invocation::Print(text), _) => print(&text).map(|()| 0),
    }
}
