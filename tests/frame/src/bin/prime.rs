//! `orlop-tally-prime`: started by `orlop-tally` when there is a sum to look at.

use std::process::ExitCode;

fn main() -> ExitCode {
    match orlop_test_frame::prime::start() {
        Ok(never) => match never {},
        Err(fatal) => fatal.report().into(),
    }
}
