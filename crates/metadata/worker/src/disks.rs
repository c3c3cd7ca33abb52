//! Disks that the broker has opened, read at offsets.

use std::os::fd::OwnedFd;

use orlop_metadata_core::media::{Disk, Unreadable};
use rustix::io::{Errno, pread};

/// One of them.
pub(crate) struct Granted {
    pub(crate) file: OwnedFd,
    pub(crate) size: u64,
    pub(crate) is_cdrom: bool,
}

impl Disk for Granted {
    fn read_at(&mut self, at: u64, buffer: &mut [u8]) -> Result<(), Unreadable> {
        let length = u64::try_from(buffer.len()).map_err(|_| Unreadable::End)?;
        if at.checked_add(length).is_none_or(|end| end > self.size) {
            return Err(Unreadable::End);
        }
        let (mut at, mut rest) = (at, buffer);
        while !rest.is_empty() {
            match pread(&self.file, &mut *rest, at) {
                Ok(0) => return Err(Unreadable::End),
                Ok(read) => {
                    at = at.saturating_add(read as u64);
                    rest = rest.get_mut(read..).unwrap_or_default();
                }
                Err(Errno::INTR) => {}
                Err(_) => return Err(Unreadable::Device),
            }
        }
        Ok(())
    }
}
