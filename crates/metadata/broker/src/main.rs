//! `orlop-metadata`: what a machine is told about itself, as files below `/run/config`.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use orlop_broker::print::print;
use orlop_metadata::command_line::{self, Invocation};
use orlop_metadata::{serve, supervise, verbs};
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
        (Invocation::Run(run), Started::AsBroker(birth)) => serve::run(&run, &birth)?,
        (Invocation::Detect(detect), _) => verbs::detect(&detect)?,
        (Invocation::Status { json }, _) => verbs::status(json)?,
        (Invocation::Get(path), _) => verbs::get(&path)?,
        (Invocation::Print(text), _) => print(&text).map(|()| orlop_sandbox::fatal::Exit::Done)?,
    };
    Ok(exit.code())
}
