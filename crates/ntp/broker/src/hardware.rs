//! This machine's hardware clock (PHC), where it has one that shows the time.
//!
//! Only one whose name says that it shows UTC is taken unasked: that of a network card shows what somebody has set it to, and
//! often another scale of time.

use std::io;

use orlop_ntp_contract::{Look, Reading, Utc};
use orlop_sandbox::clock;
use orlop_sandbox::hardware_clock::{self, HardwareClock, Time};

use crate::clock::{self as wall, Clock};

/// Clocks of hosts, by which virtual machines see the time: of KVM, Hyper-V, VMware, and the one that QEMU and others have in
/// memory.
pub const OF_HOSTS: [&str; 4] = ["KVM virtual PTP", "hyperv", "ptp_vmw", "vmclock"];

/// A clock to read.
#[derive(Debug)]
pub enum Hardware {
    /// A device.
    Device(HardwareClock),
    /// For a clock in a file, the machine's own is what a host's clock is for a virtual machine.
    Machine,
}

impl Hardware {
    /// Opens the clock of this name, or, when none is named, one of a host. To be done before the sandbox narrows.
    ///
    /// # Errors
    /// There is none, or its device is not in this container.
    pub fn find(name: Option<&str>, kept: &Clock) -> io::Result<Self> {
        match kept {
            Clock::Mock(_) => Ok(Self::Machine),
            Clock::Machine => {
                let is_wanted = |known: &str| name.map_or_else(|| OF_HOSTS.contains(&known), |name| name == known);
                HardwareClock::find(is_wanted).map(Self::Device)
            }
        }
    }

    /// What it is called.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Device(device) => device.name(),
            Self::Machine => "the machine's clock",
        }
    }

    /// Reads it, and the clock that is kept right.
    ///
    /// # Errors
    /// The driver refuses, or shows no time that could be.
    pub fn read(&self, kept: &Clock) -> io::Result<Reading> {
        let looks = match self {
            Self::Device(device) => device.looks()?.into_iter().filter_map(look).collect(),
            Self::Machine => vec![Look { before: kept.now(), hardware: wall::machine(), after: kept.now() }],
        };
        Reading::best(clock::now(), looks).ok_or_else(|| io::Error::other("the hardware clock shows no time"))
    }
}

fn look(look: hardware_clock::Look) -> Option<Look> {
    let hardware_clock::Look { before, hardware, after } = look;
    Some(Look { before: utc(before)?, hardware: utc(hardware)?, after: utc(after)? })
}

/// `None` before 1970 and for what is no time.
fn utc(time: Time) -> Option<Utc> {
    let nanos = time.secs.checked_mul(1_000_000_000)?.checked_add(time.nanos.into())?;
    Utc::from_nanos(nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_time_is_not_looked_at() {
        for (what, secs, nanos, want) in [
            ("1970", 0, 7, Utc::from_nanos(7)),
            ("before", -1, 0, None),
            ("after the end", i64::MAX, 0, None),
            ("now", 1_795_305_600, 5, Utc::from_nanos(1_795_305_600_000_000_005)),
        ] {
            let mut time = Time::default();
            (time.secs, time.nanos) = (secs, nanos);
            assert_eq!(utc(time), want, "{what}");
        }
    }

    #[test]
    fn beside_a_clock_in_a_file_the_machines_own_is_the_hardware() {
        let folder = orlop_testbed::Folder::new("hardware-clock");
        let path = folder.0.join("clock");
        // An hour behind.
        let now = wall::machine().nanos();
        std::fs::write(&path, format!("{now} {} 0\n", now - 3_600_000_000_000)).unwrap();
        let kept = Clock::Mock(crate::clock::Mock::open(&path).unwrap());
        let reading = Hardware::find(None, &kept).unwrap().read(&kept).unwrap();
        let off = reading.offset.nanos() - 3_600_000_000_000;
        assert!(off.unsigned_abs() <= u64::try_from(reading.delay.as_nanos()).unwrap(), "{reading:?}");
    }
}
