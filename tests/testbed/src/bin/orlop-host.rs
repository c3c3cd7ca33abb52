//! `orlop-host PROGRAM [ARG…]`: runs a program on a host of its own, to try something by hand:
//! `cargo run -p orlop-testbed --bin orlop-host -- bash`.
#![forbid(unsafe_code)]

use std::env;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use orlop_testbed::Host;

fn main() -> Result<ExitCode> {
    let mut args = env::args_os().skip(1);
    let program = args.next().context("usage: orlop-host PROGRAM [ARG…]")?;
    let host = Host::new("host")?;
    let status = host.command(program).args(args).status()?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}
