//! What a process may write to, seen from outside.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use object::Endianness;
use object::elf::{FileHeader64, PT_GNU_RELRO, PT_LOAD};
use object::read::elf::{FileHeader, ProgramHeader};

/// Pages of x86-64, and the smallest of aarch64.
const PAGE: u64 = 4096;

/// The mappings inside the part of process `pid`'s program that its linker marked as read-only after relocation, each with its
/// rights (`r--p`).
///
/// # Errors
/// When the process or its program cannot be read, or nothing is marked.
pub fn relocated(pid: u32) -> Result<Vec<(String, String)>> {
    let process = Path::new("/proc").join(pid.to_string());
    let program = std::fs::read_link(process.join("exe"))?;
    let bytes = std::fs::read(process.join("exe")).with_context(|| format!("cannot read {}", program.display()))?;
    let header = FileHeader64::<Endianness>::parse(bytes.as_slice())?;
    let endian = header.endian()?;
    let segments = header.program_headers(endian, bytes.as_slice())?;
    let address = |kind| segments.iter().find(|segment| segment.p_type(endian) == kind);
    let first = address(PT_LOAD).context("nothing is loaded")?.p_vaddr(endian);
    let marked = address(PT_GNU_RELRO).context("nothing is marked as read-only after relocation")?;
    let maps = std::fs::read_to_string(process.join("maps"))?;
    let mappings: Vec<Mapping<'_>> = maps.lines().filter_map(Mapping::read).collect();
    let name = program.to_string_lossy();
    let base =
        mappings.iter().find(|mapping| mapping.line.ends_with(&*name)).context("the program is not mapped")?.begin;
    let at = |address: u64| base + ((address - first) & !(PAGE - 1));
    let (begin, end) = (at(marked.p_vaddr(endian)), at(marked.p_vaddr(endian) + marked.p_memsz(endian)));
    ensure!(begin < end, "less than a page is marked");
    let inside = mappings.into_iter().filter(|mapping| mapping.begin < end && begin < mapping.end);
    Ok(inside.map(|mapping| (mapping.line.to_owned(), mapping.rights.to_owned())).collect())
}

/// A line of `/proc/PID/maps`.
struct Mapping<'a> {
    line: &'a str,
    begin: u64,
    end: u64,
    rights: &'a str,
}

impl<'a> Mapping<'a> {
    fn read(line: &'a str) -> Option<Self> {
        let mut words = line.split_whitespace();
        let (begin, end) = words.next()?.split_once('-')?;
        let number = |text| u64::from_str_radix(text, 16).ok();
        Some(Self { line, begin: number(begin)?, end: number(end)?, rights: words.next()? })
    }
}
