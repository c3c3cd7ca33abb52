//! The rungs that the ladders of workers and appliers have in common.

use std::fs::File;

use rustix::process::Pid;

use crate::fatal::{Exit, Fatal};
use crate::landlock::{self, Reach};
use crate::posture::{Posture, Status};
use crate::profile::{Need, Profile, Root};
use crate::seccomp::Filters;
use crate::{limits, privileges, root, sys};

/// Becomes the profile's user, with its capabilities and no other, in an empty root, under its limits, and dies with
/// `parent` from now on.
pub(crate) fn drop_user(profile: &Profile, parent: Option<Pid>) -> Result<(), Fatal> {
    let layers = profile.layers;
    let keep = profile.capabilities();
    let wanted = |need| need != Need::Off;
    if wanted(layers.limits) {
        limits::apply(profile.limits)?;
    }
    if wanted(layers.root) && profile.root == Root::Empty {
        root::enter_empty()?;
    }
    if wanted(layers.bounding) {
        privileges::bound(keep)?;
    }
    if layers.capabilities == Need::Require {
        privileges::lock_secure_bits()?;
    }
    if wanted(layers.ids) {
        privileges::become_user(profile.ids)?;
    }
    if wanted(layers.capabilities) {
        privileges::hold(keep, keep)?;
    }
    if wanted(layers.no_new_privs) {
        privileges::forbid_new_privileges()?;
    }
    // Changing the user has made the process dumpable again and has taken back that it dies with its parent.
    if wanted(layers.limits) {
        limits::refuse_debuggers()?;
    }
    privileges::die_with(parent)
}

/// Puts Landlock and the system call filters in force. `status` is this process's `/proc/self/status`.
pub(crate) fn lock(profile: &Profile, status: File, filters: &Filters) -> Result<Posture, Fatal> {
    let landlock = landlock::restrict(profile.landlock.need, Reach::default())?;
    let file = status;
    let status = Status::read(&file).map_err(|cause| Fatal::os("cannot read /proc/self/status", cause))?;
    drop(file);
    if status.threads != 1 {
        // Landlock and the filters bind the thread that asks for them, and no other.
        return Err(Fatal::new(Exit::Software, format!("{} threads before the lock", status.threads)));
    }
    let posture = Posture {
        status: Status {
            filtered: status.filtered || filters.count() > 0,
            filters: status.filters + filters.count(),
            ..status
        },
        allowed: filters.allowed(),
        denied: filters.denied(),
        landlock,
        empty_root: profile.root == Root::Empty && profile.layers.root != Need::Off,
        limited: limits::in_force(profile.limits),
        open_files: sys::open_files(),
    };
    filters.install()?;
    Ok(posture)
}

/// Opens this process's `/proc/self/status`, which an empty root hides.
pub(crate) fn own_status() -> Result<File, Fatal> {
    File::open("/proc/self/status").map_err(|cause| {
        Fatal::new(Exit::Permission, "cannot open /proc/self/status").cause(cause).help("mount /proc in the container")
    })
}

/// Does once what libraries do on first use and would need other system calls for.
pub(crate) fn warm() {
    // The standard library asks the kernel for the keys of its hash maps.
    let _keys = std::hash::RandomState::new();
    // The allocator sets itself up: a small block and one that it maps.
    for size in [1 << 10, 1 << 20] {
        core::hint::black_box(Vec::<u8>::with_capacity(size));
    }
    // The clock looks for its page in the process.
    let _now = crate::clock::now();
}
