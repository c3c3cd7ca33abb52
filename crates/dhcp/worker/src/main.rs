//! The process that reads what the network sends, and can do nothing else. Started by `orlop-dhcp`, never by hand.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    let Err(fatal) = orlop_dhcp_worker::start();
    fatal.report().into()
}
