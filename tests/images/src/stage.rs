//! Two hosts, an image, and a folder that stands for the machine's `/run`.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, Result, anyhow};
use orlop_image::build::{self, Built, Plan};
use orlop_image::platform::Platform;
use orlop_image::recipe::Recipe;
use orlop_image::workspace::Workspace;
use orlop_sandbox::daemon::Daemon;
use orlop_test_dhcp::Scene;
use orlop_testbed::{Running, Testbed, needs};
use serde_json::Value;

use crate::bundle::Grants;

/// Everything that a container of an image needs.
pub struct Stage {
    /// The hosts: the container runs in the client's network.
    pub scene: Scene,
    /// What the image asks for.
    pub grants: Grants,
    /// Holds all files of this stage; removed with it.
    folder: PathBuf,
    daemon: &'static Daemon,
    program: String,
    built: &'static Built,
    /// The server that the image of that name looks for.
    _dnsmasq: Option<Running>,
}

/// The image of the DHCP client, for which the server's host has a server.
const DHCP: &str = "dhcp";

/// The image of this name, built once for all tests of this process.
///
/// # Errors
/// When it cannot be built.
fn built(image: &'static str) -> Result<&'static Built> {
    static BUILT: Mutex<BTreeMap<&str, Result<&Built, String>>> = Mutex::new(BTreeMap::new());
    let make = || {
        let workspace = Workspace::find().map_err(|fatal| fatal.to_string())?;
        // What `cargo xtask test` has just compiled, else what lies in cargo's folders.
        let given = std::env::var_os("ORLOP_BIN_DIR").map(|folder| (Platform::HOST, PathBuf::from(folder)));
        let plan = Plan { platforms: vec![Platform::HOST], folders: given.into_iter().collect(), ..Plan::default() };
        let built = build::build(&workspace, image, &plan).map_err(|fatal| fatal.to_string())?;
        // For as long as the process lives.
        Ok(&*Box::leak(Box::new(built)))
    };
    let mut known = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    known.entry(image).or_insert_with(make).clone().map_err(|error| anyhow!("{error}"))
}

impl Stage {
    /// Whether tests of the DHCP client's image with these programs can run here; `None` means that the reason was printed.
    ///
    /// # Panics
    /// With `SYSTEM_TESTS=require`, when they cannot.
    #[must_use]
    pub fn available(programs: &[&str]) -> Option<Testbed> {
        Self::available_for(DHCP, &[&["dnsmasq"], programs].concat())
    }

    /// As [`Self::available`], for the image of this name.
    ///
    /// # Panics
    /// As [`Self::available`].
    #[must_use]
    pub fn available_for(image: &'static str, programs: &[&str]) -> Option<Testbed> {
        if let Err(error) = built(image) {
            needs::skip(&format!("needs the image: {error:#}"));
            return None;
        }
        Testbed::with(programs)
    }

    /// Makes the hosts, starts a DHCP server and writes the DHCP client's image.
    ///
    /// # Errors
    /// When something cannot be made.
    pub fn new() -> Result<Self> {
        Self::of(DHCP)
    }

    /// Makes the hosts and writes the image of this name.
    ///
    /// # Errors
    /// When something cannot be made.
    pub fn of(image: &'static str) -> Result<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("orlop-images-{}-{number}", std::process::id()));
        fs::create_dir_all(&folder)?;
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700))?;
        let daemon = orlop_fleet::named(image).with_context(|| format!("no daemon is called {image}"))?;
        let workspace = Workspace::find()?;
        let recipe = Recipe::load(&workspace.recipe(image)?)?;
        let program = recipe.programs.into_iter().find(|program| program.binary == daemon.program);
        let program = program.with_context(|| format!("{} is not in its image", daemon.program))?.path;
        let built = built(image)?;
        build::write(&workspace, built, &folder.join("images"))?;
        let grants = Grants::of(&built.layout)?;
        let scene = Scene::new()?;
        let dnsmasq = (image == DHCP).then(|| scene.dnsmasq()).transpose()?;
        let stage = Self { scene, grants, folder, daemon, program, built, _dnsmasq: dnsmasq };
        // What LinuxKit's init does for `runtime.mkdir`, and its empty resolv.conf.
        for made in &stage.grants.label.runtime.mkdir {
            fs::create_dir_all(stage.machine().join(made.trim_start_matches('/')))?;
        }
        let resolv_conf = stage.machine().join("run/resolvconf/resolv.conf");
        if resolv_conf.parent().is_some_and(Path::is_dir) {
            fs::write(&resolv_conf, "")?;
            fs::set_permissions(&resolv_conf, fs::Permissions::from_mode(0o600))?;
        }
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
        self.folder.join("images").join(self.daemon.name)
    }

    /// The image as an archive.
    #[must_use]
    pub fn archive(&self) -> PathBuf {
        self.folder.join("images").join(format!("{}.tar", self.daemon.name))
    }

    /// The tag of the image.
    ///
    /// # Errors
    /// When it has none.
    pub fn tag(&self) -> Result<String> {
        self.built.reference.tag.clone().context("the image has no tag")
    }

    /// Its name, with the tag.
    pub(crate) fn reference(&self) -> String {
        self.built.reference.to_string()
    }

    /// What the container left for others: a file below `/run` of the machine.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(&self, path: &str) -> Result<String> {
        let path = self.machine().join(path.trim_start_matches('/'));
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
    }

    /// The daemon that the image is of.
    #[must_use]
    pub fn daemon(&self) -> &'static Daemon {
        self.daemon
    }

    /// Where the image has the daemon's program, under its own name.
    #[must_use]
    pub fn program(&self) -> &str {
        &self.program
    }

    /// A JSON document that the daemon left for others.
    ///
    /// # Errors
    /// When there is none of this name or it is not JSON.
    pub fn document(&self, name: &str) -> Result<Value> {
        Ok(serde_json::from_str(&self.read(&self.daemon.published(name))?)?)
    }

    /// `status.json` of the daemon.
    ///
    /// # Errors
    /// When there is none or it is not JSON.
    pub fn status(&self) -> Result<Value> {
        self.document("status.json")
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
