//! The process that reads what a metadata service says, and can do nothing else. Started by `orlop-metadata`, never by hand.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    let Err(fatal) = orlop_metadata_worker::network();
    fatal.report().into()
}
