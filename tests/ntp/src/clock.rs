//! The clock that the daemon keeps right: a file with three numbers. What this machine's clock showed when it was last
//! changed, what it showed itself then (both in nanoseconds since 1970), and its rate (2^-16 ppm).

use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result};
use orlop_testbed::Host;

/// Nanoseconds since 1970, or between two times.
type Nanos = i128;

/// A clock as it stands in its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clock {
    machine: Nanos,
    shown: Nanos,
    rate: i128,
}

fn machine() -> Nanos {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Nanos::try_from(since.as_nanos()).unwrap_or(Nanos::MAX)
}

impl Clock {
    /// Where it lies on every host.
    pub const PLACE: &str = "/run/clock/file";

    /// One that shows the first second of 1970.
    #[must_use]
    pub fn of_1970() -> Self {
        Self { machine: machine(), shown: 0, rate: 0 }
    }

    /// One that is this much ahead of the machine's.
    #[must_use]
    pub fn ahead(by: Duration) -> Self {
        Self::off(i128::try_from(by.as_nanos()).unwrap_or(0))
    }

    /// One that is this much behind the machine's.
    #[must_use]
    pub fn behind(by: Duration) -> Self {
        Self::off(-i128::try_from(by.as_nanos()).unwrap_or(0))
    }

    fn off(by: Nanos) -> Self {
        let machine = machine();
        Self { machine, shown: machine + by, rate: 0 }
    }

    /// The clock of a host, as the daemon left it.
    ///
    /// # Errors
    /// When there is none.
    pub fn read(host: &Host) -> Result<Self> {
        let text = host.read(Self::PLACE)?;
        let numbers: Vec<i128> = text.split_ascii_whitespace().map(str::parse).collect::<Result<_, _>>()?;
        let [machine, shown, rate] = numbers[..] else { anyhow::bail!("{text:?} is no clock") };
        Ok(Self { machine, shown, rate })
    }

    /// Puts it on a host. No daemon may run there: it would not look.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn put(&self, host: &Host) -> Result<()> {
        let Self { machine, shown, rate } = self;
        host.write(Self::PLACE, format!("{machine} {shown} {rate}\n")).context("no clock for the daemon")
    }

    /// How much faster than the machine's it runs, in 2^-16 ppm.
    #[must_use]
    pub fn rate(&self) -> i128 {
        self.rate
    }

    /// What it has to be set by in order to show what the machine's clock shows; the daemon's own arithmetic, done again.
    #[must_use]
    pub fn error(&self) -> i128 {
        let now = machine();
        let passed = now - self.machine;
        now - (self.shown + passed + passed * self.rate / (1_000_000 << 16))
    }
}
