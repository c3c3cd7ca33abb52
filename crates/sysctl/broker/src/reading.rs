//! What the kernel says a setting is.

use std::os::fd::AsFd;

use orlop_sysctl_contract::MAX_READING;
use orlop_wire::Str;
use rustix::io::Errno;

/// What the kernel says the setting is that is open as `setting`. An empty text has a line end; where there is nothing at
/// all, it says nothing, as of `vm.stat_refresh`, which is a trigger.
#[must_use]
pub fn reading(setting: &impl AsFd) -> Option<Str<MAX_READING>> {
    let mut page = [0; PAGE];
    let text = read(setting, &mut page)?;
    if text.len() < PAGE {
        return Some(shown(text));
    }
    // There may be more. The kernel gives what is before, but not what follows: all of it is read once more.
    Some(shown(read(setting, &mut vec![0; MAX_READING])?))
}

/// Almost every value is shorter.
const PAGE: usize = 4096;

fn read<'b>(setting: &impl AsFd, room: &'b mut [u8]) -> Option<&'b [u8]> {
    let len = again(|| rustix::io::pread(setting, &mut *room, 0)).ok().filter(|len| *len > 0)?;
    room.get(..len)
}

fn shown(bytes: &[u8]) -> Str<MAX_READING> {
    Str::truncated(&String::from_utf8_lossy(bytes))
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
