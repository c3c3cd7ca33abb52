//! Reading a hardware clock beside the machine's (`linux/ptp_clock.h`).
#![allow(unsafe_code, reason = "what an ioctl writes, only its caller knows")]

use core::ffi::c_ulong;
use core::mem::size_of;
use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd};

/// A time as these calls have it (`struct ptp_clock_time`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Time {
    /// Seconds since 1970.
    pub secs: i64,
    /// The rest.
    pub nanos: u32,
    reserved: u32,
}

/// Looks of one call: the fewest of which the best is seldom spoilt by an interruption.
pub(crate) const LOOKS: usize = 5;
/// Most that a call could make (`PTP_MAX_SAMPLES`).
const MOST: usize = 25;

/// Both clocks at the same moment, where the hardware can tell (`struct ptp_sys_offset_precise`).
#[derive(Default)]
#[repr(C)]
pub(crate) struct Precise {
    pub(crate) hardware: Time,
    pub(crate) machine: Time,
    raw: Time,
    reserved: [u32; 4],
}

/// The machine's clock, the hardware's, and the machine's again, each time (`struct ptp_sys_offset_extended`).
#[repr(C)]
pub(crate) struct Extended {
    count: u32,
    reserved: [u32; 3],
    pub(crate) looks: [[Time; 3]; MOST],
}

/// The machine's clock and the hardware's in turn, the machine's first and last (`struct ptp_sys_offset`).
#[repr(C)]
pub(crate) struct Plain {
    count: u32,
    reserved: [u32; 3],
    pub(crate) times: [Time; 2 * MOST + 1],
}

/// Number `number` of these calls, for a structure of this size that is written, and read before if `both`.
const fn request(both: bool, number: c_ulong, size: usize) -> c_ulong {
    let direction: c_ulong = if both { 3 } else { 1 };
    direction << 30 | (size as c_ulong) << 16 | (b'=' as c_ulong) << 8 | number
}

/// `PTP_SYS_OFFSET_PRECISE`
pub(crate) const PRECISE: c_ulong = request(true, 8, size_of::<Precise>());
/// `PTP_SYS_OFFSET_EXTENDED`
pub(crate) const EXTENDED: c_ulong = request(true, 9, size_of::<Extended>());
/// `PTP_SYS_OFFSET`
pub(crate) const PLAIN: c_ulong = request(false, 5, size_of::<Plain>());

pub(crate) fn read_precise(device: BorrowedFd<'_>) -> io::Result<Precise> {
    let mut read = Precise::default();
    // SAFETY: for a request of this number the kernel reads and writes the structure of this size that it is given; it is
    // ours until the call returns, and any bytes are a valid value of it.
    done(unsafe { libc::ioctl(device.as_raw_fd(), PRECISE as _, &raw mut read) })?;
    Ok(read)
}

pub(crate) fn read_extended(device: BorrowedFd<'_>) -> io::Result<Extended> {
    let none = [[Time::default(); 3]; MOST];
    let mut read = Extended { count: LOOKS as u32, reserved: [0; 3], looks: none };
    // SAFETY: as for `read_precise`; the kernel writes no more looks than were asked for.
    done(unsafe { libc::ioctl(device.as_raw_fd(), EXTENDED as _, &raw mut read) })?;
    Ok(read)
}

pub(crate) fn read_plain(device: BorrowedFd<'_>) -> io::Result<Plain> {
    let mut read = Plain { count: LOOKS as u32, reserved: [0; 3], times: [Time::default(); 2 * MOST + 1] };
    // SAFETY: as for `read_precise`; the kernel writes no more times than were asked for.
    done(unsafe { libc::ioctl(device.as_raw_fd(), PLAIN as _, &raw mut read) })?;
    Ok(read)
}

fn done(result: i32) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    // From a C program with the kernel's own header.
    #[test]
    fn the_numbers_are_those_of_the_kernels_header() {
        assert_eq!((PRECISE, EXTENDED, PLAIN), (0xc040_3d08, 0xc4c0_3d09, 0x4340_3d05));
    }
}
