use super::*;
use proptest::prelude::*;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::filesystem::{Filesystem, Kind};
use crate::flatten::{self, Budget};

/// An unpacked package in a folder; it is removed again.
struct Folder(PathBuf);

const RELEASE: &str = "6.12.0-test-amd64";

impl Folder {
    fn new(name: &str, modules: &[(&str, &[&str])]) -> Self {
        // Tests that use the same package run side by side.
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let root = std::env::temp_dir().join(format!("orlop-kernel-{}-{name}-{number}", std::process::id()));
        let _ = fs::remove_dir_all(&root);
        let folder = Self(root);
        folder.put(&format!("boot/vmlinuz-{RELEASE}"), &kernel());
        folder.put(&format!("lib/modules/{RELEASE}/modules.builtin"), b"kernel/drivers/virtio/virtio-pci.ko\n");
        for (path, info) in modules {
            folder.put(&format!("lib/modules/{RELEASE}/kernel/{path}"), &module::sample(Platform::Amd64, info));
        }
        folder
    }

    fn put(&self, path: &str, content: &[u8]) {
        let path = self.0.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn open(&self) -> Package {
        Package::open(&self.0, None).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn kernel() -> Vec<u8> {
    let mut kernel = vec![0; 0x210];
    kernel[0x202..0x206].copy_from_slice(b"HdrS");
    kernel
}

fn network() -> Folder {
    Folder::new(
        "network",
        &[
            ("drivers/net/virtio_net.ko", &["alias=virtio:d00000001v*", "depends=net-failover,virtio_pci", "name=x"]),
            ("drivers/net/net_failover.ko", &["depends=failover"]),
            ("net/core/failover.ko", &["depends="]),
            ("fs/iso.ko", &["depends=cdrom", "softdep=pre: nls_utf8 failover nothing post: virtio_net"]),
            ("drivers/cdrom.ko", &["license=GPL"]),
            ("fs/nls-utf8.ko", &["depends=cdrom"]),
            ("loop/a.ko", &["depends=b"]),
            ("loop/b.ko", &["depends=a"]),
            ("lost.ko", &["depends=nowhere"]),
        ],
    )
}

fn picked(wanted: &[&str]) -> Result<Picked, BadKernel> {
    let wanted: Vec<String> = wanted.iter().map(|&name| name.to_owned()).collect();
    network().open().pick(&wanted, Platform::Amd64)
}

#[test]
fn what_a_module_needs_comes_before_it_and_nothing_else_comes_along() {
    for (what, wanted, want) in [
        ("three in a row", &["virtio-net"][..], &["failover", "net_failover", "virtio_net"][..]),
        ("in the order asked for", &["cdrom", "failover"], &["cdrom", "failover"]),
        ("asked for after it is needed", &["net_failover", "failover"], &["failover", "net_failover"]),
        ("what it wishes for first", &["iso"], &["cdrom", "nls_utf8", "failover", "iso"]),
        ("a circle ends", &["a"], &["b", "a"]),
        ("nothing", &[], &[]),
    ] {
        let names: Vec<_> = picked(wanted).unwrap().modules.into_iter().map(|module| module.name).collect();
        assert_eq!(names, want, "{what}");
    }
}

#[test]
fn what_is_built_in_needs_no_module_and_what_is_not_there_is_told() {
    assert_eq!(picked(&["virtio_pci"]).unwrap(), Picked { modules: vec![], builtin: vec!["virtio_pci".to_owned()] });
    let error = picked(&["virtio"]).unwrap_err().to_string();
    assert_eq!(error, "there is no module virtio; there are virtio_net");
    assert_eq!(picked(&["lost"]).unwrap_err().to_string(), "there is no module nowhere");
}

#[test]
fn the_image_has_the_kernel_and_an_archive_with_what_a_loader_needs() {
    let (folder, platform) = (network(), Platform::Amd64);
    let package = folder.open();
    let picked = package.pick(&["virtio_net".to_owned()], platform).unwrap();
    let tree = package.image(&picked, platform, 7).unwrap();
    assert_eq!(tree.at("/kernel"), Some(&Node::File { mode: 0o644, content: kernel() }));
    let Some(Node::File { content, .. }) = tree.at("/kernel.tar") else { panic!("no archive") };
    let mut files = Filesystem::default();
    flatten::apply(&mut files, content, &mut Budget::default()).unwrap();
    let text = |name: &str| match &files.at(&format!("lib/modules/{RELEASE}/{name}")).unwrap().kind {
        Kind::File(content) => String::from_utf8_lossy(content).into_owned(),
        Kind::Directory | Kind::Link(_) => panic!("{name} is no file"),
    };
    let order = "kernel/net/core/failover.ko\nkernel/drivers/net/net_failover.ko\nkernel/drivers/net/virtio_net.ko\n";
    assert_eq!(text("modules.order"), order);
    assert_eq!(
        text("modules.dep"),
        "kernel/net/core/failover.ko:\nkernel/drivers/net/net_failover.ko: kernel/net/core/failover.ko\n\
         kernel/drivers/net/virtio_net.ko: kernel/drivers/net/net_failover.ko\n"
    );
    assert_eq!(text("modules.alias"), "alias virtio:d00000001v* virtio_net\n");
    assert!(text("kernel/drivers/net/virtio_net.ko").contains("depends=net-failover"));
    assert_eq!(files.iter().filter(|(path, _)| path.ends_with(".ko")).count(), 3);
}

#[test]
fn packed_modules_are_unpacked_and_lose_the_end_of_their_names() {
    let plain = module::sample(Platform::Amd64, &["depends=x"]);
    // Made with `xz --check=crc32 --lzma2=dict=1MiB`, as Linux packs modules, from `plain`.
    let xz = include_bytes!("sample.ko.xz");
    let gz = layer::gzip(&plain).unwrap();
    for (path, packed) in [("kernel/a.ko", &plain[..]), ("kernel/a.ko.xz", xz), ("kernel/a.ko.gz", &gz)] {
        let module = Module::read("a", path, packed).unwrap();
        assert_eq!((module.path.as_str(), &module.content), ("kernel/a.ko", &plain), "{path}");
        assert_eq!(module.depends, ["x"], "{path}");
    }
}

#[test]
fn what_is_no_module_is_refused() {
    let plain = module::sample(Platform::Amd64, &["depends=x"]);
    let mut other_section = plain.clone();
    let at = other_section.windows(8).position(|word| word == b".modinfo").unwrap();
    other_section[at] = b'_';
    for (what, path, packed, want) in [
        ("zstd", "a.ko.zst", &plain[..], "packed with zstd"),
        ("no xz", "a.ko.xz", &plain, "cannot be unpacked"),
        ("no gzip", "a.ko.gz", &plain, "cannot be unpacked"),
        ("no ELF", "a.ko", b"#!/bin/sh", "no 64-bit ELF"),
        ("no information", "a.ko", &other_section, ".modinfo"),
        ("cut", "a.ko", &plain[..80], "no 64-bit ELF"),
    ] {
        let error = Module::read("a", path, packed).unwrap_err().to_string();
        assert!(error.contains(want), "{what}: {error}");
    }
}

#[test]
fn another_processors_kernel_and_modules_are_refused() {
    let folder = network();
    let package = folder.open();
    let none = Picked { modules: vec![], builtin: vec![] };
    assert!(matches!(package.image(&none, Platform::Arm64, 7), Err(BadKernel::Platform { .. })));
    let wanted = ["cdrom".to_owned()];
    assert!(matches!(package.pick(&wanted, Platform::Arm64), Err(BadKernel::Platform { .. })));
}

#[test]
fn a_folder_without_one_kernel_is_refused() {
    let folder = Folder::new("several", &[("a.ko", &[])]);
    assert_eq!(folder.open().release, RELEASE);
    folder.put("boot/vmlinuz-5.0", b"");
    let release = |wanted| Package::open(&folder.0, wanted).map(|package| package.release);
    assert!(matches!(release(None), Err(BadKernel::Release(names)) if names.contains("5.0, 6.12")));
    assert_eq!(release(Some(RELEASE)).unwrap(), RELEASE);
    assert!(matches!(release(Some("5.0")), Err(BadKernel::NoModules(_))));
    assert!(matches!(release(Some("4")), Err(BadKernel::Release(_))));
    assert!(matches!(Package::open(&folder.0.join("boot"), None), Err(BadKernel::NoKernel(_))));
}

proptest! {
    #[test]
    fn a_damaged_module_is_read_or_refused(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8)) {
        let plain = module::sample(Platform::Amd64, &["depends=x", "softdep=pre: y"]);
        for (path, original) in [("a.ko", &plain[..]), ("a.ko.xz", include_bytes!("sample.ko.xz"))] {
            let mut bytes = original.to_vec();
            for (at, to) in &changes {
                let length = bytes.len();
                bytes[at.index(length)] = *to;
            }
            match Module::read("a", path, &bytes) {
                Ok(module) => prop_assert_eq!(module.path, "a.ko"),
                Err(error) => prop_assert!(!error.to_string().is_empty()),
            }
        }
    }
}
