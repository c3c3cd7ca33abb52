//! Two hosts, the image, and a folder that stands for the machine's `/run`.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context as _, Result, anyhow};
use orlop_image::build::{self, Built, Plan};
use orlop_image::platform::Platform;
use orlop_image::workspace::Workspace;
use orlop_test_netns::Scene;
use orlop_testbed::{Running, Testbed, needs};
use serde_json::Value;

use crate::bundle::Grants;

/// Everything that a container of the image needs.
pub struct Stage {
    /// The hosts: the container runs in the client's network.
    pub scene: Scene,
    /// What the image asks for.
    pub grants: Grants,
    /// Holds all files of this stage; removed with it.
    folder: PathBuf,
    _dnsmasq: Running,
}

/// The image, built once for all tests of this process.
///
/// # Errors
/// When it cannot be built.
pub(crate) fn image() -> Result<&'static Built> {
    static BUILT: OnceLock<Result<Built, String>> = OnceLock::new();
    let make = || {
        let workspace = Workspace::find().map_err(|fatal| fatal.to_string())?;
        // What `cargo xtask test` has just compiled, else what lies in cargo's folders.
        let given = std::env::var_os("ORLOP_BIN_DIR").map(|folder| (Platform::HOST, PathBuf::from(folder)));
        let plan = Plan { platforms: vec![Platform::HOST], folders: given.into_iter().collect(), ..Plan::default() };
        build::build(&workspace, "dhcp", &plan).map_err(|fatal| fatal.to_string())
    };
    BUILT.get_or_init(make).as_ref().map_err(|error| anyhow!("{error}"))
}

impl Stage {
    /// Whether tests with these programs can run here; `None` means that the reason was printed.
    ///
    /// # Panics
    /// With `SYSTEM_TESTS=require`, when they cannot.
    #[must_use]
    pub fn available(programs: &[&str]) -> Option<Testbed> {
        if let Err(error) = image() {
            needs::skip(&format!("needs the image: {error:#}"));
            return None;
        }
        Testbed::with(&[&["dnsmasq"], programs].concat())
    }

    /// Makes the hosts, starts a server and writes the image.
    ///
    /// # Errors
    /// When something cannot be made.
    pub fn new() -> Result<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("orlop-images-{}-{number}", std::process::id()));
        fs::create_dir_all(&folder)?;
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700))?;
        let built = image()?;
        build::write(&Workspace::find()?, built, &folder.join("images"))?;
        let grants = Grants::of(&built.layout)?;
        let scene = Scene::new()?;
        let dnsmasq = scene.dnsmasq()?;
        let stage = Self { scene, grants, folder, _dnsmasq: dnsmasq };
        // What LinuxKit's init does for `runtime.mkdir`, and its empty resolv.conf.
        for made in &stage.grants.label.runtime.mkdir {
            fs::create_dir_all(stage.machine().join(made.trim_start_matches('/')))?;
        }
        let resolv_conf = stage.machine().join("run/resolvconf/resolv.conf");
        fs::write(&resolv_conf, "")?;
        fs::set_permissions(&resolv_conf, fs::Permissions::from_mode(0o600))?;
        Ok(stage)
    }

    /// A folder of the stage.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The folder that stands for the machine's root, for binds.
    #[must_use]
    pub fn machine(&self) -> PathBuf {
        self.folder.join("machine")
    }

    /// The image as a layout.
    #[must_use]
    pub fn layout(&self) -> PathBuf {
        self.folder.join("images/dhcp")
    }

    /// The image as an archive.
    #[must_use]
    pub fn archive(&self) -> PathBuf {
        self.folder.join("images/dhcp.tar")
    }

    /// The tag of the image.
    ///
    /// # Errors
    /// When it has none.
    pub fn tag(&self) -> Result<String> {
        image()?.reference.tag.clone().context("the image has no tag")
    }

    /// What the container left for others: a file below `/run` of the machine.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(&self, path: &str) -> Result<String> {
        let path = self.machine().join(path.trim_start_matches('/'));
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
    }

    /// `status.json` of the daemon.
    ///
    /// # Errors
    /// When there is none or it is not JSON.
    pub fn status(&self) -> Result<Value> {
        Ok(serde_json::from_str(&self.read("/run/orlop/dhcp/status.json")?)?)
    }

    /// The process that the container started: the one of the daemon's that is neither broker nor worker.
    ///
    /// # Errors
    /// When it is not there.
    pub fn supervisor(&self) -> Result<u32> {
        let processes = self.scene.client.processes()?;
        let is_it = |words: &str| {
            words.starts_with("/sbin/") && !words.contains("--broker-of") && !words.contains("dhcp-worker")
        };
        let found = processes.iter().find(|(_, words)| is_it(words)).map(|(pid, _)| *pid);
        found.with_context(|| format!("no supervisor among {processes:?}"))
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.folder) {
            eprintln!("warning: {} stays: {error}", self.folder.display());
        }
    }
}
