//! `orlop-container`: the container runtime of a machine that `orlop-init` starts.
//!
//! It takes a bundle as the OCI runtime specification has it (`config.json` and a root file system), makes the container
//! and leaves: `orlop-init`, process 1, becomes the parent of what runs in it. The command line is the part of runc's
//! that an init needs, so that runc, crun or youki can take its place, and it theirs.
//!
//! # Why this runtime
//! The container itself is the work of youki's libcontainer. LinuxKit's form of a bundle with an empty static program in it, in
//! a guest of QEMU without acceleration. Wall time of a runtime's run on two shared cores; and, free of what else these do, the
//! whole container as orlop-init sees it with the guest's clock counting instructions (`-icount shift=1`, the median of ten):
//!
//! | runtime | wall time | by instructions | bytes of its own | C in it |
//! |---|---|---|---|---|
//! | libcontainer 0.7, linked here, static musl | 0.19–0.27 s | 0.05 s | 3.5 MB | none |
//! | crun 1.8 of Debian | 0.51–0.63 s | 0.08 s | 0.5 MB and 5.8 MB of libraries | all of it |
//! | runc 1.1 of Debian | 2.0–2.1 s | 0.25 s | 8.8 MB and 2.3 MB of libraries | its first stage, libseccomp |
//! | youki 0.7, from its package | 0.7 s (not in the same run) | – | 11.3 MB and 3.3 MB of libraries | libseccomp |
//!
//! So the one that leaves no C is also the fastest and, with what it needs, the smallest. It is a program of its own and
//! not a part of process 1, which would end the machine if a library of seventy crates panicked in it.
//!
//! # What it leaves out
//! Terminals, running in the foreground, `pause`, checkpoints. Of `config.json`, seccomp is refused (LinuxKit never
//! writes it; our daemons confine themselves).
//!
//! The list of allowed devices is enforced by [`devices`] and not by libcontainer, whose filter for control groups of version 2
//! is built with C. A kernel that cannot (`CONFIG_CGROUP_BPF`) starts no container.
//!
//! A container that binds the machine's `/dev` gets it from [`whole_dev`]. What of the kernel's files it may not write to is decided by
//! [`kernel_files`]: that is stricter than `config.json`. What it binds from folders that other containers share is looked up by [`sources`], and what it may
//! take of the machine is in [`shares`]. A program that somebody runs in a container that is there already is in [`exec`].
//!
//! Start at [`command_line`], then [`verbs`].
#![forbid(unsafe_code)]

mod as_runc;
mod command_line;
mod devices;
mod exec;
mod groups;
mod kernel_files;
mod shares;
mod sources;
mod verbs;
mod whole_dev;

use std::process::ExitCode;

use orlop_sandbox::fatal::Fatal;
use tracing::level_filters::LevelFilter;

fn main() -> ExitCode {
    // What libcontainer logs as an error it also returns; it is said once.
    orlop_sandbox::log::init("container", LevelFilter::OFF);
    match run() {
        Ok(code) => code,
        Err(fatal) => fatal.report().into(),
    }
}

fn run() -> Result<ExitCode, Fatal> {
    verbs::perform(&command_line::parse(lexopt::Parser::from_env())?)
}
