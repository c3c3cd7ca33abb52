//! Hearing that the machine was suspended.
//!
//! The kernel says nothing of it to a process, but it wakes whoever waits for the wall clock to be set, which it does itself when
//! it comes back. Whether that was it, two clocks tell: one counts the time asleep, and one does not.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use rustix::io::Errno;
use rustix::time::{
    ClockId, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, clock_gettime, timerfd_create,
    timerfd_settime,
};
use tokio::io::Interest;

use crate::sys::Watched;

/// Waits for the end of a suspend. Made before the sandbox narrows.
#[derive(Debug)]
pub struct Suspend {
    timer: Watched,
    /// All the time that the machine was asleep, when it was last looked at.
    asleep: Duration,
}

impl Suspend {
    /// Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// When there is no descriptor left.
    pub fn watch() -> io::Result<Self> {
        let timer = timerfd_create(TimerfdClockId::Realtime, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
        // It never expires: only that it is cancelled is waited for.
        let never = Itimerspec {
            it_interval: Timespec { tv_sec: 0, tv_nsec: 0 },
            it_value: Timespec { tv_sec: i64::MAX / 1_000_000_000, tv_nsec: 0 },
        };
        timerfd_settime(&timer, TimerfdTimerFlags::ABSTIME | TimerfdTimerFlags::CANCEL_ON_SET, &never)?;
        Ok(Self { timer: Watched::new(timer, Interest::READABLE)?, asleep: asleep() })
    }

    /// Waits until the machine has been asleep, and says for how long. Cancelling loses nothing.
    ///
    /// # Errors
    /// None on a kernel that works.
    pub async fn over(&mut self) -> io::Result<Duration> {
        loop {
            self.timer.read(set).await?;
            let (before, now) = (self.asleep, asleep());
            self.asleep = before.max(now);
            if let Some(slept) = slept(before, now) {
                return Ok(slept);
            }
        }
    }
}

/// Takes the news that the wall clock was set.
fn set(timer: BorrowedFd<'_>) -> io::Result<()> {
    match rustix::io::read(timer, &mut [0; 8]) {
        Err(Errno::CANCELED) | Ok(_) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

/// What the clock that counts the time asleep is ahead of the one that does not.
///
/// It is read first: what passes before the other one is read makes the difference smaller, never larger. So the largest of a
/// few is the best, even when others run in between.
fn asleep() -> Duration {
    let read = |clock| {
        let now = clock_gettime(clock);
        // Both parts are never negative on these clocks.
        Duration::new(now.tv_sec.unsigned_abs(), u32::try_from(now.tv_nsec).unwrap_or(0))
    };
    let look = |_| read(ClockId::Boottime).saturating_sub(read(ClockId::Monotonic));
    (0..LOOKS).map(look).max().unwrap_or_default()
}

const LOOKS: u32 = 3;

/// How long the machine slept between two looks, if it did.
fn slept(before: Duration, after: Duration) -> Option<Duration> {
    let more = after.saturating_sub(before);
    (more >= SHORTEST).then_some(more)
}

/// What is less is the error of the looks. A machine needs longer to fall asleep and to wake up.
const SHORTEST: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suspend_is_what_one_clock_has_counted_and_the_other_has_not() {
        let millis = Duration::from_millis;
        for (what, before, after, want) in [
            ("none", 0, 0, None),
            ("somebody has set the clock", 5000, 5000, None),
            ("this process did not run between the two looks", 5000, 4000, None),
            ("a whole second", 5000, 6000, Some(millis(1000))),
            ("the shortest", 0, 100, Some(millis(100))),
            ("the error of a look", 5000, 5020, None),
        ] {
            assert_eq!(slept(millis(before), millis(after)), want, "{what}");
        }
    }

    #[test]
    fn on_a_machine_that_is_awake_nothing_is_heard() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
        runtime.block_on(async {
            let mut suspend = Suspend::watch().unwrap();
            let mut over = std::pin::pin!(suspend.over());
            std::future::poll_fn(|context| {
                assert!(over.as_mut().poll(context).is_pending());
                std::task::Poll::Ready(())
            })
            .await;
        });
    }
}
