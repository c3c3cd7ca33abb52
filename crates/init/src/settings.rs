//! What the kernel's command line says to us. Pure.

use core::time::Duration;
use std::path::PathBuf;

/// How long an onboot or onshutdown container may take when nothing is said: twice what the daemons themselves allow.
pub const DEADLINE: Duration = Duration::from_secs(60);
/// A boot that waits an hour for one container is one that nobody waits for.
const LONGEST_DEADLINE: u64 = 3600;
/// The runtime that comes with us.
const RUNTIME: &str = "/usr/bin/orlop-container";
/// All words that are for us begin like this.
const PREFIX: &str = "orlop.";

/// How this machine is to be started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// `orlop.deadline=SECONDS`: how long an onboot or onshutdown container may take that does not say so itself.
    pub deadline: Duration,
    /// `orlop.runtime=PATH`: any program with runc's command line.
    pub runtime: PathBuf,
    /// `orlop.console=onboot|all|none`: whose output is shown.
    pub console: Shown,
}

/// Which containers' output goes to the console, besides to their logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// Those that run at boot and at shutdown.
    Onboot,
    /// Those and the services.
    All,
    /// None.
    Nothing,
}

impl Settings {
    /// Reads the command line. What is wrong with it is said and has no effect: the machine starts all the same.
    #[must_use]
    pub fn from_command_line(line: &str) -> (Self, Vec<String>) {
        let mut settings = Self { deadline: DEADLINE, runtime: RUNTIME.into(), console: Shown::Onboot };
        let mut wrong = Vec::new();
        for word in line.split_ascii_whitespace() {
            if let Err(why) = settings.take(word) {
                wrong.push(format!("{word} on the kernel's command line has no effect: {why}"));
            }
        }
        (settings, wrong)
    }

    fn take(&mut self, word: &str) -> Result<(), &'static str> {
        if word == "linuxkit.unified_cgroup_hierarchy=0" {
            return Err("there is only cgroup version 2 here");
        }
        let Some(ours) = word.strip_prefix(PREFIX) else { return Ok(()) };
        match ours.split_once('=') {
            Some(("deadline", seconds)) => {
                self.deadline = parse_deadline(seconds).ok_or("a deadline is 1 to 3600 seconds")?;
            }
            Some(("runtime", path)) if path.starts_with('/') => self.runtime = path.into(),
            Some(("runtime", _)) => return Err("a runtime is named by its whole path"),
            Some(("console", "onboot")) => self.console = Shown::Onboot,
            Some(("console", "all")) => self.console = Shown::All,
            Some(("console", "none")) => self.console = Shown::Nothing,
            Some(("console", _)) => return Err("it is one of onboot, all, none"),
            Some(_) | None => return Err("known are orlop.deadline=, orlop.runtime= and orlop.console="),
        }
        Ok(())
    }
}

/// A deadline in whole seconds, if it is one.
pub(crate) fn parse_deadline(seconds: &str) -> Option<Duration> {
    let seconds = seconds.parse().ok().filter(|seconds| (1..=LONGEST_DEADLINE).contains(seconds))?;
    Some(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_for_us_are_taken_and_others_left_alone() {
        let line = "console=ttyS0 quiet orlop.deadline=5 orlop.runtime=/usr/bin/crun orlop.console=all panic=-1\n";
        let (settings, wrong) = Settings::from_command_line(line);
        let want = Settings { deadline: Duration::from_secs(5), runtime: "/usr/bin/crun".into(), console: Shown::All };
        assert_eq!((settings, wrong), (want, Vec::new()));
    }

    #[test]
    fn what_is_wrong_is_said_and_the_default_stays() {
        let (default, none) = Settings::from_command_line("");
        assert_eq!(none, Vec::<String>::new());
        for word in [
            "orlop.deadline=0",
            "orlop.deadline=3601",
            "orlop.deadline=soon",
            "orlop.runtime=crun",
            "orlop.console=loud",
            "orlop.deadlin=5",
            "orlop.",
            "linuxkit.unified_cgroup_hierarchy=0",
        ] {
            let (settings, wrong) = Settings::from_command_line(word);
            assert_eq!((settings, wrong.len()), (default.clone(), 1), "{word}");
        }
    }
}
