//! The verbs that only ask: they need no privilege of their own and start nothing.

use std::path::Path;
use std::time::Duration;

use orlop_broker::control::{self, Reply, send};
use orlop_broker::print::print;
use orlop_sandbox::clock;
use orlop_sandbox::fatal::{Exit, Fatal};

use crate::OWN_FOLDER;
use crate::control::{Order, Target};
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
    give(order)?;
    print("done; see: orlop-dhcp status\n")?;
    Ok(Exit::Done)
}

fn give(order: &Order) -> Result<(), Fatal> {
    match send(&control::path(&DAEMON), order).map_err(|error| error.fatal(&DAEMON))? {
        Reply::Done(()) => Ok(()),
        Reply::Refused(why) => Err(Fatal::new(Exit::Refused, "the daemon refuses").cause(why)),
    }
}

/// Has the running daemon renew, and waits until its status shows that a server has answered on every interface that `target`
/// names and that has a carrier.
///
/// # Errors
/// As [`control`]; there is no status to go by, or not all is done when `patience` is over.
pub fn renew_and_wait(target: Target, patience: Duration) -> Result<Exit, Fatal> {
    let standing = || status::standing(Path::new(OWN_FOLDER), &target);
    let ordered = clock::now();
    let end = ordered.after(patience);
    give(&Order::Renew(target.clone()))?;
    loop {
        let now = match standing() {
            // A daemon that has just begun has not written one yet.
            Err(fatal) if clock::now() >= end => return Err(fatal),
            Err(_) => {
                std::thread::sleep(LOOK_EVERY);
                continue;
            }
            Ok(now) => now,
        };
        let left: Vec<String> = now.iter().filter(|one| !one.is_renewed_since(ordered)).map(|one| one.name()).collect();
        if left.is_empty() && !now.is_empty() {
            let all: Vec<String> = now.iter().map(ToString::to_string).collect();
            print(&format!("renewed: {}\n", all.join("; ")))?;
            return Ok(Exit::Done);
        }
        if clock::now() >= end {
            let which = if left.is_empty() { "no interface has a carrier".to_owned() } else { left.join(", ") };
            let problem = format!("not renewed within {} s: {which}", patience.as_secs());
            return Err(
                Fatal::new(Exit::Unconfigured, problem).help("the daemon goes on trying; see: orlop-dhcp status")
            );
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

/// How often the status is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);
