//! The process that exchanges keys with one time server, over TLS, and ends. Started by `orlop-ntp`, never by hand.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    match orlop_ntp_worker::exchange_keys() {
        Ok(()) => ExitCode::SUCCESS,
        Err(fatal) => fatal.report().into(),
    }
}
