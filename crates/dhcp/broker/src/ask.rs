//! The verbs that only ask: they need no privilege of their own and start nothing.

use std::path::Path;

use orlop_sandbox::fatal::{Exit, Fatal};

use crate::control::{self, Order, Reply};
use crate::settings::Settings;

/// Reads the configuration and says that it is good.
///
/// # Errors
/// It is not.
pub fn check(settings: &Settings) -> Result<Exit, Fatal> {
    let loaded = settings.load()?;
    for warning in &loaded.warnings {
        eprintln!("warning: {warning}");
    }
    match settings.path() {
        Some(path) if path.exists() => print(&format!("{} is good\n", path.display())),
        Some(_) | None => print("there is no configuration file: every default holds\n"),
    }
}

/// Gives the running daemon an order.
///
/// # Errors
/// No daemon is running, or it refuses.
pub fn control(order: &Order) -> Result<Exit, Fatal> {
    match control::send(Path::new(control::PATH), order)? {
        Reply::Done => print("done; see: orlop-dhcp status\n"),
        Reply::Refused(why) => Err(Fatal::new(Exit::Refused, "the daemon refuses").cause(why)),
    }
}

/// Writes text to standard output. A reader that has heard enough is no error.
///
/// # Errors
/// None yet.
pub fn print(text: &str) -> Result<Exit, Fatal> {
    use std::io::Write as _;
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => Ok(Exit::Done),
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(Exit::Done),
        Err(error) => Err(Fatal::os("cannot write to standard output", error)),
    }
}
/// x
pub fn status(_json: bool) -> Result<Exit, Fatal> {
    Ok(Exit::Done)
}
