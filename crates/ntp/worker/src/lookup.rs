//! The process that asks name servers where time servers are, and can do nothing else. Started by `orlop-ntp`, never by hand.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    let Err(fatal) = orlop_lookup_worker::start(&orlop_ntp_profiles::LOOKUP);
    fatal.report().into()
}
