//! `orlop-tally`: the sum of the numbers that arrive.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use orlop_broker::print::print;
use orlop_sandbox::fatal::{Exit, Fatal};
use orlop_sandbox::supervisor::Started;
use orlop_test_frame::broker::command_line::{self, Invocation};
use orlop_test_frame::broker::{orders, serve};

fn main() -> ExitCode {
    match run() {
        Ok(code) => ExitCode::from(code),
        Err(fatal) => fatal.report().into(),
    }
}

fn run() -> Result<u8, Fatal> {
    let (started, line) = Started::of(std::env::args_os())?;
    let exit = match (command_line::parse(line)?, started) {
        (Invocation::Run(run), Started::ByUser) => return serve::supervise(&run),
        (Invocation::Run(run), Started::AsBroker(birth)) => serve::run(&run, &birth)?,
        (Invocation::Reset, _) => orders::give(orders::Order::Reset)?,
        (Invocation::Print(text), _) => print(&text).map(|()| Exit::Done)?,
    };
    Ok(exit.code())
}
