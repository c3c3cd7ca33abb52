//! What the testbed needs of the machine, and what happens without it.

use std::env;
use std::path::Path;
use std::sync::OnceLock;

use crate::host::Host;

/// Proof that hosts can be made here.
#[derive(Clone, Copy, Debug)]
pub struct Testbed(());

/// Programs every test needs; servers and clients are looked for by [`Testbed::with`].
const PROGRAMS: &[&str] = &["ip", "unshare", "nsenter", "mount"];

/// Where programs are looked for besides `PATH`, which may lack the system folders.
const SYSTEM_PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";

impl Testbed {
    /// Whether hosts can be made here.
    ///
    /// # Errors
    /// The reason why not, as one line.
    pub fn available() -> Result<Self, String> {
        if !nix::unistd::geteuid().is_root() {
            return Err("needs root: it makes network namespaces".to_owned());
        }
        if let Some(missing) = PROGRAMS.iter().find(|program| !installed(program)) {
            return Err(format!("needs the program `{missing}` (cargo xtask setup)"));
        }
        // Once per process: every test asks.
        static PROBE: OnceLock<Result<(), String>> = OnceLock::new();
        let probe = || Host::new("probe").map(drop).map_err(|error| format!("needs namespaces: {error:#}"));
        PROBE.get_or_init(probe).clone().map(Self)
    }

    /// [`Self::available`] with these programs installed, as a test asks for it: `None` means that the test must return
    /// at once, and the reason was printed.
    ///
    /// # Panics
    /// When something is missing and `SYSTEM_TESTS=require` says that nothing may be skipped.
    #[must_use]
    pub fn with(programs: &[&str]) -> Option<Self> {
        let missing = programs.iter().find(|program| !installed(program));
        let outcome = missing
            .map_or_else(Self::available, |program| Err(format!("needs the program `{program}` (cargo xtask setup)")));
        match outcome {
            Ok(testbed) => Some(testbed),
            Err(reason) => {
                skip(&reason);
                None
            }
        }
    }
}

/// Says why a test checks nothing here.
///
/// # Panics
/// With `SYSTEM_TESTS=require`.
pub fn skip(reason: &str) {
    assert!(
        env::var_os("SYSTEM_TESTS").is_none_or(|value| value != "require"),
        "SYSTEM_TESTS=require, but this test {reason}"
    );
    eprintln!("SKIPPED: this test {reason}");
}

/// Whether a program is there, by its path or in one of the folders of `PATH` and of the system.
#[must_use]
pub fn installed(program: &str) -> bool {
    let path = env::var("PATH").unwrap_or_default();
    Path::new(program).is_absolute() && Path::new(program).exists()
        || path.split(':').chain(SYSTEM_PATH.split(':')).any(|folder| Path::new(folder).join(program).exists())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_installed_program_is_found_and_another_is_not() {
        for (what, program, want) in
            [("by name", "sh", true), ("by path", "/bin/sh", true), ("missing", "no-such-program", false)]
        {
            assert_eq!(installed(program), want, "{what}");
        }
    }
}
