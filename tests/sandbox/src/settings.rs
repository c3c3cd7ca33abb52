//! Kernel settings and who may write them: what the sysctl daemon's design rests on, asked of the kernel that is here.
//!
//! The kernel looks at the writer when a setting is written, whoever opened it. So a descriptor that root opened is of no use
//! to a process without the capability (to open and then to drop does not work), and an applier of the right class can use it.
//! Every setting that a class of the contract names is written twice, with the value that it has: by the applier of its class,
//! and by the same process without its capability. The latter is refused, or the class would be without meaning.

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};
use orlop_sandbox::applier::{Applier, Forked};
use orlop_sandbox::privileges::is_permitted;
use orlop_sandbox::profile::{Ids, Profile};
use orlop_sysctl_contract::{Class, Key};
use orlop_sysctl_profiles::{
    APPLIER_ADMIN, APPLIER_NET, APPLIER_PTRACE, APPLIER_RAWIO, APPLIER_RESOURCE, APPLIER_ROOT,
};
use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_change};

use crate::arena::{IMPOSSIBLE, leave_for};
use crate::syscall::Errno;

mod keys;

/// One class, its applier, and what became of its settings.
pub struct Proof {
    /// The class that the contract puts these settings into.
    pub class: Class,
    /// Settings of this class that exist here and can be read and written.
    pub keys: usize,
    /// How many its applier wrote.
    pub written: usize,
    /// Settings that its applier could not write, and why.
    pub refused: Vec<(Key, Errno)>,
    /// Settings that the same process wrote without its capability, or that were refused for another reason.
    pub escaped: Vec<(Key, Result<(), Errno>)>,
    /// Why the first half could not be asked here, if so.
    pub unasked: Option<String>,
}

impl Proof {
    /// Whether the class is what the contract says.
    #[must_use]
    pub fn holds(&self) -> bool {
        let asked = self.unasked.is_some() || self.written > 0;
        asked && self.escaped.is_empty() && !self.refused.iter().any(|(_, errno)| is_permission(*errno))
    }
}

/// An applier that writes what it read: the value in force.
struct Writer(Applier<Change, i32>);

/// What is written: the value that was read, or this digit.
type Change = Option<u8>;

impl Writer {
    fn fork(profile: &'static Profile) -> Result<Forked<Change, i32>> {
        Ok(Applier::fork(profile, rewrite)?)
    }

    /// What became of writing `setting`, which somebody else has opened.
    fn write(&mut self, setting: &File, change: Change) -> Result<Result<(), Errno>> {
        self.0.send(&change, Some(setting.as_fd()))?;
        Ok(match self.0.recv()? {
            0 => Ok(()),
            errno => Err(Errno(errno)),
        })
    }
}

/// The applier's work. Answers with the refusal, 0 for none.
fn rewrite(change: Change, setting: Option<OwnedFd>) -> i32 {
    let Some(setting) = setting else { return libc::EBADF };
    let mut value = vec![0; 4096];
    let written = rustix::io::pread(&setting, &mut value, 0).and_then(|len| {
        value.truncate(len);
        rustix::io::pwrite(&setting, &change.map_or(value, |digit| vec![digit, b'\n']), 0)
    });
    written.map_or_else(|errno| errno.raw_os_error(), |_| 0)
}

/// Asks about every class, and last about the network's in a namespace of its own. Leaves the process there.
///
/// # Errors
/// When an applier cannot be started, or does not answer.
pub fn proofs() -> Result<Vec<Proof>> {
    have_an_own_run()?;
    let mut proofs = Vec::new();
    let harmless: Vec<Key> = keys::HARMLESS.iter().map(|path| Key::new(path)).collect::<Result<_, _>>()?;
    proofs.push(prove(Class::Root, &harmless)?);
    for class in [Class::SysAdmin, Class::SysRawio, Class::SysPtrace, Class::SysResource] {
        proofs.push(prove(class, &keys::of_class(class)?)?);
    }
    leave_network()?;
    proofs.push(prove(Class::NetAdmin, &keys::of_class(Class::NetAdmin)?)?);
    Ok(proofs)
}

fn prove(class: Class, keys: &[Key]) -> Result<Proof> {
    let profile = applier_of(class);
    let mut proof = Proof { class, keys: 0, written: 0, refused: Vec::new(), escaped: Vec::new(), unasked: None };
    let missing = profile.keep.iter().find(|one| !is_permitted(**one).unwrap_or(false));
    let mut with = match missing {
        Some(capability) => {
            proof.unasked = Some(format!("this machine has no {} to give", capability.name()));
            None
        }
        None => Some(Writer(Writer::fork(profile)?.attest(false)?)),
    };
    let mut without = Writer(Writer::fork(powerless(profile))?.attest(false)?);
    for key in keys {
        let setting = match File::options().read(true).write(true).open(path_of(key)) {
            Ok(setting) => setting,
            // Without the capability it does not even open; that is a refusal, too.
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied && with.is_none() => {
                proof.keys += 1;
                continue;
            }
            Err(_) => continue,
        };
        let mut first = [0; 1];
        if rustix::io::pread(&setting, &mut first, 0).is_err() {
            continue;
        }
        proof.keys += 1;
        match with.as_mut().map(|with| with.write(&setting, None)).transpose()? {
            Some(Err(errno)) => proof.refused.push((key.clone(), errno)),
            Some(Ok(())) => proof.written += 1,
            None => {}
        }
        match without.write(&setting, None)? {
            Err(errno) if is_permission(errno) => {}
            other => proof.escaped.push((key.clone(), other)),
        }
    }
    if proof.keys == 0 {
        proof.unasked = Some("this kernel has no such setting".to_owned());
    }
    Ok(proof)
}

/// What the applier of the network changes, and what it does not, in a namespace of its own.
///
/// # Errors
/// What should not be.
pub fn network_alone() -> Result<String> {
    let mut net = Writer(Writer::fork(&APPLIER_NET)?.attest(false)?);
    let forward = Key::new("net/ipv4/ip_forward")?;
    let setting = File::options().read(true).write(true).open(path_of(&forward))?;
    let before = std::fs::read_to_string(path_of(&forward))?;
    let digit = if before.trim() == "0" { b'1' } else { b'0' };
    if let Err(errno) = net.write(&setting, Some(digit))? {
        bail!("{forward} cannot be written by the applier of the network: {}", errno.name());
    }
    let after = std::fs::read_to_string(path_of(&forward))?;
    ensure!(after.trim().as_bytes() == [digit], "{forward} was to become {}, and is {after}", char::from(digit));
    let elsewhere = ["kernel/hostname", "vm/swappiness", "kernel/kptr_restrict", "kernel/core_pattern"];
    for path in elsewhere {
        let key = Key::new(path)?;
        let setting = File::options().read(true).write(true).open(path_of(&key))?;
        match net.write(&setting, None)? {
            Err(errno) if is_permission(errno) => {}
            other => bail!("the applier of the network wrote {key}: {other:?}"),
        }
    }
    let uid = net.0.observe()?.uids[0];
    Ok(format!(
        "user {uid} changed {forward} from {} to {} in its namespace, and none of {}",
        before.trim(),
        after.trim(),
        elsewhere.join(", ")
    ))
}

/// Prints what was asked and answered. Whether all of it is as the contract says.
///
/// # Errors
/// As [`proofs`].
pub fn report() -> Result<bool> {
    let proofs = proofs()?;
    println!("{:<12} {:>5} {:>8}  the same process without the capability", "class", "keys", "written");
    for Proof { class, keys, written, refused, escaped, unasked } in &proofs {
        let without = match (keys, escaped.is_empty()) {
            (0, _) => "-".to_owned(),
            (_, true) => "refused every time".to_owned(),
            (_, false) => format!("{escaped:?}"),
        };
        println!("{:<12} {keys:>5} {written:>8}  {without}", format!("{class:?}"));
        for (key, errno) in refused {
            println!("{:<12} {key}: {}", "", errno.name());
        }
        if let Some(why) = unasked {
            println!("{:<12} not proven here: {why}", "");
        }
    }
    println!("{}", network_alone()?);
    let proven = proofs.iter().filter(|proof| proof.unasked.is_none()).count();
    let wrong = proofs.iter().filter(|proof| !proof.holds()).count();
    println!("{} classes, {} proven here, {wrong} otherwise than the contract says", proofs.len(), proven);
    Ok(wrong == 0)
}

/// [`report`] as a command.
///
/// # Errors
/// As [`report`].
pub fn command() -> Result<ExitCode> {
    if !rustix::process::geteuid().is_root() {
        eprintln!("error: only root can give capabilities away\n  help: run as root");
        return Ok(ExitCode::from(IMPOSSIBLE));
    }
    Ok(if report()? { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn applier_of(class: Class) -> &'static Profile {
    match class {
        Class::Root => &APPLIER_ROOT,
        Class::NetAdmin => &APPLIER_NET,
        Class::SysAdmin => &APPLIER_ADMIN,
        Class::SysRawio => &APPLIER_RAWIO,
        Class::SysResource => &APPLIER_RESOURCE,
        Class::SysPtrace => &APPLIER_PTRACE,
    }
}

/// The same process without its capability; where being root is all it has, without that.
fn powerless(profile: &Profile) -> &'static Profile {
    let ids = if profile.keep.is_empty() { NOBODY } else { profile.ids };
    Box::leak(Box::new(Profile { name: "powerless", ids, keep: &[], ..*profile }))
}

const NOBODY: Ids = Ids { uid: 65_534, gid: 65_534 };

fn path_of(key: &Key) -> std::path::PathBuf {
    Path::new("/proc/sys").join(key.path())
}

fn is_permission(errno: Errno) -> bool {
    matches!(errno.0, libc::EPERM | libc::EACCES)
}

fn leave_network() -> Result<()> {
    leave_for(libc::CLONE_NEWNET).context("cannot make a network namespace")
}

/// Where the machine has no other place for it, an applier makes its empty root in /run.
fn have_an_own_run() -> Result<()> {
    leave_for(libc::CLONE_NEWNS).context("cannot make mounts of its own")?;
    mount_change("/", MountPropagationFlags::REC | MountPropagationFlags::PRIVATE)
        .context("cannot make mounts private")?;
    mount("tmpfs", "/run", "tmpfs", MountFlags::empty(), Some(c"mode=0755")).context("cannot mount /run")
}
