//! Machines of its own for tests that must not touch the kernel they run on, and for specs that are booted.
//!
//! All run Debian's kernels under QEMU, without acceleration and as any user ([`Kernel`], [`Emulator`]), on x86-64 or 64-bit
//! ARM. There are two kinds:
//!
//! - [`Machine`] has the [`Files`] that a test names, and this package's guest program (`src/guest.rs`) as its first process:
//!   it does the [`Step`]s that the test gives it, one after the other, and ends the machine.
//! - [`Assembled`] is what `orlop-image assemble` makes of LinuxKit specs, booted as it stands, with networks of
//!   namespaces ([`Network`]) or QEMU's own. [`Probe`] puts the guest program into it as a container that may look at everything.
//!
//! Either way the guest writes a [`Report`] of each step to a second serial line (on ARM, a virtio console), whose last line
//! says that it is complete. That is the verdict: a kernel that panics also makes QEMU end with 0, and cannot write that line. (QEMU's `isa-debug-exit`
//! is not used: it wants a process that writes to I/O ports, and the cloud kernels have no `/dev/port`.)
//!
//! What is left out: disks that can be written, and more than one processor, with which QEMU's emulation of static keys makes
//! Linux fall over now and then.
#![forbid(unsafe_code)]

mod script;

#[cfg(feature = "host")]
mod apt;
#[cfg(feature = "host")]
mod assembled;
#[cfg(feature = "host")]
mod build;
#[cfg(feature = "host")]
mod emulator;
#[cfg(feature = "host")]
mod files;
#[cfg(feature = "host")]
mod image;
#[cfg(feature = "host")]
mod kernel;
#[cfg(feature = "host")]
mod machine;
#[cfg(feature = "host")]
mod meeting;
#[cfg(feature = "host")]
mod network;
#[cfg(feature = "host")]
mod probe;
#[cfg(feature = "host")]
mod pvh;
#[cfg(feature = "host")]
mod qmp;

#[cfg(feature = "host")]
pub use apt::Apt;
#[cfg(feature = "host")]
pub use assembled::{Assembled, Images};
#[cfg(feature = "host")]
pub use build::programs;
#[cfg(feature = "host")]
pub use emulator::{Emulator, Nic, processor_time};
#[cfg(feature = "host")]
pub use files::Files;
#[cfg(feature = "host")]
pub use image::{Image, put_folder};
#[cfg(feature = "host")]
pub use kernel::{Kernel, Line};
#[cfg(feature = "host")]
pub use machine::Machine;
#[cfg(feature = "host")]
pub use meeting::{Arrived, Meeting};
#[cfg(feature = "host")]
pub use network::Network;
#[cfg(feature = "host")]
pub use probe::Probe;
#[cfg(feature = "host")]
pub use qmp::Qmp;
pub use script::{
    BOMB, CONTAINERS, FULL, ONLY, POWEROFF, RIGHT, Record, Report, SCRIPT, STEP, STEPS, Step, bomb, perform,
};
