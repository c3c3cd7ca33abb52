//! What is known of the boot, as `/run/orlop/boot.json` and as lines on the console. Pure.

use core::fmt::Write as _;

use orlop_machine::Instant;
use serde::Serialize;

use crate::container::List;

/// The whole of `boot.json`. Times are milliseconds of the kernel's clock, which begins when the kernel does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Counts up when a field changes its meaning.
    pub version: u32,
    /// The kernel's release.
    pub kernel: String,
    /// When each part of our own work was done.
    pub marks: Vec<Mark>,
    /// What could not be done on the way, as lines.
    pub warnings: Vec<String>,
    /// When the last onboot container was over.
    pub onboot_done_ms: Option<u64>,
    /// Each container of the machine.
    pub containers: Vec<Record>,
}

/// A moment with a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mark {
    /// What was done by then.
    pub name: String,
    /// When.
    pub ms: u64,
}

/// What became of a container. For a service that was started again, of its latest life.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Record {
    /// The list it is in.
    pub list: List,
    /// The name of its folder.
    pub name: String,
    /// When we began with it.
    pub started_ms: Option<u64>,
    /// When its program began: the runtime's work was done.
    pub ready_ms: Option<u64>,
    /// When its first process was gone.
    pub ended_ms: Option<u64>,
    /// How it stands.
    #[serde(flatten)]
    pub state: Outcome,
    /// How often it was started again.
    pub restarts: u32,
}

/// How a container stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "state")]
pub enum Outcome {
    /// Not its turn yet.
    Waiting,
    /// The runtime is at work.
    Starting,
    /// Its program runs.
    Running,
    /// Its program ended by itself.
    Exited {
        /// With this code.
        code: u8,
    },
    /// A signal ended its program.
    Killed {
        /// This one.
        signal: i32,
    },
    /// We ended it at its deadline.
    Deadline {
        /// How many seconds it had.
        seconds: u64,
    },
    /// It could not be started.
    NotStarted {
        /// What the runtime or the kernel said.
        why: String,
    },
    /// We ended it to go off.
    Stopped,
}

impl Outcome {
    /// Whether it did what it was there for.
    #[must_use]
    pub fn is_success(&self) -> bool {
        *self == Self::Exited { code: 0 }
    }

    /// As a part of a line.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::Waiting => "waits".to_owned(),
            Self::Starting => "is being started".to_owned(),
            Self::Running => "runs".to_owned(),
            Self::Exited { code } => format!("ended with {code}"),
            Self::Killed { signal } => format!("was ended by signal {signal}"),
            Self::Deadline { seconds } => format!("was ended at its deadline of {seconds} s"),
            Self::NotStarted { why } => format!("could not be started: {why}"),
            Self::Stopped => "was stopped".to_owned(),
        }
    }
}

/// `now` as milliseconds.
#[must_use]
pub fn millis(now: Instant) -> u64 {
    now.as_nanos() / 1_000_000
}

impl Report {
    /// The time line from the kernel's start to the end of onboot, one line each.
    #[must_use]
    pub fn time_line(&self) -> Vec<String> {
        let onboot: Vec<&Record> = self.containers.iter().filter(|record| record.list == List::Onboot).collect();
        let good = onboot.iter().filter(|record| record.state.is_success()).count();
        let done = self.onboot_done_ms.unwrap_or_default();
        let mut lines =
            vec![format!("onboot is done at {} s: {good} of {} containers ended with 0", seconds(done), onboot.len())];
        let marks = self.marks.iter().map(|mark| format!("{:>8} s  {}", seconds(mark.ms), mark.name));
        lines.extend(marks);
        lines.extend(onboot.iter().map(|record| record.row()));
        lines
    }
}

impl Record {
    fn row(&self) -> String {
        let Self { list, name, started_ms, ready_ms, ended_ms, state, restarts: _ } = self;
        let start = started_ms.unwrap_or_default();
        let mut row = format!("{:>8} s  {} {name}", seconds(start), list.name());
        for (what, ms) in [("ready", ready_ms), ("end", ended_ms)] {
            if let Some(ms) = ms {
                // A String takes whatever is written to it.
                let _ = write!(row, "  {what} +{}", seconds(ms.saturating_sub(start)));
            }
        }
        let _ = write!(row, "  {}", state.words());
        row
    }
}

/// Milliseconds as seconds.
pub(crate) fn seconds(ms: u64) -> String {
    format!("{}.{:03}", ms / 1000, ms % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(name: &str, times: [Option<u64>; 3], state: Outcome) -> Record {
        let [started_ms, ready_ms, ended_ms] = times;
        Record { list: List::Onboot, name: name.into(), started_ms, ready_ms, ended_ms, state, restarts: 0 }
    }

    fn report() -> Report {
        Report {
            version: 1,
            kernel: "6.12".into(),
            marks: vec![Mark { name: "orlop-init".into(), ms: 3012 }],
            warnings: Vec::new(),
            onboot_done_ms: Some(9000),
            containers: vec![
                record("000-sysctl", [Some(3100), Some(3300), Some(3350)], Outcome::Exited { code: 0 }),
                record("001-hang", [Some(3400), Some(3600), Some(8400)], Outcome::Deadline { seconds: 5 }),
                record("002-gone", [Some(8500), None, None], Outcome::NotStarted { why: "no such file".into() }),
            ],
        }
    }

    #[test]
    fn the_time_line_says_when_and_how() {
        let want = [
            "onboot is done at 9.000 s: 1 of 3 containers ended with 0",
            "   3.012 s  orlop-init",
            "   3.100 s  onboot 000-sysctl  ready +0.200  end +0.250  ended with 0",
            "   3.400 s  onboot 001-hang  ready +0.200  end +5.000  was ended at its deadline of 5 s",
            "   8.500 s  onboot 002-gone  could not be started: no such file",
        ];
        assert_eq!(report().time_line(), want);
    }

    #[test]
    fn the_file_has_one_flat_object_per_container() {
        let value = serde_json::to_value(report()).unwrap();
        let want = serde_json::json!({
            "list": "onboot", "name": "001-hang", "started_ms": 3400, "ready_ms": 3600, "ended_ms": 8400,
            "state": "deadline", "seconds": 5, "restarts": 0,
        });
        assert_eq!(value["containers"][1], want);
        assert_eq!(value["containers"][2]["why"], "no such file");
        assert_eq!(value["onboot_done_ms"], 9000);
    }
}
