//! Waiting for something to become true, never for ever.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};

/// How often [`eventually`] looks: short against every time a test measures, long against the cost of one look.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Calls `look` until it yields a value, and gives that value.
///
/// `look` may fail for as long as it likes: the last failure is told when time is up.
///
/// # Errors
/// When nothing was yielded `within` the time: the error names `what` was waited for.
pub fn eventually<T>(what: &str, within: Duration, mut look: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let deadline = Instant::now() + within;
    loop {
        let seen = look();
        if let Ok(Some(value)) = seen {
            return Ok(value);
        }
        if Instant::now() >= deadline {
            let failure = anyhow!("waited {within:?} in vain for {what}");
            return Err(seen
                .err()
                .map_or(failure, |last| last.context(format!("waited {within:?} in vain for {what}"))));
        }
        sleep(LOOK_EVERY);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_value_ends_the_wait() {
        let mut looks = 0;
        let got = eventually("three looks", Duration::from_secs(5), || {
            looks += 1;
            Ok((looks == 3).then_some(looks))
        });
        assert_eq!(got.unwrap(), 3);
    }

    #[test]
    fn a_vain_wait_names_what_it_waited_for_and_the_last_failure() {
        let got: Result<()> = eventually("rain", Duration::from_millis(30), || Err(anyhow!("dry")));
        let told = format!("{:#}", got.unwrap_err());
        assert!(told.contains("rain") && told.contains("dry"), "{told}");
    }
}
