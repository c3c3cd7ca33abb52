//! The process that reads what strangers send. Started by `orlop-tally`, never by hand.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    let Err(fatal) = orlop_test_frame::worker::start();
    fatal.report().into()
}
