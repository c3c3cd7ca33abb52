//! A machine of its own for tests that must not touch the kernel they run on.
//!
//! [`Machine`] boots Debian's kernel under QEMU, without acceleration and as any user, on an initramfs of [`Files`] that the
//! test names. Its first process is this package's guest program (`src/guest.rs`): it does the [`Step`]s that the test
//! gives it, one after the other, writes a [`Report`] of each to the second serial line, and ends the machine. The first
//! serial line is the kernel's console, which is shown when something goes wrong. A boot takes about four seconds.
//!
//! What is left out: disks, networks, modules, and more than one processor, with which QEMU's emulation of static keys
//! makes Linux fall over now and then.
#![forbid(unsafe_code)]

mod archive;
mod build;
mod kernel;
mod machine;
mod script;

pub use archive::Files;
pub use kernel::Kernel;
pub use machine::Machine;
pub use script::{ONLY, Record, Report, SCRIPT, Step, perform};
