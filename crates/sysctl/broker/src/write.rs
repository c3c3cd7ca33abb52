//! What an applier does: read a setting, write it, read it again.
//!
//! It runs in a process that can do nothing else, and has no opinion: the broker judges what it says.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use orlop_sysctl_contract::{Access, Job, Trial, Want, Wrote, is_comparable, is_in_force};
use rustix::io::Errno;

use crate::reading::{again, reading};

/// Does `job` with the open file of a setting.
#[must_use]
pub fn work(job: Job, setting: Option<OwnedFd>) -> Trial {
    // The broker never forgets it; if it did, this is what the kernel would say.
    let Some(setting) = setting else {
        return Trial { before: None, wrote: Wrote::Refused(Errno::BADF.raw_os_error()), after: None };
    };
    tried(job, setting.as_fd())
}

/// Does `job`, but writes nothing.
pub(crate) fn looked(job: &Job, setting: BorrowedFd<'_>) -> Trial {
    tried(Job { dry: true, ..job.clone() }, setting)
}

fn tried(job: Job, setting: BorrowedFd<'_>) -> Trial {
    let Job { want, access, dry, insist } = job;
    let before = if access == Access::WriteOnly { None } else { reading(&setting) };
    let in_force = before.as_deref().is_some_and(|now| is_in_force(&want, now));
    let may_write = !dry && access.may_write() && is_comparable(&want, before.as_deref());
    if !may_write || (in_force && !insist) {
        return Trial { before, wrote: Wrote::No, after: None };
    }
    let wrote = write(setting, &want);
    let is_written = matches!(wrote, Wrote::Whole | Wrote::Short);
    let after = if is_written && access == Access::ReadWrite { reading(&setting) } else { None };
    Trial { before, wrote, after }
}

/// All of it in one `write` at the beginning: the kernel would take a second one for a second value. Only of a list that is
/// longer than a page it takes a page at a time, and says so by taking almost a page: `proc_do_large_bitmap` (kernel/sysctl.c)
/// adds what follows at its place to what it has.
fn write(setting: BorrowedFd<'_>, want: &Want) -> Wrote {
    let line = want.line();
    let mut at = 0;
    loop {
        let rest = line.as_bytes().get(at..).unwrap_or_default();
        match again(|| rustix::io::pwrite(setting, rest, at as u64)) {
            Ok(len) if len == rest.len() => return Wrote::Whole,
            Ok(len) if len >= ALMOST_A_PAGE => at += len,
            Ok(_) => return Wrote::Short,
            Err(_) if at > 0 => return Wrote::Short,
            Err(errno) => return Wrote::Refused(errno.raw_os_error()),
        }
    }
}

/// The smallest page, without the numbers of a range that may be cut at its end: they have 22 bytes at most.
const ALMOST_A_PAGE: usize = 4096 - 32;

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use orlop_sysctl_contract::{MAX_READING, Value};
    use orlop_testbed::Folder;
    use orlop_wire::Str;
    use rustix::fs::{Mode, OFlags};

    use super::*;

    fn open(path: &Path, access: Access) -> Option<OwnedFd> {
        let flags = match access {
            Access::ReadWrite => OFlags::RDWR,
            Access::ReadOnly | Access::MountedReadOnly => OFlags::RDONLY,
            Access::WriteOnly => OFlags::WRONLY,
        };
        Some(rustix::fs::open(path, flags, Mode::empty()).unwrap())
    }

    fn exactly(value: &str) -> Want {
        Want::Exactly(Value::new(value).unwrap())
    }

    fn text(text: &str) -> Option<Str<MAX_READING>> {
        Str::new(text)
    }

    #[test]
    fn a_setting_is_read_written_and_read_again() {
        let folder = Folder::new("work");
        let path = folder.0.join("key");
        use Access::{ReadOnly, ReadWrite, WriteOnly};
        for (what, want, access, dry, trial, content) in [
            ("another value", exactly("2"), ReadWrite, false, (text("1\n"), Wrote::Whole, text("2\n")), "2\n"),
            ("the same value", exactly("1"), ReadWrite, false, (text("1\n"), Wrote::No, None), "1\n"),
            ("only looking", exactly("2"), ReadWrite, true, (text("1\n"), Wrote::No, None), "1\n"),
            ("read-only", exactly("2"), ReadOnly, false, (text("1\n"), Wrote::No, None), "1\n"),
            ("a trigger", exactly("2"), WriteOnly, false, (None, Wrote::Whole, None), "2\n"),
            ("at least", Want::AtLeast(7), ReadWrite, false, (text("1\n"), Wrote::Whole, text("7\n")), "7\n"),
            ("at least what it is", Want::AtLeast(0), ReadWrite, false, (text("1\n"), Wrote::No, None), "1\n"),
            ("nothing", exactly(""), ReadWrite, false, (text("1\n"), Wrote::Whole, text("\n\n")), "\n\n"),
        ] {
            fs::write(&path, "1\n").unwrap();
            let (before, wrote, after) = trial;
            let got = work(Job { want, access, dry, insist: false }, open(&path, access));
            assert_eq!(got, Trial { before, wrote, after }, "{what}");
            assert_eq!(fs::read_to_string(&path).unwrap(), content, "{what}");
        }
    }

    #[test]
    fn what_is_wanted_at_least_is_not_written_over_what_is_no_number() {
        let folder = Folder::new("list");
        let path = folder.0.join("key");
        for content in ["4096\t87380\t6291456\n", "max\n", ""] {
            fs::write(&path, content).unwrap();
            let job = Job { want: Want::AtLeast(1), access: Access::ReadWrite, dry: false, insist: false };
            assert_eq!(work(job, open(&path, Access::ReadWrite)).wrote, Wrote::No, "{content:?}");
            assert_eq!(fs::read_to_string(&path).unwrap(), content);
        }
    }

    #[test]
    fn the_same_value_is_written_where_it_has_to_stay() {
        let folder = Folder::new("insist");
        let path = folder.0.join("key");
        fs::write(&path, "1\n").unwrap();
        let job = Job { want: exactly("1"), access: Access::ReadWrite, dry: false, insist: true };
        let again = Trial { before: text("1\n"), wrote: Wrote::Whole, after: text("1\n") };
        assert_eq!(work(job.clone(), open(&path, Access::ReadWrite)), again);
        let looked = work(Job { dry: true, ..job }, open(&path, Access::ReadWrite));
        assert_eq!(looked.wrote, Wrote::No, "only looking");
    }

    #[test]
    fn what_the_kernel_refuses_is_said_with_its_number() {
        // A descriptor that can only be read.
        let folder = Folder::new("refused");
        fs::write(folder.0.join("key"), "1\n").unwrap();
        let job = Job { want: exactly("2"), access: Access::ReadWrite, dry: false, insist: false };
        let trial = work(job.clone(), open(&folder.0.join("key"), Access::ReadOnly));
        assert_eq!(trial.wrote, Wrote::Refused(Errno::BADF.raw_os_error()));
        assert_eq!(trial.after, None);
        assert_eq!(work(job, None).wrote, Wrote::Refused(Errno::BADF.raw_os_error()), "no descriptor at all");
    }

    #[test]
    fn a_long_or_strange_value_is_cut_and_shown() {
        let folder = Folder::new("long");
        for (what, content, want) in [
            ("long", vec![b'x'; MAX_READING + 100], Some("x".repeat(MAX_READING))),
            ("no UTF-8", b"a\xffb".to_vec(), Some("a\u{fffd}b".to_owned())),
            ("an empty text", b"\n".to_vec(), Some("\n".to_owned())),
            ("nothing, not even an empty text", Vec::new(), None),
        ] {
            fs::write(folder.0.join("key"), content).unwrap();
            let job = Job { want: exactly("1"), access: Access::ReadOnly, dry: true, insist: false };
            let trial = work(job, open(&folder.0.join("key"), Access::ReadOnly));
            assert_eq!(trial.before.as_deref(), want.as_deref(), "{what}");
        }
    }
}
