//! The verbs that only ask: they need no privilege of their own and start nothing.

use std::path::Path;

use orlop_broker::control::{self, Reply, send};
use orlop_broker::print::print;
use orlop_sandbox::clock;
use orlop_sandbox::fatal::{Exit, Fatal};

use crate::OWN_FOLDER;
use crate::control::Order;
use crate::settings::Settings;
use crate::status::{self, View};
use orlop_dhcp_profiles::DAEMON;

/// Reads the configuration and says that it is good.
///
/// # Errors
/// It is not.
pub fn check(settings: &Settings) -> Result<Exit, Fatal> {
    let loaded = settings.load()?;
    for warning in &loaded.warnings {
        eprintln!("warning: {warning}");
    }
    print(&match settings.path() {
        path if path.exists() => format!("{} is good\n", path.display()),
        path => format!("there is no {}: every default holds\n", path.display()),
    })?;
    Ok(Exit::Done)
}

/// Shows what the running daemon does, or the one-shot run of before did.
///
/// # Errors
/// There is none, or it did not do all it was asked for.
pub fn status(view: &View) -> Result<Exit, Fatal> {
    let shown = status::show(Path::new(OWN_FOLDER), &control::path(&DAEMON), view, clock::now())?;
    print(&shown.text)?;
    shown.end
}

/// Gives the running daemon an order.
///
/// # Errors
/// No daemon is running, or it refuses.
pub fn control(order: &Order) -> Result<Exit, Fatal> {
    match send(&control::path(&DAEMON), order).map_err(|error| error.fatal(&DAEMON))? {
        Reply::Done(()) => {
            print("done; see: orlop-dhcp status\n")?;
            Ok(Exit::Done)
        }
        Reply::Refused(why) => Err(Fatal::new(Exit::Refused, "the daemon refuses").cause(why)),
    }
}
