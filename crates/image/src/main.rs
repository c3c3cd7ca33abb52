//! `orlop-image`: OCI images without an engine and without the network.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use orlop_image::command_line;

fn main() -> ExitCode {
    match command_line::run(std::env::args_os()) {
        Ok(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(fatal) => {
            eprintln!("{fatal}");
            fatal.exit.into()
        }
    }
}
