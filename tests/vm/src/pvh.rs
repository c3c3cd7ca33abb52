//! The kernel inside a bzImage. QEMU starts it directly (by its PVH entry), which spares the guest from unpacking it: about
//! a second and a half without acceleration.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

/// Where the boot protocol has its fields (Documentation/arch/x86/boot.rst).
mod field {
    pub(super) const SETUP_SECTS: usize = 0x1f1;
    pub(super) const MAGIC: usize = 0x202;
    pub(super) const PAYLOAD_OFFSET: usize = 0x248;
    pub(super) const PAYLOAD_LENGTH: usize = 0x24c;
}

/// A sector of a disk, and the first one.
const SECTOR: usize = 512;
/// Zero sectors of setup code means this many.
const DEFAULT_SECTORS: u8 = 4;

/// Programs that unpack a kernel, by what it begins with.
const UNPACKERS: [(&[u8], &str); 3] =
    [(b"\x28\xb5\x2f\xfd", "zstd"), (b"\x02\x21\x4c\x18", "lz4"), (b"\xfd7zXZ\0", "xz")];

/// Unpacks the kernel in `image` to `to`.
///
/// # Errors
/// When it is no bzImage, or is packed with something else.
pub(crate) fn unpack(image: &Path, to: &Path) -> Result<()> {
    let bytes = fs::read(image)?;
    let payload = payload(&bytes).with_context(|| format!("{} is no bzImage", image.display()))?;
    let unpacker = UNPACKERS.iter().find(|(magic, _)| payload.starts_with(magic));
    let (_, program) = unpacker.with_context(|| format!("{} is packed in an unknown way", image.display()))?;
    let mut child = Command::new(program)
        .arg("--decompress")
        .stdin(Stdio::piped())
        .stdout(fs::File::create(to)?)
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("cannot start {program} (cargo xtask setup)"))?;
    let fed = child.stdin.take().context("no pipe")?.write_all(payload);
    // After the packed kernel come four bytes of its length, which the program complains about.
    child.wait()?;
    fed.or_else(|error| if error.kind() == std::io::ErrorKind::BrokenPipe { Ok(()) } else { Err(error) })?;
    let start = fs::read(to)?;
    ensure!(start.starts_with(b"\x7fELF"), "{program} made no kernel of {}", image.display());
    Ok(())
}

fn payload(image: &[u8]) -> Option<&[u8]> {
    let number = |at: usize| Some(u32::from_le_bytes(image.get(at..at + 4)?.try_into().ok()?) as usize);
    if image.get(field::MAGIC..field::MAGIC + 4)? != b"HdrS" {
        return None;
    }
    let sectors = match *image.get(field::SETUP_SECTS)? {
        0 => DEFAULT_SECTORS,
        sectors => sectors,
    };
    let start = (usize::from(sectors) + 1) * SECTOR + number(field::PAYLOAD_OFFSET)?;
    image.get(start..start + number(field::PAYLOAD_LENGTH)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(sectors: u8, payload: &[u8]) -> Vec<u8> {
        let start = (usize::from(sectors.max(DEFAULT_SECTORS * u8::from(sectors == 0))) + 1) * SECTOR + 16;
        let mut image = vec![0; start];
        image[field::SETUP_SECTS] = sectors;
        image[field::MAGIC..field::MAGIC + 4].copy_from_slice(b"HdrS");
        image[field::PAYLOAD_OFFSET..][..4].copy_from_slice(&16_u32.to_le_bytes());
        image[field::PAYLOAD_LENGTH..][..4].copy_from_slice(&u32::try_from(payload.len()).unwrap().to_le_bytes());
        image.extend_from_slice(payload);
        image
    }

    #[test]
    fn the_payload_is_where_the_header_says() {
        for (what, sectors) in [("the default", 0), ("one more", 39)] {
            assert_eq!(payload(&image(sectors, b"kernel")), Some(&b"kernel"[..]), "{what}");
        }
        let whole = image(4, b"kernel");
        for (what, cut) in [("nothing", 0), ("the header", 600), ("all but a byte", whole.len() - 1)] {
            assert_eq!(payload(&whole[..cut]), None, "{what}");
        }
    }
}
