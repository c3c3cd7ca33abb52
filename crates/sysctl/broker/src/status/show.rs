//! Postures as a person reads them.

use std::fmt::{self, Write as _};

use orlop_sandbox::posture::Status;

use super::Postures;

/// A line for each process.
pub(super) fn postures(postures: &Postures) -> String {
    let Postures { worker, broker, appliers, supervisor } = postures;
    let mut text = String::new();
    let mut row = |role: &str, what: &dyn fmt::Display| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{role:<16} {what}");
    };
    for (role, posture) in [("worker", worker), ("broker", broker)] {
        if let Some(posture) = posture {
            row(role, posture);
        }
    }
    for (name, posture) in appliers {
        row(name, posture);
    }
    if let Some(Status { uids: [uid, ..], effective, bounding, no_new_privs, filters, .. }) = supervisor {
        let sure = if *no_new_privs { "yes" } else { "NO" };
        row(
            "supervisor",
            &format_args!(
                "uid={uid} capabilities={effective} bounding={bounding} no_new_privs={sure} filters={filters}, reads nothing"
            ),
        );
    }
    text
}
