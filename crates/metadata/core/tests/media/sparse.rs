//! A disk in few bytes: only those of its blocks that have anything in them.

use std::collections::BTreeMap;

use orlop_metadata_core::media::{Disk, Unreadable};

/// Bytes of a block.
const BLOCK: usize = 512;

/// A disk, most of which is zero.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sparse {
    blocks: u32,
    written: BTreeMap<u32, [u8; BLOCK]>,
    /// How often it was read.
    pub(crate) reads: u32,
}

impl Sparse {
    /// The disk with this content.
    pub(crate) fn of(image: &[u8]) -> Self {
        let mut disk = Self { blocks: u32::try_from(image.len().div_ceil(BLOCK)).unwrap(), ..Self::default() };
        for (number, block) in (0..).zip(image.chunks(BLOCK)) {
            if block.iter().any(|byte| *byte != 0) {
                disk.written.entry(number).or_insert([0; BLOCK])[..block.len()].copy_from_slice(block);
            }
        }
        disk
    }

    /// The number of blocks, then each one that is not zero behind its own number.
    pub(crate) fn packed(&self) -> Vec<u8> {
        let mut packed = self.blocks.to_le_bytes().to_vec();
        for (number, block) in &self.written {
            packed.extend(number.to_le_bytes());
            packed.extend(block);
        }
        packed
    }

    /// The disk that any bytes are, as [`Sparse::packed`] makes them.
    pub(crate) fn unpacked(packed: &[u8]) -> Self {
        let Some((blocks, records)) = packed.split_first_chunk() else { return Self::default() };
        let mut disk = Self { blocks: u32::from_le_bytes(*blocks), ..Self::default() };
        for record in records.chunks(4 + BLOCK) {
            let Some((number, block)) = record.split_first_chunk() else { break };
            let written = disk.written.entry(u32::from_le_bytes(*number)).or_insert([0; BLOCK]);
            written[..block.len()].copy_from_slice(block);
        }
        disk
    }

    /// Where `wanted` is for the first time, within a block.
    pub(crate) fn find(&self, wanted: &[u8]) -> u64 {
        let found = self.written.iter().find_map(|(number, block)| {
            let at = block.windows(wanted.len()).position(|window| window == wanted)?;
            Some(u64::from(*number) * BLOCK as u64 + at as u64)
        });
        found.expect("not on the disk")
    }

    /// Writes `bytes` at byte `at`; a disk that ends before becomes longer.
    pub(crate) fn write(&mut self, at: u64, bytes: &[u8]) {
        for (at, byte) in (at..).zip(bytes) {
            let number = u32::try_from(at / BLOCK as u64).unwrap();
            self.blocks = self.blocks.max(number + 1);
            self.written.entry(number).or_insert([0; BLOCK])[usize::try_from(at).unwrap() % BLOCK] = *byte;
        }
    }
}

impl Disk for Sparse {
    fn read_at(&mut self, at: u64, buffer: &mut [u8]) -> Result<(), Unreadable> {
        self.reads += 1;
        let end = at.checked_add(buffer.len() as u64).ok_or(Unreadable::End)?;
        if end > u64::from(self.blocks) * BLOCK as u64 {
            return Err(Unreadable::End);
        }
        let (mut at, mut rest) = (usize::try_from(at).unwrap(), buffer);
        while !rest.is_empty() {
            let (piece, after) = rest.split_at_mut((BLOCK - at % BLOCK).min(rest.len()));
            match self.written.get(&u32::try_from(at / BLOCK).unwrap()) {
                Some(block) => piece.copy_from_slice(&block[at % BLOCK..][..piece.len()]),
                None => piece.fill(0),
            }
            at += piece.len();
            rest = after;
        }
        Ok(())
    }
}
