//! Images of seed disks, as other people's programs make them.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};
use orlop_testbed::Folder;

/// Files, and an image of a disk that has them.
pub struct Image {
    folder: Folder,
}

impl Image {
    /// The folder in which images are made; `test` tells the tests of one process apart.
    #[must_use]
    pub fn new(test: &str) -> Self {
        Self { folder: Folder::new(test) }
    }

    /// ISO 9660 by genisoimage, as `cloud-localds` makes it, with these options of it.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn iso(&self, label: &str, files: &[(&str, &str)], options: &[&str]) -> Result<PathBuf> {
        let content = self.lay_out(files)?;
        let image = self.folder.0.join("seed.iso");
        let mut make = Command::new("genisoimage");
        make.args(["-quiet", "-volid", label]).args(options).arg("-output").arg(&image).arg(&content);
        run(&mut make)?;
        Ok(image)
    }

    /// FAT by mkfs.vfat and mtools.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn fat(&self, label: &str, files: &[(&str, &str)]) -> Result<PathBuf> {
        let content = self.lay_out(files)?;
        let image = self.folder.0.join("seed.fat");
        std::fs::File::create(&image)?.set_len(2 << 20)?;
        run(Command::new("mkfs.vfat").args(["-n", label]).arg(&image))?;
        for (name, _) in files {
            run(Command::new("mcopy").arg("-i").arg(&image).arg(content.join(name)).arg(format!("::{name}")))?;
        }
        Ok(image)
    }

    fn lay_out(&self, files: &[(&str, &str)]) -> Result<PathBuf> {
        let content = self.folder.0.join("content");
        for (name, text) in files {
            let path = content.join(name);
            std::fs::create_dir_all(path.parent().unwrap_or(Path::new("/")))?;
            std::fs::write(path, text)?;
        }
        Ok(content)
    }
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.output()?;
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}
