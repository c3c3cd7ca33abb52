//! What runc does beside the specification, and images count on.

use std::io;
use std::os::fd::{AsFd as _, BorrowedFd};

use libcontainer::oci_spec::runtime::{Process, Spec};
use rustix::fs::{FileType, Gid, Uid};

/// Where programs are looked for that are named without a path, if the image does not say: as engines have it.
const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Gives the container's program a `PATH`, if it has none.
pub(crate) fn give_path(spec: &mut Spec) {
    let Some(mut process) = spec.process().clone() else { return };
    let mut environment = process.env().clone().unwrap_or_default();
    if environment.iter().any(|variable| variable.starts_with("PATH=")) {
        return;
    }
    environment.push(PATH.to_owned());
    process.set_env(Some(environment));
    spec.set_process(Some(process));
}

/// Makes the pipes at the container's standard streams its user's: so it can open `/dev/stdout`, which leads there.
pub(crate) fn give_streams(process: &Process) {
    let user = process.user();
    let (input, output, errors) = (io::stdin(), io::stdout(), io::stderr());
    for stream in [input.as_fd(), output.as_fd(), errors.as_fd()] {
        give(stream, user.uid(), user.gid());
    }
}

fn give(stream: BorrowedFd<'_>, user: u32, group: u32) {
    // A device such as `/dev/null` is everybody's.
    let is_pipe = rustix::fs::fstat(stream).is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Fifo);
    if is_pipe {
        // Who may not only has what it had.
        let _ = rustix::fs::fchown(stream, Some(Uid::from_raw(user)), Some(Gid::from_raw(group)));
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::MetadataExt as _;

    use serde_json::{Value, json};

    use super::*;

    fn environment(of: &Value) -> (bool, Vec<String>) {
        let mut spec: Spec = serde_json::from_value(json!({
            "ociVersion": "1.0.2", "root": {"path": "rootfs"},
            "process": {"cwd": "/", "args": ["/x"], "user": {"uid": 0, "gid": 0}, "env": of},
        }))
        .unwrap();
        let before = spec.clone();
        give_path(&mut spec);
        let has_changed = spec != before;
        (has_changed, spec.process().as_ref().unwrap().env().clone().unwrap_or_default())
    }

    #[test]
    fn a_program_without_a_path_gets_one_and_another_keeps_its_own() {
        for (what, of, want) in [
            ("none", json!(null), &[PATH][..]),
            ("others", json!(["A=PATH=/x"]), &["A=PATH=/x", PATH]),
            ("its own", json!(["PATH=/x"]), &["PATH=/x"]),
            ("an empty one", json!(["PATH="]), &["PATH="]),
        ] {
            let (has_changed, got) = environment(&of);
            assert_eq!(got, want, "{what}");
            assert_eq!(has_changed, want.last() == Some(&PATH), "{what}");
        }
    }

    #[test]
    fn a_pipe_is_given_and_what_is_everybodys_is_not() {
        let (read, _write) = io::pipe().unwrap();
        give(read.as_fd(), 1000, 1001);
        let stat = rustix::fs::fstat(&read).unwrap();
        // Only root may give anything away.
        if rustix::process::geteuid().is_root() {
            assert_eq!((stat.st_uid, stat.st_gid), (1000, 1001));
        } else {
            assert_eq!(stat.st_uid, rustix::process::geteuid().as_raw());
        }
        let null = fs::File::open("/dev/null").unwrap();
        give(null.as_fd(), 1000, 1001);
        assert_eq!(null.metadata().unwrap().uid(), 0);
    }
}
