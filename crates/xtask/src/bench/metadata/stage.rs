//! Where the programs run: a machine and its cloud, and the same machine where nobody says anything.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use orlop_test_metadata::aws::{USER_DATA, aws};
use orlop_test_metadata::disk::Image;
use orlop_test_metadata::{Cloud, Scene, metadata};

use super::programs::Task;
use crate::bench::contest::Program;

/// Two machines, one of them a cloud's.
pub(super) struct Stage {
    known: Scene,
    unknown: Scene,
    cloud: Cloud,
    questions: Vec<String>,
    _folder: Image,
    disk: PathBuf,
}

impl Stage {
    /// Builds it, and has ours ask once, so that others can ask the same.
    ///
    /// # Errors
    /// Without root or namespaces.
    pub(super) fn new() -> Result<Self> {
        let (known, unknown) = (Scene::new()?, Scene::new()?);
        // As on Nitro, and as on Xen: Debian's ds-identify is older than the former.
        known.says("sys_vendor", "Amazon EC2")?;
        known.says("product_serial", "ec23aef5-54be-4843-8d24-8c819f88453e")?;
        known.says("product_uuid", "EC23AEF5-54BE-4843-8D24-8C819F88453E")?;
        let cloud = Cloud::start(&known.cloud, "169.254.169.254", aws)?;
        let folder = Image::new("bench-metadata");
        let files = [("meta-data", "instance-id: iid-1\nlocal-hostname: seeded\n"), ("user-data", USER_DATA)];
        let disk = folder.iso("cidata", &files, &["-joliet", "-rock"])?;
        let ran = known.run(&metadata())?;
        ensure!(ran.code == 0, "ours ended with {}: {}", ran.code, ran.text);
        let questions = cloud.lines();
        Ok(Self { known, unknown, cloud, questions, _folder: folder, disk })
    }

    /// What ours asks.
    pub(super) fn questions(&self) -> &[String] {
        &self.questions
    }

    /// A seed disk.
    pub(super) fn disk(&self) -> &Path {
        &self.disk
    }

    /// Runs `work` with a command of the program, on a machine that has nothing in `/run/config`, and looks whether the task is
    /// done.
    ///
    /// # Errors
    /// The error of `work`, or when it is not.
    pub(super) fn round<T: Send>(
        &self,
        task: Task,
        program: &Program,
        work: impl FnOnce(&mut Command) -> Result<T> + Send,
    ) -> Result<T> {
        let scene = if task == Task::Nothing { &self.unknown } else { &self.known };
        scene.machine.shell("mkdir -p /run/config && rm -rf /run/config/* && hostname localhost")?;
        let before = self.cloud.asked().len();
        let mut command = program.command();
        let result = scene.machine.enter(|| work(&mut command))?;
        let asked = self.cloud.asked().len().saturating_sub(before);
        let want = if task == Task::Cloud { self.questions.len() } else { 0 };
        ensure!(asked == want, "{} has asked {asked} questions, not {want}", program.name);
        if program.ours && matches!(task, Task::Cloud | Task::Disk) {
            let written = scene.config("userdata").context("no user data were written")?;
            ensure!(written == USER_DATA, "other user data were written");
        }
        Ok(result)
    }
}
