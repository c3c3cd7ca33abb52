//! Whether a disk has room for what a task will write.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

/// Sees whether `folder` can grow to `needed` bytes, with what is in it already.
///
/// # Errors
/// When the disk is too full for that, or cannot be asked.
pub(crate) fn ensure_room(folder: &Path, needed: u64) -> Result<()> {
    // It may be there only after the first build.
    let there =
        folder.ancestors().find(|ancestor| ancestor.is_dir()).context("no folder of an absolute path is there")?;
    let disk = rustix::fs::statvfs(there).with_context(|| format!("cannot look at the disk of {}", there.display()))?;
    let (free, used) = (disk.f_bavail.saturating_mul(disk.f_frsize), size(folder));
    ensure!(
        free.saturating_add(used) >= needed,
        "{} needs {}, has {} already, and the disk has room for {} more; \
         help: free some room, or put it on another disk with CARGO_TARGET_DIR",
        folder.display(),
        gigabytes(needed),
        gigabytes(used),
        gigabytes(free)
    );
    Ok(())
}

/// Bytes of all files below `folder`. What cannot be read counts as nothing: then more room is asked for.
fn size(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let sizes = entries.flatten().map(|entry| match entry.metadata() {
        Ok(kind) if kind.is_dir() => size(&entry.path()),
        Ok(kind) => kind.len(),
        Err(_) => 0,
    });
    sizes.sum()
}

#[allow(clippy::cast_precision_loss, reason = "one digit is shown")]
fn gigabytes(bytes: u64) -> String {
    format!("{:.1} GB", bytes as f64 / 1e9)
}

#[cfg(test)]
mod tests {
    use orlop_testbed::Folder;

    use super::*;

    #[test]
    fn a_disk_that_is_too_small_is_an_error_that_says_how_much_is_missing() {
        let folder = Folder::new("room");
        ensure_room(&folder.0, 1).unwrap();
        let error = ensure_room(&folder.0, u64::MAX).unwrap_err().to_string();
        assert!(error.contains("has 0.0 GB already") && error.contains("help: "), "{error}");
    }

    #[test]
    fn what_is_there_already_need_not_be_free() {
        let folder = Folder::new("room-used");
        fs::create_dir_all(folder.0.join("a/b")).unwrap();
        for (path, bytes) in [("a/one", 1000), ("a/b/two", 234)] {
            fs::write(folder.0.join(path), vec![0; bytes]).unwrap();
        }
        std::os::unix::fs::symlink("/", folder.0.join("elsewhere")).unwrap();
        assert!((1234..2000).contains(&size(&folder.0)), "{}, and not what a link leads to", size(&folder.0));
        assert_eq!(size(&folder.0.join("none")), 0);
    }

    #[test]
    fn a_folder_that_is_not_there_yet_is_on_the_disk_of_those_above_it() {
        let folder = Folder::new("room-later");
        ensure_room(&folder.0.join("not/yet"), 1).unwrap();
    }
}
