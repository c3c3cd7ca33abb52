//! Disks that the broker has opened, read at offsets.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use orlop_metadata_core::media::{Disk, Unreadable};

/// One of them.
pub(crate) struct Granted {
    pub(crate) file: File,
    pub(crate) size: u64,
}

impl Disk for Granted {
    fn read_at(&mut self, at: u64, buffer: &mut [u8]) -> Result<(), Unreadable> {
        let length = u64::try_from(buffer.len()).map_err(|_| Unreadable::End)?;
        if at.checked_add(length).is_none_or(|end| end > self.size) {
            return Err(Unreadable::End);
        }
        let failed = |why: io::Error| {
            if why.kind() == io::ErrorKind::UnexpectedEof { Unreadable::End } else { Unreadable::Device }
        };
        self.file.read_exact_at(buffer, at).map_err(failed)
    }
}
