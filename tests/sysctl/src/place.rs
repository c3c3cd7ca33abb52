//! A machine of one's own for a program that changes settings: a few interfaces, and empty configuration folders.

use std::fs;

use anyhow::{Context as _, Result};
use orlop_testbed::{Host, Testbed};

use crate::program::{Program, Ran};
use crate::settings::{INTERFACES, Snapshot};
use crate::tree::Tree;

/// Network, UTS, IPC and mount namespaces with [`INTERFACES`] and empty [`crate::DIRECTORIES`].
pub struct Place {
    /// The namespaces.
    pub host: Host,
}

impl Place {
    /// Makes one.
    ///
    /// # Errors
    /// When the namespaces or interfaces cannot be made.
    pub fn new() -> Result<Self> {
        let host = Host::new("place")?;
        let [a, b, c, d] = INTERFACES;
        host.ip_batch(&format!("link add {a} type veth peer name {b}\nlink add {c} type veth peer name {d}\n"))?;
        // /etc is an overlay and /run a file system of the host's own; /usr is the caller's.
        host.shell(
            "rm -rf /etc/sysctl.d /etc/sysctl.conf
             mkdir -p /etc/sysctl.d /run/sysctl.d /run/orlop/sysctl /run/orlop/metrics
             for folder in /usr/local/lib /usr/lib; do
                 mkdir -p $folder/sysctl.d
                 mount -t tmpfs -o mode=0755 tmpfs $folder/sysctl.d
             done",
        )?;
        host.enter(|| Snapshot::take()?.pin())?;
        Ok(Self { host })
    }

    /// A place, if one can be made here and these programs are installed; the reason why not was printed.
    ///
    /// # Panics
    /// With `SYSTEM_TESTS=require`, as [`Testbed::with`]; and when a place cannot be made although everything is there.
    #[must_use]
    pub fn with(programs: &[Program]) -> Option<Self> {
        let paths: Vec<String> = programs.iter().flat_map(|program| program.files()).collect();
        let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
        let _: Testbed = Testbed::with(&paths)?;
        match Self::new() {
            Ok(place) => Some(place),
            Err(error) => panic!("cannot make a place to test in: {error:#}"),
        }
    }

    /// Puts a tree of configuration files there, instead of whatever was there.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn configure(&self, tree: &Tree) -> Result<()> {
        self.host.enter(|| tree.install())
    }

    /// The one file `/etc/sysctl.d/50-test.conf`, instead of whatever was there.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn configure_one(&self, text: &str) -> Result<()> {
        self.configure(&Tree::of("/etc/sysctl.d", "50-test.conf", text))
    }

    /// Runs a program with these arguments to its end.
    ///
    /// # Errors
    /// When it cannot be started or does not end in time.
    pub fn run(&self, program: Program, args: &[&str]) -> Result<Ran> {
        self.host.enter(|| program.run(args))
    }

    /// What the kernel says of a setting (`net/ipv4/ip_forward`), without the line end.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn get(&self, key: &str) -> Result<String> {
        let path = format!("/proc/sys/{key}");
        self.host
            .enter(|| fs::read_to_string(&path).with_context(|| format!("cannot read {path}")))
            .map(|text| text.trim_end_matches('\n').to_owned())
    }

    /// Sets one, as a test prepares it.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn set(&self, key: &str, value: &str) -> Result<()> {
        let path = format!("/proc/sys/{key}");
        self.host.enter(|| fs::write(&path, format!("{value}\n")).with_context(|| format!("cannot write {path}")))
    }
}
