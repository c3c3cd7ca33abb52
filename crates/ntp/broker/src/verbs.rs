//! The verbs that only ask: they need no privilege of their own and start nothing.

use std::time::{Duration, Instant};

use orlop_broker::control::{self, Reply, send};
use orlop_broker::print::print;
use orlop_broker::status::View;
use orlop_ntp_profiles::DAEMON;
use orlop_sandbox::clock;
use orlop_sandbox::fatal::{Exit, Fatal};

use crate::control::Order;
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
    print(&match settings.path() {
        path if path.exists() => format!("{} is good\n", path.display()),
        path => format!("there is no {}: every default holds\n", path.display()),
    })?;
    Ok(Exit::Done)
}

/// Shows how the clock stands.
///
/// # Errors
/// No daemon has been running here.
pub fn status(view: View) -> Result<Exit, Fatal> {
    let (text, exit) = status::show(view, clock::now())?;
    print(&text)?;
    Ok(exit)
}

/// Shows whom the daemon asks.
///
/// # Errors
/// No daemon has been running here.
pub fn sources() -> Result<Exit, Fatal> {
    print(&status::show_sources(clock::now())?)?;
    Ok(Exit::Done)
}

/// How often whoever waits looks.
const LOOK: Duration = Duration::from_millis(100);

/// Waits until the daemon says that the clock is right.
///
/// # Errors
/// It has not said so within `limit`.
pub fn wait_sync(limit: Option<Duration>) -> Result<Exit, Fatal> {
    let begun = Instant::now();
    loop {
        if status::is_synchronised() == Some(true) {
            return Ok(Exit::Done);
        }
        if limit.is_some_and(|limit| begun.elapsed() >= limit) {
            return Err(Fatal::new(Exit::Unconfigured, "the clock was not right in time")
                .help("see why with: orlop-ntp status; in another container, bind /run/orlop/ntp into this one"));
        }
        std::thread::sleep(LOOK);
    }
}

/// Gives the running daemon an order.
///
/// # Errors
/// No daemon is running, or it refuses.
pub fn control(order: Order) -> Result<Exit, Fatal> {
    match send(&control::path(&DAEMON), &order).map_err(|error| error.fatal(&DAEMON))? {
        Reply::Done(()) => {
            print("done; see: orlop-ntp status\n")?;
            Ok(Exit::Done)
        }
        Reply::Refused(why) => Err(Fatal::new(Exit::Refused, "the daemon refuses").cause(why)),
    }
}
