//! The disks of this machine, opened for a worker to read. The broker reads none of them.

use std::collections::BTreeSet;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use orlop_metadata_profiles::MAX_DISKS;
use rustix::fs::{CWD, Dir, FileType, Mode, OFlags, fstat, major, minor, openat};
use tracing::debug;

/// A disk, a partition, or an image of one.
#[derive(Debug)]
pub struct Disk {
    /// Where it is, for people: `/dev/sr0`.
    pub path: PathBuf,
    /// How many bytes it has.
    pub size: u64,
    /// Whether it is in a drive for compact discs.
    pub is_cdrom: bool,
    /// Open for reading.
    pub file: OwnedFd,
}

/// Where disks are listed and opened.
#[derive(Debug)]
pub struct Disks {
    list: PathBuf,
    devices: PathBuf,
    /// What was handed over before, as the kernel numbers it, with its size: another disc in the same drive is another disk.
    known: BTreeSet<(String, u64)>,
}

/// Bytes of a sector in what the kernel lists, whatever the disk itself has.
const SECTOR: u64 = 512;

/// What is made of files or memory, of which nobody makes a seed.
const NO_SEEDS: [&str; 4] = ["loop", "ram", "zram", "nbd"];

impl Disks {
    /// Those of the machine whose `/sys` and `/dev` are below `root`.
    #[must_use]
    pub fn below(root: &Path) -> Self {
        Self { list: root.join(LIST), devices: root.join("dev"), known: BTreeSet::new() }
    }

    /// Opens the disks that were not there before, [`MAX_DISKS`] at most: drives for compact discs first, then the smallest, as
    /// seeds are small.
    pub fn fresh(&mut self) -> Vec<Disk> {
        let Ok(list) = openat(CWD, &self.list, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
        else {
            return Vec::new();
        };
        let names = names(&list);
        let mut found: Vec<(bool, u64, String)> = names
            .into_iter()
            .filter(|name| !NO_SEEDS.iter().any(|other| name.starts_with(other)))
            .filter_map(|name| Some((!name.starts_with("sr"), sectors(&list, &name)?.saturating_mul(SECTOR), name)))
            .filter(|(_, size, name)| *size > 0 && !self.known.contains(&(name.clone(), *size)))
            .collect();
        found.sort_unstable();
        found.truncate(MAX_DISKS.into());
        let mut disks = Vec::new();
        for (is_no_cdrom, size, name) in found {
            match self.open(&list, &name) {
                Ok(file) => {
                    let path = Path::new("/dev").join(&name);
                    self.known.insert((name, size));
                    disks.push(Disk { path, size, is_cdrom: !is_no_cdrom, file });
                }
                // Its node may not be there yet, and there may be no disc in the drive.
                Err(error) => debug!(disk = %name, %error, "a disk cannot be opened"),
            }
        }
        disks
    }

    /// Opens the node of a disk, if it is that of the device that the kernel calls so. Without waiting: a drive without a disc
    /// would be asked to close its tray.
    fn open(&self, list: &OwnedFd, name: &str) -> io::Result<OwnedFd> {
        let device = text(list, &format!("{name}/dev")).ok_or(io::ErrorKind::NotFound)?;
        let node = open(&self.devices.join(name))?;
        let stat = fstat(&node)?;
        let is_block = FileType::from_raw_mode(stat.st_mode) == FileType::BlockDevice;
        if is_block && device == format!("{}:{}", major(stat.st_rdev), minor(stat.st_rdev)) {
            Ok(node)
        } else {
            Err(io::Error::other("its node is another device's"))
        }
    }
}

impl Disk {
    /// A disk, or an image of one, that a user names.
    ///
    /// # Errors
    /// It cannot be opened, or is neither.
    pub fn named(path: &Path) -> io::Result<Self> {
        let file = open(path)?;
        let stat = fstat(&file)?;
        let size = match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => u64::try_from(stat.st_size).unwrap_or_default(),
            FileType::BlockDevice => {
                let list = openat(CWD, NUMBERS, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
                let name = format!("{}:{}", major(stat.st_rdev), minor(stat.st_rdev));
                sectors(&list, &name).ok_or(io::ErrorKind::NotFound)?.saturating_mul(SECTOR)
            }
            FileType::Directory
            | FileType::Symlink
            | FileType::Fifo
            | FileType::Socket
            | FileType::CharacterDevice
            | FileType::Unknown => return Err(io::Error::other("it is neither a disk nor a file")),
        };
        // Whoever names it means it, whatever its label.
        Ok(Self { path: path.to_owned(), size, is_cdrom: true, file })
    }
}

fn open(path: &Path) -> io::Result<OwnedFd> {
    Ok(openat(CWD, path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty())?)
}

/// The names in a folder. Not by the standard library: each C library makes other system calls for it.
fn names(folder: &OwnedFd) -> Vec<String> {
    let again = openat(folder, ".", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty());
    let entries = again.and_then(Dir::new).into_iter().flatten();
    entries.map_while(Result::ok).filter_map(|entry| entry.file_name().to_str().ok().map(str::to_owned)).collect()
}

/// How many sectors a disk has.
fn sectors(list: &OwnedFd, name: &str) -> Option<u64> {
    text(list, &format!("{name}/size"))?.parse().ok()
}

/// A file of a line.
fn text(folder: &OwnedFd, path: &str) -> Option<String> {
    let file = openat(folder.as_fd(), path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).ok()?;
    let mut line = [0; 64];
    let length = rustix::io::read(&file, &mut line).ok()?;
    Some(core::str::from_utf8(line.get(..length)?).ok()?.trim().to_owned())
}

/// Where disks are listed by their names, and by their numbers.
const LIST: &str = "sys/class/block";
const NUMBERS: &str = "/sys/dev/block";

#[cfg(test)]
mod tests {
    use std::fs;

    use orlop_testbed::Folder;

    use super::*;

    fn list(root: &Folder, name: &str, size: &str) {
        let folder = root.0.join(LIST).join(name);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("size"), size).unwrap();
        fs::write(folder.join("dev"), "8:0\n").unwrap();
        fs::create_dir_all(root.0.join("dev")).unwrap();
        fs::write(root.0.join("dev").join(name), "").unwrap();
    }

    #[test]
    fn a_node_that_is_no_disk_is_not_handed_over() {
        let root = Folder::new("disks");
        list(&root, "sda", "2048\n");
        assert!(Disks::below(&root.0).fresh().is_empty());
    }

    #[test]
    fn a_machine_without_disks_has_none() {
        let root = Folder::new("no-disks");
        assert!(Disks::below(&root.0).fresh().is_empty());
    }

    #[test]
    fn an_image_that_is_named_is_a_disk_of_its_length() {
        let root = Folder::new("image");
        let path = root.0.join("seed.iso");
        fs::write(&path, [0; 4096]).unwrap();
        assert_eq!(Disk::named(&path).unwrap().size, 4096);
        assert!(Disk::named(&root.0).is_err());
        assert!(Disk::named(Path::new("/dev/null")).is_err());
    }
}
