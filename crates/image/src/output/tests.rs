use super::*;
use std::io::Read as _;

use crate::machine::Kernel;

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("orlop-output-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        Self(path)
    }

    fn base(&self) -> PathBuf {
        self.0.join("x")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn machine() -> Machine {
    let mut machine = Machine {
        kernel: Some(Kernel { binary: b"kernel".as_slice().into(), cmdline: "quiet".to_owned(), microcode: None }),
        ..Machine::default()
    };
    for location in ["kernel", "services[0]"] {
        let (source, name) = ("orlop.example/a:1".to_owned(), String::new());
        machine.parts.push(Part { location: location.to_owned(), source, name });
    }
    machine.files.put("lib/modules/a.ko", Entry::file(vec![1; 5000], 0o644, 7)).unwrap();
    machine.files.put("containers/a", Entry::file(vec![2; 9000], 0o644, 7).of(1)).unwrap();
    machine
}

#[test]
fn every_file_is_the_same_twice_and_its_digest_and_size_are_true() {
    let folders = [Folder::new("one"), Folder::new("two")];
    for format in [Format::KernelInitrd, Format::Tar] {
        let runs = folders.each_ref().map(|folder| {
            let written = write(&machine(), format, Packing::Gzip, &folder.base()).unwrap();
            for file in &written {
                let bytes = fs::read(&file.path).unwrap();
                assert_eq!(file.bytes, bytes.len() as u64, "{}", file.path.display());
                assert_eq!(file.digest, Digest::of(&bytes), "{}", file.path.display());
            }
            written.into_iter().map(|file| (file.digest, file.shares)).collect::<Vec<_>>()
        });
        assert_eq!(runs[0], runs[1], "{format:?}");
    }
    let left: Vec<_> = fs::read_dir(&folders[0].0).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 4, "nothing partial is left: {left:?}");
}

#[test]
fn packed_or_not_it_is_the_same_archive() {
    let folder = Folder::new("packing");
    let read = |packing| {
        let written = write(&machine(), Format::Initrd, packing, &folder.base()).unwrap();
        fs::read(&written[0].path).unwrap()
    };
    let (packed, plain) = (read(Packing::Gzip), read(Packing::None));
    assert_eq!(packed[..10], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 255]);
    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut unpacked).unwrap();
    assert_eq!(unpacked, plain);
}

#[test]
fn the_shares_of_an_archive_are_all_of_it_but_its_end() {
    let folder = Folder::new("shares");
    for (packing, overhead) in [(Packing::None, 512), (Packing::Gzip, 128)] {
        let written = write(&machine(), Format::Initrd, packing, &folder.base()).unwrap();
        let shares = written[0].shares.clone().unwrap();
        assert!(shares.iter().all(|share| *share > 0), "{shares:?}");
        let rest = written[0].bytes - shares.iter().sum::<u64>();
        assert!(rest <= overhead, "{rest} bytes are nobody's: {shares:?} of {}", written[0].bytes);
    }
}

#[test]
fn the_kernel_is_beside_an_initrd_and_inside_an_archive() {
    let folder = Folder::new("kernel");
    write(&machine(), Format::KernelInitrd, Packing::None, &folder.base()).unwrap();
    let read = |name: &str| fs::read(folder.0.join(name)).unwrap();
    assert_eq!((read("x-kernel"), read("x-cmdline")), (b"kernel".to_vec(), b"quiet".to_vec()));
    assert!(!read("x-initrd.img").windows(4).any(|word| word == b"boot"));
    write(&machine(), Format::Tar, Packing::None, &folder.base()).unwrap();
    let bytes = read("x.tar");
    let mut archive = tar::Archive::new(&bytes[..]);
    let paths: Vec<_> =
        archive.entries().unwrap().map(|entry| entry.unwrap().path().unwrap().display().to_string()).collect();
    assert_eq!(paths[..3], ["boot/", "boot/cmdline", "boot/kernel"]);
}

#[test]
fn microcode_lies_unpacked_in_front_of_the_initrd_and_beside_the_kernel_in_an_archive() {
    let folder = Folder::new("microcode");
    let read = |name: &str| fs::read(folder.0.join(name)).unwrap();
    write(&machine(), Format::KernelInitrd, Packing::Gzip, &folder.base()).unwrap();
    let plain = read("x-initrd.img");
    let microcode: std::sync::Arc<[u8]> = b"070701 microcode".as_slice()[..13].into();
    let mut machine = machine();
    machine.kernel.as_mut().unwrap().microcode = Some(microcode);
    let written = write(&machine, Format::KernelInitrd, Packing::Gzip, &folder.base()).unwrap();
    let bytes = read("x-initrd.img");
    assert_eq!(
        (&bytes[..16], &bytes[16..]),
        (&b"070701 microc\0\0\0"[..], &plain[..]),
        "the next archive begins at a word"
    );
    assert_eq!(written[1].digest, Digest::of(&bytes));
    write(&machine, Format::Tar, Packing::None, &folder.base()).unwrap();
    let archive = read("x.tar");
    let mut archive = tar::Archive::new(&archive[..]);
    let mut paths = archive.entries().unwrap().map(|entry| entry.unwrap().path().unwrap().display().to_string());
    assert!(paths.any(|path| path == "boot/ucode.cpio"));
}

#[test]
fn a_part_of_a_machine_has_no_kernel_and_needs_none_as_an_initrd() {
    let folder = Folder::new("part");
    let part = Machine { kernel: None, ..machine() };
    let error = write(&part, Format::KernelInitrd, Packing::None, &folder.base()).unwrap_err().to_string();
    assert!(error.contains("has no kernel") && error.contains("--format initrd"), "{error}");
    assert!(!folder.0.exists(), "nothing is written");
    assert_eq!(write(&part, Format::Initrd, Packing::None, &folder.base()).unwrap().len(), 1);
}

#[test]
fn what_cannot_be_written_is_told_with_help() {
    let error = write(&machine(), Format::Initrd, Packing::None, Path::new("/proc/nowhere/x")).unwrap_err().to_string();
    assert!(error.contains("cannot write /proc/nowhere/x-initrd.img") && error.contains("--out DIR"), "{error}");
}
