//! The process that reads what time servers send, and can do nothing else. Started by `orlop-ntp`, never by hand.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    let Err(fatal) = orlop_ntp_worker::start();
    fatal.report().into()
}
