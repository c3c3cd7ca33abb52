//! The verbs that only ask: they need no privilege of their own and start nothing.

use std::path::Path;

use orlop_sandbox::clock;
use orlop_sandbox::fatal::{Exit, Fatal};

use crate::control::{self, Order, Reply};
use crate::serve::OWN_FOLDER;
use crate::settings::Settings;
use crate::status;

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
        path if path.exists() => print(&format!("{} is good\n", path.display())),
        path => print(&format!("there is no {}: every default holds\n", path.display())),
    }
}

/// Shows what the running daemon does, or the one-shot run of before did.
///
/// # Errors
/// There is none, or it did not do all it was asked for.
pub fn status(json: bool) -> Result<Exit, Fatal> {
    let shown = status::show(Path::new(OWN_FOLDER), json, clock::now())?;
    print(&shown.text)?;
    shown.end
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
