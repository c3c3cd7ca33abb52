//! `orlop-resolver`: names that can be trusted, from processes that can do little else.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use orlop_broker::print::print;
use orlop_resolver::command_line::{self, Invocation};
use orlop_resolver::{serve, supervise, verbs};
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
    let exit = match (command_line::parse(line)?, started) {
        (Invocation::Run(run), Started::ByUser) => return supervise::run(&run),
        (Invocation::Posture { settings, json: _ }, Started::ByUser) => return supervise::posture(&settings),
        (Invocation::Run(run), Started::AsBroker(birth)) => serve::run(run, &birth)?,
        (Invocation::Posture { settings, json }, Started::AsBroker(_)) => serve::posture(&settings, json)?,
        (Invocation::Check(settings), _) => verbs::check(&settings)?,
        (Invocation::Status(view), _) => verbs::status(view)?,
        (Invocation::Query(name, kind), _) => verbs::query(name, kind)?,
        (Invocation::Explain(name, kind), _) => verbs::explain(name, kind)?,
        (Invocation::Control(order), _) => verbs::control(&order)?,
        (Invocation::Print(text), _) => print(&text).map(|()| Exit::Done)?,
    };
    Ok(exit.code())
}
