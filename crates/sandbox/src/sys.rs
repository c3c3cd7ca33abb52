//! The unsafe wrappers: the only unsafe code of the daemons.
//!
//! What rustix offers safely is used from there. Here is what it lacks: starting a program by descriptor, closing
//! a range of descriptors, installing a filter, programs for devices, reading hardware clocks, protecting what was relocated, packet sockets, and
//! registering a descriptor with tokio.

mod hardware_clock;
mod inherited;
mod process;
mod program;
mod reactor;
mod relocated;
mod socket;

/// The system call and flag numbers of this architecture, for tables.
#[doc(hidden)]
pub use libc as numbers;

pub use hardware_clock::Time;
pub(crate) use hardware_clock::{EXTENDED, LOOKS, PLAIN, PRECISE, read_extended, read_plain, read_precise};
pub(crate) use inherited::{open_files, take_inherited, with_descriptor};
pub(crate) use process::{
    Spawn, Waited, block_signals, close_from, default_child_signal, default_fault_signals, drop_bounding, fork,
    ignore_limits, install_filter, is_bounding, reap, set_name, signal_descriptor, spawn, wait_for_child,
};
#[doc(hidden)]
pub use program::Instruction;
pub(crate) use program::{attach as attach_program, load as load_program};
pub(crate) use reactor::Watched;
pub(crate) use relocated::protect_relocated;
pub(crate) use socket::{
    AuxiliaryData, attach_filter, bind_packet, lock_filter, pass_rights, recv_packet, recv_stamped,
    request_auxiliary_data, request_times, send_packet,
};
