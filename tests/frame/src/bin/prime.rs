//! `orlop-tally-prime`: started by `orlop-tally` when there is a sum to look at.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    let Err(fatal) = orlop_test_frame::prime::start();
    fatal.report().into()
}
