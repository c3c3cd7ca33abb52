//! One kernel module: unpacked, and what it says of itself (`.modinfo`).

use std::io::Read;

use flate2::read::GzDecoder;
use lzma_rust2::XzReader;
use object::Endianness;
use object::elf::FileHeader64;
use object::read::elf::{ElfFile, FileHeader as _};
use object::{Object as _, ObjectSection as _};

use crate::platform::Platform;

/// What is wrong with a module.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BadModule {
    /// It cannot be unpacked.
    #[error("it cannot be unpacked: {0}")]
    Packing(#[from] std::io::Error),
    /// Packed in a way that this cannot unpack.
    #[error("it is packed with zstd; .ko, .ko.xz and .ko.gz can be read")]
    Zstd,
    /// Larger than any module.
    #[error("it has more than {MAX_MODULE} bytes")]
    TooLarge,
    /// Not an object file.
    #[error("it is no 64-bit ELF file with a .modinfo section: {0}")]
    NotElf(String),
}

/// A module that can be put into an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Module {
    /// What it is called: `virtio_net`.
    pub name: String,
    /// Where it lies below `lib/modules/RELEASE`, unpacked.
    pub path: String,
    /// Unpacked.
    pub content: Vec<u8>,
    /// `e_machine` of the file.
    pub machine: u16,
    /// Modules whose functions it uses.
    pub depends: Vec<String>,
    /// Modules that it would like to have loaded before it.
    pub before: Vec<String>,
    /// Devices and other things that it is for.
    pub aliases: Vec<String>,
}

/// Bytes of a module: the largest of Debian's (`amdgpu`) has about 30 MB.
const MAX_MODULE: u64 = 256 << 20;
/// Memory of the decompressor, in KiB: kernel modules are packed with a dictionary of 1 or 2 MiB.
const MAX_MEMORY_KIB: u32 = 128 << 10;

impl Module {
    /// Unpacks a module from a file at `path` below the folder of modules.
    ///
    /// # Errors
    /// It is none.
    pub fn read(name: &str, path: &str, packed: &[u8]) -> Result<Self, BadModule> {
        let content = match path.rsplit_once(".ko").map_or("", |(_, packing)| packing) {
            ".xz" => bounded(XzReader::new_mem_limit(packed, false, MAX_MEMORY_KIB))?,
            ".gz" => bounded(GzDecoder::new(packed))?,
            ".zst" => return Err(BadModule::Zstd),
            _ => bounded(packed)?,
        };
        let not_elf = |error: object::read::Error| BadModule::NotElf(error.to_string());
        let file = ElfFile::<FileHeader64<Endianness>, &[u8]>::parse(&content).map_err(not_elf)?;
        let machine = file.elf_header().e_machine(file.endian()).0;
        let section = file.section_by_name(".modinfo").ok_or_else(|| BadModule::NotElf("it has none".to_owned()))?;
        let info = String::from_utf8_lossy(section.data().map_err(not_elf)?).into_owned();
        let values = |key: &str| -> Vec<&str> {
            info.split('\0')
                .filter_map(|line| line.split_once('='))
                .filter(|(k, _)| *k == key)
                .map(|(_, v)| v)
                .collect()
        };
        let depends = values("depends").into_iter().flat_map(|list| list.split(',')).filter(|name| !name.is_empty());
        let depends = depends.map(plain_name).collect();
        let before = values("softdep").into_iter().flat_map(before).collect();
        let aliases = values("alias").into_iter().map(str::to_owned).collect();
        let end = path.find(".ko").map_or(path.len(), |at| at + ".ko".len());
        let path = path[..end].to_owned();
        Ok(Self { name: name.to_owned(), path, machine, depends, before, aliases, content })
    }
}

/// `pre: a b post: c` wishes for `a` and `b` first.
fn before(text: &str) -> Vec<String> {
    let mut is_before = false;
    let mut names = Vec::new();
    for word in text.split_whitespace() {
        match word {
            "pre:" => is_before = true,
            "post:" => is_before = false,
            name if is_before => names.push(plain_name(name)),
            _ => {}
        }
    }
    names
}

fn bounded(from: impl Read) -> Result<Vec<u8>, BadModule> {
    let mut content = Vec::new();
    from.take(MAX_MODULE + 1).read_to_end(&mut content)?;
    if content.len() as u64 > MAX_MODULE { Err(BadModule::TooLarge) } else { Ok(content) }
}

/// A module's name as the kernel has it: dashes are underscores.
#[must_use]
pub fn plain_name(name: &str) -> String {
    name.replace('-', "_")
}

/// Whether a kernel image is for a platform: the magic of the x86 boot protocol (`HdrS` at 0x202) and of the arm64 one
/// (`ARM\x64` at 0x38), which may be compressed as a whole.
#[must_use]
pub(super) fn is_kernel_for(kernel: &[u8], platform: Platform) -> bool {
    let has = |at: usize, magic: &[u8]| kernel.get(at..).is_some_and(|rest| rest.starts_with(magic));
    match platform {
        Platform::Amd64 => has(0x202, b"HdrS"),
        Platform::Arm64 => has(0x38, b"ARM\x64") || has(0, &[0x1f, 0x8b]) || has(4, b"zimg"),
    }
}

/// An object file as small as a module can be, for tests.
#[doc(hidden)]
#[must_use]
pub fn sample(platform: Platform, info: &[&str]) -> Vec<u8> {
    const NAMES: &[u8] = b"\0.modinfo\0.shstrtab\0";
    let info: Vec<u8> = info.iter().flat_map(|line| [line.as_bytes(), b"\0"].concat()).collect();
    let (info_at, names_at) = (64_usize, 64 + info.len());
    let table_at = (names_at + NAMES.len()).next_multiple_of(8);
    let mut file = vec![0; 64];
    file[..7].copy_from_slice(&[0x7f, b'E', b'L', b'F', 2, 1, 1]);
    file[16] = 1;
    file[18..20].copy_from_slice(&platform.elf_machine().to_le_bytes());
    file[20] = 1;
    file[40..48].copy_from_slice(&(table_at as u64).to_le_bytes());
    for (at, value) in [(52, 64_u16), (58, 64), (60, 3), (62, 2)] {
        file[at..at + 2].copy_from_slice(&value.to_le_bytes());
    }
    file.extend_from_slice(&info);
    file.extend_from_slice(NAMES);
    file.resize(table_at, 0);
    for (name, kind, at, size) in [(0_u32, 0_u32, 0, 0), (1, 1, info_at, info.len()), (10, 3, names_at, NAMES.len())] {
        let mut header = [0; 64];
        header[..4].copy_from_slice(&name.to_le_bytes());
        header[4..8].copy_from_slice(&kind.to_le_bytes());
        header[24..32].copy_from_slice(&(at as u64).to_le_bytes());
        header[32..40].copy_from_slice(&(size as u64).to_le_bytes());
        file.extend_from_slice(&header);
    }
    file
}
