//! What an ELF file says about how it wants to be loaded.

use core::fmt;

use anyhow::{Context, Result, bail};
use object::Endianness;
use object::elf::{
    DF_1_NOW, DF_BIND_NOW, DF_TEXTREL, DT_BIND_NOW, DT_FLAGS, DT_FLAGS_1, DT_JMPREL, DT_NEEDED, DT_TEXTREL, ET_DYN,
    FileHeader64, Machine, PF_W, PF_X, PT_GNU_RELRO, PT_GNU_STACK, PT_INTERP, PT_LOAD, SHT_SYMTAB, SectionHeader64,
};
use object::read::elf::{Dyn, FileHeader, ProgramHeader, SectionHeader};

/// The facts of one binary that hardening is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Elf {
    /// For which processor.
    pub(crate) machine: Machine,
    /// `ET_DYN`: it can be loaded anywhere.
    pub(crate) position_independent: bool,
    /// `PT_GNU_STACK`.
    pub(crate) stack: Stack,
    /// `PT_GNU_RELRO`.
    pub(crate) relocated_read_only: bool,
    /// Nothing is left to be bound when it is first called: `BIND_NOW`, or no such relocations at all.
    pub(crate) bound_at_start: bool,
    /// `DT_TEXTREL`.
    pub(crate) relocates_code: bool,
    /// Loaded segments that are both.
    pub(crate) writable_and_executable: usize,
    /// `PT_INTERP`.
    pub(crate) interpreter: bool,
    /// `DT_NEEDED`.
    pub(crate) libraries: usize,
    /// Sections that only a debugger or a linker reads.
    pub(crate) symbols: usize,
    /// Bytes of tables for unwinding the stack, in [`UNWINDING`].
    pub(crate) unwinding: u64,
}

/// The sections that hold tables for unwinding: of frames, their index, and what to do in each.
const UNWINDING: [&[u8]; 3] = [b".eh_frame", b".eh_frame_hdr", b".gcc_except_table"];

/// What the kernel is told about the stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stack {
    /// Data only.
    NotExecutable,
    /// Code too.
    Executable,
    /// Nothing, which older kernels take for executable.
    Unsaid,
}

impl fmt::Display for Stack {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::NotExecutable => "not executable",
            Self::Executable => "executable",
            Self::Unsaid => "not said to be data only (no PT_GNU_STACK)",
        })
    }
}

impl Elf {
    /// Reads a 64-bit program.
    ///
    /// # Errors
    /// When the bytes are not one.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self> {
        let header = FileHeader64::<Endianness>::parse(bytes).context("not a 64-bit ELF file")?;
        let endian = header.endian()?;
        let segments = header.program_headers(endian, bytes)?;
        let mut dynamic = Vec::new();
        for segment in segments {
            for entry in segment.dynamic(endian, bytes)?.unwrap_or_default() {
                dynamic.push((entry.tag(endian), entry.val(endian)));
            }
        }
        let loaded = segments.iter().filter(|segment| segment.p_type(endian) == PT_LOAD);
        if loaded.clone().count() == 0 {
            bail!("not a program: nothing in it is loaded");
        }
        let both = |flags: object::elf::ProgramFlags| flags.0 & PF_W.0 != 0 && flags.0 & PF_X.0 != 0;
        let has_segment = |kind| segments.iter().any(|segment| segment.p_type(endian) == kind);
        let has = |wanted| dynamic.iter().any(|(tag, _)| *tag == wanted);
        let flag = |wanted, bit: u64| dynamic.iter().any(|(tag, value)| *tag == wanted && value & bit != 0);
        let stack = segments.iter().find(|segment| segment.p_type(endian) == PT_GNU_STACK);
        let sections = header.sections(endian, bytes)?;
        let is_debug = |name: &[u8]| name.starts_with(b".debug") || name.starts_with(b".zdebug");
        let symbols = sections.iter().filter(|section| {
            section.sh_type(endian) == SHT_SYMTAB || sections.section_name(endian, section).is_ok_and(is_debug)
        });
        let is_unwinding = |section: &&SectionHeader64<Endianness>| {
            sections.section_name(endian, section).is_ok_and(|name| UNWINDING.contains(&name))
        };
        Ok(Self {
            machine: header.e_machine(endian),
            position_independent: header.e_type(endian) == ET_DYN,
            stack: match stack.map(|segment| segment.p_flags(endian).0 & PF_X.0) {
                Some(0) => Stack::NotExecutable,
                Some(_) => Stack::Executable,
                None => Stack::Unsaid,
            },
            relocated_read_only: has_segment(PT_GNU_RELRO),
            bound_at_start: has(DT_BIND_NOW)
                || flag(DT_FLAGS, DF_BIND_NOW.0)
                || flag(DT_FLAGS_1, DF_1_NOW.0)
                || !has(DT_JMPREL),
            relocates_code: has(DT_TEXTREL) || flag(DT_FLAGS, DF_TEXTREL.0),
            writable_and_executable: loaded.filter(|segment| both(segment.p_flags(endian))).count(),
            interpreter: has_segment(PT_INTERP),
            libraries: dynamic.iter().filter(|(tag, _)| *tag == DT_NEEDED).count(),
            symbols: symbols.count(),
            unwinding: sections.iter().filter(is_unwinding).map(|section| section.sh_size(endian)).sum(),
        })
    }
}
