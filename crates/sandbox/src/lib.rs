//! How Orlop's processes give up what they do not need, check each other, and talk.
//!
//! A daemon is a supervisor, a broker and its workers: a [`daemon::Daemon`] says which. The [`supervisor`] starts the others
//! and restarts them. The [`broker`] holds a few capabilities and reads no byte from the network. A [`worker`] parses the
//! network and can do nothing else: it climbs a ladder of types on which each rung takes something away, and only from the
//! last can it read. Every worker, first or restarted, arrives at its broker on the [`roster`].
//!
//! What a process may do is data: a const [`profile::Profile`], with a reason for each system call. What it is
//! really restricted by is data too: a [`posture::Posture`], which the worker claims and the broker compares with
//! what the kernel says, before it grants a descriptor through the [`channel`].
//!
//! Where one capability is worth as much as root, the broker does without it and forks an [`applier`] for it.
//!
//! Start at [`daemon`] and [`profile`], then [`worker`], then [`broker`]. The modules [`channel`], [`packet`], [`datagram`],
//! [`connection`], [`listener`], [`joint`], [`timer`], [`suspend`], [`multicast`], [`folder_watch`] and [`signals`] wrap descriptors safely for tokio
//! loops; `sys` is the only unsafe code of the daemons.
//!
//! Promises: no layer that a profile requires is missing without the process ending with exit code 77, and none
//! that it prefers is missing without a warning and a field of the posture. Nothing is decided by kernel version.

pub mod applier;
pub mod base;
pub mod broker;
pub mod capability;
pub mod channel;
pub mod clock;
pub mod connection;
pub mod daemon;
pub mod datagram;
pub mod device_program;
pub mod fatal;
pub mod folder_watch;
pub mod hardware_clock;
pub mod hypervisor;
pub mod joint;
pub mod landlock;
mod limits;
pub mod listener;
pub mod log;
pub mod multicast;
pub mod packet;
pub mod posture;
pub mod privileges;
pub mod profile;
pub mod relay;
mod root;
pub mod roster;
mod rungs;
pub mod seccomp;
pub mod signals;
pub mod steady;
pub mod supervisor;
pub mod suspend;
#[doc(hidden)]
pub mod sys;
pub mod timer;
pub mod turn;
pub mod worker;
