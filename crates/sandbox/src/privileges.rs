//! Becoming a user, and giving up capabilities.

use rustix::io::Errno;
use rustix::process::{Gid, Pid, Signal, Uid};
use rustix::thread::{CapabilitiesSecureBits, CapabilitySet as RawSet, CapabilitySets};

use crate::capability::{Capability, CapabilitySet, SUPERVISOR};
use crate::fatal::{Exit, Fatal};
use crate::profile::Ids;
use crate::sys;

/// Whether this process may have `capability`: only then can a process that it forks be given it.
///
/// # Errors
/// None on a kernel that works.
pub fn is_permitted(capability: Capability) -> Result<bool, Fatal> {
    Ok(permitted()?.contains([capability].into_iter().collect()))
}

/// Whether this process has what a supervisor needs to give its processes users of their own.
///
/// # Errors
/// None on a kernel that works.
pub fn may_supervise() -> Result<bool, Fatal> {
    Ok(permitted()?.contains(SUPERVISOR.into_iter().collect()))
}

/// Those of `optional` that this process may have.
pub(crate) fn available(optional: &[Capability]) -> Result<CapabilitySet, Fatal> {
    Ok(permitted()?.intersection(optional.iter().copied().collect()))
}

/// Makes sure that this process has all of `needed`, or says which line of the image's YAML grants them.
///
/// # Errors
/// [`Exit::Permission`], with that line as its help.
pub fn require(needed: &[Capability]) -> Result<(), Fatal> {
    let have = permitted()?;
    let missing: Vec<&str> =
        needed.iter().filter(|one| !have.contains([**one].into_iter().collect())).map(|one| one.name()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Fatal::new(Exit::Permission, format!("this process lacks {}", missing.join(", "))).help(grant(needed, have)))
}

/// A line for the image's YAML that works when it is pasted in the place of the one that is there: it takes nothing away that
/// any of our processes could use. (`capabilities.add:` has no effect beside a `capabilities:`.)
fn grant(needed: &[Capability], have: CapabilitySet) -> String {
    let besides = Capability::ALL.into_iter().filter(|one| !needed.contains(one));
    let besides = besides.filter(|one| have.contains([*one].into_iter().collect()));
    let all: Vec<&str> = needed.iter().copied().chain(besides).map(Capability::name).collect();
    format!(
        "in the LinuxKit YAML, instead of its capabilities: line, if it has one:  capabilities: [{}]",
        all.join(", ")
    )
}

/// Becomes `ids`, for ever and with no other group.
pub(crate) fn become_user(ids: Ids) -> Result<(), Fatal> {
    let failed = |what: &'static str| move |errno: Errno| missing(what, Capability::Setuid, errno);
    let (uid, gid) = (Uid::from_raw(ids.uid), Gid::from_raw(ids.gid));
    // These are the calls of one thread; the ladder has made sure that there is no other.
    rustix::thread::set_thread_groups(&[]).map_err(|errno| missing("drop the groups", Capability::Setgid, errno))?;
    rustix::thread::set_thread_res_gid(gid, gid, gid)
        .map_err(|errno| missing("change the group", Capability::Setgid, errno))?;
    rustix::thread::set_thread_res_uid(uid, uid, uid).map_err(failed("change the user"))
}

/// Has the kernel count what this process uses up in the name of `user` from now on. Nothing else depends on its real user.
pub(crate) fn charge_to(user: u32) -> Result<(), Fatal> {
    rustix::thread::set_thread_res_uid(Uid::from_raw(user), None, None)
        .map_err(|errno| missing("change the real user", Capability::Setuid, errno))
}

/// Does `act` with `user` as the real user of this process, and changes back.
pub(crate) fn charged_to<T>(user: u32, act: impl FnOnce() -> T) -> Result<T, Fatal> {
    let own = rustix::process::getuid().as_raw();
    charge_to(user)?;
    let done = act();
    charge_to(own).map(|()| done)
}

/// Shrinks the bounding set to `keep`, so that no program this process could start would have more.
pub(crate) fn bound(keep: CapabilitySet) -> Result<(), Fatal> {
    // To the first number the kernel does not know, not to the last one we know: it may have more than we do.
    for number in 0..=63_u8 {
        if keep.bits() & 1 << number != 0 {
            continue;
        }
        // To look is cheaper than to drop, and the supervisor has dropped most of them.
        match sys::is_bounding(number) {
            Ok(false) => continue,
            Ok(true) => {}
            Err(_) => break,
        }
        match sys::drop_bounding(number) {
            Ok(()) => {}
            Err(errno) => return Err(missing("shrink the bounding set", Capability::Setpcap, errno)),
        }
    }
    Ok(())
}

/// Makes uid 0 an ordinary user: no capability comes from it, or back with it.
pub(crate) fn lock_secure_bits() -> Result<(), Fatal> {
    let bits = CapabilitiesSecureBits::NO_ROOT
        | CapabilitiesSecureBits::NO_ROOT_LOCKED
        | CapabilitiesSecureBits::NO_SETUID_FIXUP
        | CapabilitiesSecureBits::NO_SETUID_FIXUP_LOCKED
        | CapabilitiesSecureBits::KEEP_CAPS_LOCKED
        | CapabilitiesSecureBits::NO_CAP_AMBIENT_RAISE
        | CapabilitiesSecureBits::NO_CAP_AMBIENT_RAISE_LOCKED;
    rustix::thread::set_capabilities_secure_bits(bits)
        .map_err(|errno| missing("lock the secure bits", Capability::Setpcap, errno))
}

/// Holds `permitted` from now on, and only `effective` of them in force. Nothing is inheritable or ambient.
pub(crate) fn hold(effective: CapabilitySet, permitted: CapabilitySet) -> Result<(), Fatal> {
    rustix::thread::clear_ambient_capability_set()
        .map_err(|errno| Fatal::os("cannot drop ambient capabilities", errno))?;
    let sets =
        CapabilitySets { effective: raw(effective), permitted: raw(permitted), inheritable: raw(CapabilitySet::EMPTY) };
    rustix::thread::set_capabilities(None, sets).map_err(|errno| Fatal::os("cannot drop capabilities", errno))
}

pub(crate) fn forbid_new_privileges() -> Result<(), Fatal> {
    rustix::thread::set_no_new_privs(true).map_err(|errno| Fatal::os("cannot set no_new_privs", errno))
}

/// Dies when `parent` does. Changing the user takes this back, so it comes after.
pub(crate) fn die_with(parent: Option<Pid>) -> Result<(), Fatal> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))
        .map_err(|errno| Fatal::os("cannot ask to die with the process that started this one", errno))?;
    // It may have died just before.
    if rustix::process::getppid() == parent {
        return Ok(());
    }
    Err(Fatal::new(Exit::Os, "the process that started this one is gone"))
}

fn raw(set: CapabilitySet) -> RawSet {
    RawSet::from_bits_retain(set.bits())
}

fn permitted() -> Result<CapabilitySet, Fatal> {
    rustix::thread::capabilities(None)
        .map(|sets| CapabilitySet::from_bits(sets.permitted.bits()))
        .map_err(|errno| Fatal::os("cannot read the capabilities of this process", errno))
}

/// `what` failed, most likely for want of `capability`.
pub(crate) fn missing(what: &str, capability: Capability, errno: Errno) -> Fatal {
    let fatal = Fatal::new(Exit::Permission, format!("cannot {what}")).cause(errno);
    match errno {
        Errno::PERM => fatal.help(format!("in the LinuxKit YAML, add {} to  capabilities:", capability.name())),
        _ => fatal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_capability_is_answered_with_the_line_that_grants_it() {
        let fatal = missing("change the user", Capability::Setuid, Errno::PERM);
        assert_eq!(fatal.exit, Exit::Permission);
        assert!(fatal.help.as_deref().is_some_and(|help| help.contains("CAP_SETUID")), "{fatal}");
    }

    #[test]
    fn the_line_that_is_to_be_pasted_takes_nothing_away() {
        use Capability::{Kill, NetAdmin, NetRaw, SysAdmin, SysTime};
        let chown = CapabilitySet::from_bits(1);
        for (what, have, want) in [
            ("nothing there", CapabilitySet::EMPTY, "[CAP_NET_ADMIN, CAP_KILL]"),
            (
                "LinuxKit's dhcpcd",
                [NetAdmin, SysAdmin].into_iter().collect(),
                "[CAP_NET_ADMIN, CAP_KILL, CAP_SYS_ADMIN]",
            ),
            (
                "only others",
                [SysTime, NetRaw].into_iter().collect(),
                "[CAP_NET_ADMIN, CAP_KILL, CAP_NET_RAW, CAP_SYS_TIME]",
            ),
            ("what no process of ours uses", chown, "[CAP_NET_ADMIN, CAP_KILL]"),
            ("all but one", [NetAdmin].into_iter().collect(), "[CAP_NET_ADMIN, CAP_KILL]"),
        ] {
            let line = grant(&[NetAdmin, Kill], have);
            assert!(line.ends_with(&format!("  capabilities: {want}")), "{what}: {line}");
        }
    }
}
