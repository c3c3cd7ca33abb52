//! The process that programs ask for names, and that can do nothing else. Started by `orlop-resolver`, never by hand.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    let Err(fatal) = orlop_resolver_worker::start();
    fatal.report().into()
}
