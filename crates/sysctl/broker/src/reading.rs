//! What the kernel says a setting is.

use std::os::fd::AsFd;

use orlop_sysctl_contract::MAX_READING;
use orlop_wire::Str;
use rustix::io::Errno;

/// What the kernel says the setting is that is open as `setting`. An empty text has a line end; where there is nothing at
/// all, it says nothing, as of `vm.stat_refresh`, which is a trigger.
#[must_use]
pub fn reading(setting: &impl AsFd) -> Option<Str<MAX_READING>> {
    let mut bytes = [0; MAX_READING];
    let len = again(|| rustix::io::pread(setting, &mut bytes, 0)).ok().filter(|len| *len > 0)?;
    Some(Str::truncated(&String::from_utf8_lossy(bytes.get(..len)?)))
}

/// A call that a signal interrupted has had no effect.
pub(crate) fn again<T>(mut call: impl FnMut() -> Result<T, Errno>) -> Result<T, Errno> {
    loop {
        match call() {
            Err(Errno::INTR) => {}
            other => return other,
        }
    }
}
