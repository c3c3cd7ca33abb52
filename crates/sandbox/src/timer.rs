//! A timer that counts the time asleep.
//!
//! tokio's own timers stop in suspend (`CLOCK_MONOTONIC`), and a lease does not.

use std::io;
use std::os::fd::BorrowedFd;
use std::task::{Context, Poll};

use orlop_machine::Instant;
use rustix::io::Errno;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};
use tokio::io::Interest;

use crate::sys::Watched;

/// A timer on `CLOCK_BOOTTIME`. Made before the lock; a worker cannot make one afterwards.
#[derive(Debug)]
pub struct BootTimer(Watched);

impl BootTimer {
    /// A timer that never expires until it is set. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// When there is no descriptor left.
    pub fn new() -> io::Result<Self> {
        let timer = timerfd_create(TimerfdClockId::Boottime, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
        Ok(Self(Watched::new(timer, Interest::READABLE)?))
    }

    /// Expires once at `when`, at once if that has passed, or never; whatever it was set to is forgotten.
    ///
    /// # Errors
    /// None on a kernel that works.
    pub fn set(&self, when: Option<Instant>) -> io::Result<()> {
        // A time of zero would switch the timer off.
        let nanos = when.map_or(0, |when| when.as_nanos().max(1));
        let value = Timespec {
            tv_sec: (nanos / NANOS).try_into().unwrap_or(i64::MAX),
            tv_nsec: (nanos % NANOS).try_into().unwrap_or(0),
        };
        let never_again = Timespec { tv_sec: 0, tv_nsec: 0 };
        timerfd_settime(
            &self.0,
            TimerfdTimerFlags::ABSTIME,
            &Itimerspec { it_interval: never_again, it_value: value },
        )?;
        Ok(())
    }

    /// Waits until the timer expires. Cancelling loses nothing: an expiry not yet seen is seen next time.
    ///
    /// # Errors
    /// None on a kernel that works.
    pub async fn expired(&self) -> io::Result<()> {
        self.0.read(expirations).await
    }

    /// As [`BootTimer::expired`], for a loop that waits for several things at once.
    ///
    /// # Errors
    /// None on a kernel that works.
    pub fn poll_expired(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_read(context, expirations)
    }
}

/// Takes the count of expirations, so that the timer is no longer readable.
fn expirations(timer: BorrowedFd<'_>) -> io::Result<()> {
    let mut count = [0; 8];
    match rustix::io::read(timer, &mut count) {
        // The wall clock was set. This clock does not care.
        Err(Errno::CANCELED) => Err(Errno::AGAIN.into()),
        other => other.map(|_| ()).map_err(io::Error::from),
    }
}

const NANOS: u64 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::clock;

    fn in_a_loop<R>(test: impl Future<Output = R>) -> R {
        tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap().block_on(test)
    }

    #[test]
    fn it_expires_when_told_and_not_before() {
        in_a_loop(async {
            let timer = BootTimer::new().unwrap();
            let when = clock::now().after(Duration::from_millis(20));
            timer.set(Some(when)).unwrap();
            timer.expired().await.unwrap();
            assert!(clock::now() >= when);
        });
    }

    #[test]
    fn the_past_is_now() {
        in_a_loop(async {
            let timer = BootTimer::new().unwrap();
            timer.set(Some(Instant::from_nanos(0))).unwrap();
            timer.expired().await.unwrap();
        });
    }

    #[test]
    fn an_expiry_that_was_taken_back_is_not_seen() {
        in_a_loop(async {
            let (first, second) = (BootTimer::new().unwrap(), BootTimer::new().unwrap());
            first.set(Some(Instant::from_nanos(1))).unwrap();
            first.set(None).unwrap();
            second.set(Some(clock::now().after(Duration::from_millis(20)))).unwrap();
            let mut never = std::pin::pin!(first.expired());
            let mut soon = std::pin::pin!(second.expired());
            std::future::poll_fn(|context| {
                assert!(never.as_mut().poll(context).is_pending(), "an expiry that was taken back");
                soon.as_mut().poll(context)
            })
            .await
            .unwrap();
        });
    }
}
