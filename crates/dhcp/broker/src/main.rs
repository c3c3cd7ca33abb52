//! `orlop-dhcp`: an IPv4 address by DHCP, from processes that can do little else.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use orlop_dhcp::command_line::{self, Invocation};
use orlop_dhcp::{ask, serve, supervise};
use orlop_sandbox::fatal::Fatal;
use orlop_sandbox::supervisor::Started;

fn main() -> ExitCode {
    match run() {
        Ok(code) => ExitCode::from(code),
        Err(fatal) => fatal.report().into(),
    }
}

fn run() -> Result<u8, Fatal> {
    let (started, line) = Started::of(std::env::args_os())?;
    let exit = match (command_line::parse(line)?, started) {
        (Invocation::Run(run), Started::ByUser) => return supervise::run(&run),
        (Invocation::Posture { settings, json: _ }, Started::ByUser) => return supervise::posture(&settings),
        (Invocation::Run(run), Started::AsBroker(birth)) => serve::run(run, &birth)?,
        (Invocation::Posture { settings, json }, Started::AsBroker(_)) => serve::posture(&settings, json)?,
        (Invocation::Check(settings), _) => ask::check(&settings)?,
        (Invocation::Status { json }, _) => ask::status(json)?,
        (Invocation::Control(order), _) => ask::control(&order)?,
        (Invocation::Print(text), _) => ask::print(&text)?,
    };
    Ok(exit.code())
}
