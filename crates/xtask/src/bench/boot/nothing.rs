//! An image whose program does nothing, so that what its container costs is seen: the smallest there can be, one page that
//! tells the kernel that it is over.

use anyhow::Result;
use orlop_image::platform::Platform;
use orlop_image::tree::{Node, Tree};
use orlop_test_vm::Image;

use crate::vm::Workshop;

/// Where the program is mapped; where does not matter.
const ADDRESS: u64 = 0x40_0000;
/// `xor edi, edi; mov eax, 60; syscall`: exit(0).
const CODE: [u8; 9] = [0x31, 0xff, 0xb8, 60, 0, 0, 0, 0x0f, 0x05];
/// Sizes of the two headers (elf(5)).
const HEADERS: (u16, u16) = (64, 56);

/// The image, and its entry in a list of a spec.
pub(super) struct Nothing(pub(super) Image);

impl Nothing {
    /// Makes it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn new(workshop: &Workshop) -> Result<Self> {
        let mut tree = Tree::default();
        tree.put("/nothing", Node::File { mode: 0o755, content: program() });
        for folder in ["/dev", "/proc", "/sys"] {
            tree.put(folder, Node::Directory { mode: 0o755 });
        }
        Ok(Self(Image::new(Platform::Amd64, &workshop.machines, "nothing", &tree, &["/nothing"])?))
    }

    /// Its entry in one of a spec's lists. Nothing is mounted for it, because its root is read-only.
    pub(super) fn entry(&self) -> String {
        self.0.entry("nothing", "readonly: true")
    }
}

/// A static program for x86-64 (elf(5)): two headers and three instructions, all of it mapped.
fn program() -> Vec<u8> {
    let (header, program) = HEADERS;
    let size = u64::from(header + program) + CODE.len() as u64;
    let mut bytes = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
    let mut put = |parts: &[&[u8]]| bytes.extend(parts.concat());
    // ET_EXEC for EM_X86_64, version 1; where it begins, where the program headers are, no section headers, no flags.
    put(&[&2_u16.to_le_bytes(), &62_u16.to_le_bytes(), &1_u32.to_le_bytes()]);
    put(&[&(ADDRESS + u64::from(header + program)).to_le_bytes(), &u64::from(header).to_le_bytes(), &[0; 12]]);
    put(&[&header.to_le_bytes(), &program.to_le_bytes(), &1_u16.to_le_bytes(), &[0; 6]]);
    // PT_LOAD, to read and to execute: from the start of the file, as many bytes as it has, by pages.
    put(&[&1_u32.to_le_bytes(), &5_u32.to_le_bytes(), &0_u64.to_le_bytes()]);
    put(&[&ADDRESS.to_le_bytes(), &ADDRESS.to_le_bytes(), &size.to_le_bytes(), &size.to_le_bytes()]);
    put(&[&0x1000_u64.to_le_bytes(), &CODE]);
    bytes
}

#[cfg(test)]
#[cfg(target_arch = "x86_64")]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;
    use std::process::Command;

    use super::*;

    #[test]
    fn the_program_is_over_at_once_and_well() {
        let path = std::env::temp_dir().join(format!("orlop-bench-nothing-{}", std::process::id()));
        fs::write(&path, program()).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        let status = Command::new(&path).status();
        fs::remove_file(path).unwrap();
        assert_eq!(status.unwrap().code(), Some(0));
    }
}
