//! `orlop-dhcp`: an IPv4 address by DHCP, from processes that can do little else.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use orlop_broker::print::print;
use orlop_dhcp::command_line::{self, Invocation};
use orlop_dhcp::{interfaces, serve, supervise, verbs};
use orlop_sandbox::fatal::{Exit, Fatal};
use orlop_sandbox::supervisor::Started;

fn main() -> ExitCode {
    match run() {
        Ok(code) => ExitCode::from(code),
        Err(fatal) => fatal.report().into(),
    }
}

fn run() -> Result<u8, Fatal> {
    let (started, line) = Started::of(std::env::args_os())?;
    // What the user's process has taken for an interface stays one, though it may be gone when a broker is started anew.
    let exists = |name: &str| started != Started::ByUser || interfaces::exists(name);
    let exit = match (command_line::parse(line, &exists)?, started) {
        (Invocation::Run(run), Started::ByUser) => return supervise::run(&run),
        (Invocation::Posture { settings, json: _ }, Started::ByUser) => return supervise::posture(&settings),
        (Invocation::Run(run), Started::AsBroker(birth)) => serve::run(run, &birth)?,
        (Invocation::Posture { settings, json }, Started::AsBroker(_)) => serve::posture(&settings, json)?,
        (Invocation::Check(settings), _) => verbs::check(&settings)?,
        (Invocation::Status(view), _) => verbs::status(&view)?,
        (Invocation::Control(order), _) => verbs::control(&order)?,
        (Invocation::RenewAndWait(target, patience), _) => verbs::renew_and_wait(target, patience)?,
        (Invocation::Print(text), _) => print(&text).map(|()| Exit::Done)?,
    };
    Ok(exit.code())
}
