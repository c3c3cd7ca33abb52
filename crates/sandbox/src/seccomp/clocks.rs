//! What a process may ask the time of.

use crate::profile::{Pin, Value};

/// Only the clocks that belong to nobody, up to `CLOCK_TAI` (11), and the caller's own. Other numbers are made of a process or of a
/// descriptor: a negative one with a process in it tells how much processor time that process has used, which is a way to watch
/// it. The kernel reads 32 bits, in which every negative number is a large one.
pub(super) const PLAIN: &[&[Pin]] = &[&[Pin::new(0, Value::AtMost(11))]];
