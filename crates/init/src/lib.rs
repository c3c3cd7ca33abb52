//! `orlop-init`: process 1 of a machine that `orlop-image assemble` has put together from a LinuxKit specification.
//!
//! It does what LinuxKit's init does with busybox, a shell, two Go programs and containerd, in one program: file systems,
//! modules, host name and loopback; `onboot` containers one after the other, **each with a deadline**; `services`, supervised
//! and started again; `onshutdown`, and the way off. It has no shell and no login, starts no program but the container
//! runtime, and reads no byte from the network.
//!
//! - What is to be done is decided in [`boot`], a machine without clock or kernel, and planned in [`setup`],
//!   [`preparation`] and [`modules`]. Start reading at [`boot::Boot::handle`].
//! - What is done is in [`run`] (the loop), [`root`] and [`early`] (mounts), [`lives`] (containers), [`host`] and [`off`].
//! - `/run/orlop/boot.json` says what happened when; the same is shown on the console at the end of onboot ([`record`]).
//!
//! The runtime is another program, `orlop-container`, and may be any with runc's command line (`orlop.runtime=` on the
//! kernel's command line): `crates/container` says why it is this one. A panic there costs a container; here it would
//! cost the machine.
//!
//! Left out of what LinuxKit's init does: `/etc/init.d`, hotplug after boot, the hardware clock (the kernel sets the time from
//! it), memlogd's socket, `runtime.interfaces` (`orlop-image assemble` refuses it, and here a container that asks for it fails,
//! and says so), cgroup version 1, and two containers at once in one control group: to end one would end the other.
//!
//! Promises: nothing that a container does or leaves undone holds up the boot beyond its deadline; no file that a container
//! can fill is without a bound; the console is never waited for; the machine goes off at most about a minute after its services, whatever
//! a disk or a server does. What process 1 needs later it opens before the first container ([`lives`], [`run`]); its own state is
//! where no container gets by binding a folder ([`setup::PRIVATE`]); what may wait for a file system is done by threads
//! ([`errands`], [`logs`], [`off`]).
//!
//! Not promised, because the specification gives it away: a container with uid 0 and `pid: host` may tell process 1 to end the
//! machine; one that has `/run` may put links where the specification makes folders for later containers; one that has `/` and
//! asks for a `rootfsPropagation` other than the default sees everything; and each container's file systems in memory are
//! bounded, but not all together (`resources.memory` is).
#![forbid(unsafe_code)]

pub mod boot;
mod bounds;
pub mod bundles;
pub mod button;
pub mod condition;
pub mod console;
pub mod container;
pub mod early;
pub mod errands;
pub mod files;
pub mod first;
pub mod groups;
pub mod host;
pub mod lines;
pub mod lives;
pub mod log_file;
pub mod log_names;
pub mod logs;
pub mod modules;
pub mod off;
pub mod preparation;
pub mod record;
pub mod root;
pub mod run;
pub mod runtime;
pub mod settings;
pub mod setup;
pub mod stream;
pub mod volumes;
