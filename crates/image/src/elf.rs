//! What an image needs to know about a program: for which processor it is, and that it needs no loader.

use crate::platform::Platform;

/// What is wrong with a program for an image.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// Not a 64-bit little-endian ELF file.
    #[error("it is no 64-bit ELF program")]
    NotElf,
    /// For another processor.
    #[error("it is for another processor (ELF machine {found}, not {wanted})")]
    Machine {
        /// `e_machine` of the file.
        found: u16,
        /// `e_machine` of the platform.
        wanted: u16,
    },
    /// It has a `PT_INTERP` segment.
    #[error("it is linked dynamically and an image has no loader")]
    Dynamic,
}

/// `PT_INTERP` (ELF specification, program header types): the path of a loader.
const PT_INTERP: u32 = 3;
/// `\x7fELF`, 64 bits, little-endian.
const MAGIC: [u8; 6] = [0x7f, b'E', b'L', b'F', 2, 1];

/// Whether `program` can run alone on `platform`.
///
/// # Errors
/// Why not.
pub fn fits(program: &[u8], platform: Platform) -> Result<(), Unfit> {
    if !program.starts_with(&MAGIC) {
        return Err(Unfit::NotElf);
    }
    let machine = u16_at(program, 18).ok_or(Unfit::NotElf)?;
    if machine != platform.elf_machine() {
        return Err(Unfit::Machine { found: machine, wanted: platform.elf_machine() });
    }
    let kinds = segment_kinds(program).ok_or(Unfit::NotElf)?;
    if kinds.contains(&PT_INTERP) { Err(Unfit::Dynamic) } else { Ok(()) }
}

/// `p_type` of each program header; `None` when the file ends before them.
fn segment_kinds(program: &[u8]) -> Option<Vec<u32>> {
    let table = usize::try_from(u64::from_le_bytes(array_at(program, 32)?)).ok()?;
    let (size, count) = (usize::from(u16_at(program, 54)?), usize::from(u16_at(program, 56)?));
    (0..count).map(|n| Some(u32::from_le_bytes(array_at(program, table.checked_add(n * size)?)?))).collect()
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    array_at(bytes, at).map(u16::from_le_bytes)
}

fn array_at<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

/// A program as small as [`fits`] can tell from others, for tests.
#[doc(hidden)]
#[must_use]
pub fn sample(platform: Platform, segment: u32) -> Vec<u8> {
    let mut program = vec![0; 64 + 56];
    program[..6].copy_from_slice(&MAGIC);
    program[16] = 3;
    program[18..20].copy_from_slice(&platform.elf_machine().to_le_bytes());
    program[32] = 64;
    program[54] = 56;
    program[56] = 1;
    program[64..68].copy_from_slice(&segment.to_le_bytes());
    program
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_static_program_of_the_platform_fits() {
        let good = sample(Platform::Amd64, 1);
        for (what, program, want) in [
            ("static", good.clone(), Ok(())),
            ("with a loader", sample(Platform::Amd64, PT_INTERP), Err(Unfit::Dynamic)),
            ("of another processor", sample(Platform::Arm64, 1), Err(Unfit::Machine { found: 183, wanted: 62 })),
            ("a script", b"#!/bin/sh".to_vec(), Err(Unfit::NotElf)),
            ("cut after its header", good[..64].to_vec(), Err(Unfit::NotElf)),
            ("empty", Vec::new(), Err(Unfit::NotElf)),
        ] {
            assert_eq!(fits(&program, Platform::Amd64), want, "{what}");
        }
    }
}
