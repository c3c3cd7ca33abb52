//! The process that reads sysctl.d text, and can do nothing else. Started by `orlop-sysctl`, never by hand.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    match orlop_sysctl_worker::start() {
        Ok(()) => ExitCode::SUCCESS,
        Err(fatal) => fatal.report().into(),
    }
}
