//! What kernel and hypervisor say of times at which the machine did not run: it slept, or it was restored from a snapshot. Either makes
//! its clock uncertain. A machine that is only paused hears nothing, and finds it out at the next answer of a server.

use std::io;
use std::path::Path;
use std::time::Duration;

use orlop_machine::Instant;
use orlop_ntp_contract::Occasion;
use orlop_sandbox::clock;
use orlop_sandbox::multicast::{Heard, Multicast};
use orlop_sandbox::suspend::Suspend;
use tracing::{info, warn};

use crate::disruption::{DEVICE, Disruption};

/// Waits for the end of such a time. Without one of the three, the others are heard.
#[derive(Debug)]
pub struct Interruption {
    suspend: Option<Suspend>,
    changes: Option<Multicast>,
    disruption: Option<Disruption>,
    /// When the machine was last said to be restored, by whichever of the two.
    restored_at: Option<Instant>,
    buffer: [u8; DATAGRAM],
}

/// Longest event of the kernel: its path and 2048 bytes of what has changed (`UEVENT_BUFFER_SIZE`).
const DATAGRAM: usize = 4096;

/// What kernel and hypervisor say within this time is the same: everybody was asked just now.
const SAME: Duration = Duration::from_secs(1);

/// What the driver of the virtual machine generation identifier says when there is another one. Linux 6.8 had this and later
/// ones took it back, so that it is heard on kernels that keep it, as Amazon's do.
const RESTORED: &[u8] = b"NEW_VMGENID=1";

impl Interruption {
    /// To be done before the sandbox narrows, inside a tokio runtime.
    #[must_use]
    pub fn watch() -> Self {
        let suspend = Suspend::watch().inspect_err(|cause| warn!(%cause, "a suspend is not heard of")).ok();
        let changes =
            Multicast::changes().inspect_err(|cause| warn!(%cause, "a restored snapshot is not heard of")).ok();
        let disruption = Disruption::watch(Path::new(DEVICE)).unwrap_or_else(|cause| {
            warn!(%cause, "{DEVICE} is not looked at");
            None
        });
        if disruption.is_some() {
            info!("{DEVICE} is watched");
        }
        Self { suspend, changes, disruption, restored_at: None, buffer: [0; DATAGRAM] }
    }

    /// Waits until there was one, and says what it was. Cancelling loses nothing.
    ///
    /// # Errors
    /// None on a kernel that works.
    pub async fn over(&mut self) -> io::Result<Occasion> {
        let Self { suspend, changes, disruption, restored_at, buffer } = self;
        loop {
            let said = tokio::select! {
                slept = slept(suspend) => {
                    info!(secs = slept?.as_secs(), "the machine was suspended");
                    return Ok(Occasion::Suspend);
                }
                restored = restored(changes, buffer) => restored.map(|()| "the machine was restored from a snapshot"),
                disrupted = disrupted(disruption) => disrupted.map(|()| "the machine was restored, or moved to another host"),
            }?;
            if is_news(restored_at, clock::now()) {
                info!("{said}");
                return Ok(Occasion::Restore);
            }
        }
    }
}

async fn slept(suspend: &mut Option<Suspend>) -> io::Result<std::time::Duration> {
    match suspend {
        Some(suspend) => suspend.over().await,
        None => std::future::pending().await,
    }
}

/// Whether what is said now is not what was said just before.
fn is_news(restored_at: &mut Option<Instant>, now: Instant) -> bool {
    restored_at.replace(now).is_none_or(|at| now.since(at) > SAME)
}

async fn disrupted(disruption: &mut Option<Disruption>) -> io::Result<()> {
    match disruption {
        Some(disruption) => disruption.over().await,
        None => std::future::pending().await,
    }
}

async fn restored(changes: &Option<Multicast>, buffer: &mut [u8]) -> io::Result<()> {
    let Some(changes) = changes else { return std::future::pending().await };
    loop {
        match changes.recv(buffer).await? {
            Heard::Datagram(length) if is_restored(buffer.get(..length).unwrap_or_default()) => return Ok(()),
            // What is lost was one of many events of other devices. If not, the next answer of a server tells.
            Heard::Datagram(_) | Heard::Lost => {}
        }
    }
}

/// Whether an event of the kernel says that the machine goes on from a snapshot.
fn is_restored(event: &[u8]) -> bool {
    event.split(|byte| *byte == 0).any(|field| field == RESTORED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_kernel_and_hypervisor_say_at_the_same_time_is_said_once() {
        let mut restored_at = None;
        for (millis, want) in [(5, true), (300, false), (1000, false), (2001, true)] {
            assert_eq!(is_news(&mut restored_at, Instant::from_nanos(millis * 1_000_000)), want, "{millis}");
        }
    }

    #[test]
    fn another_generation_is_told_from_all_other_changes() {
        for (what, event, want) in [
            ("another generation", &b"change@/devices/x\0ACTION=change\0NEW_VMGENID=1\0SEQNUM=7\0"[..], true),
            ("without the last zero byte", b"change@/devices/x\0NEW_VMGENID=1", true),
            ("a disk", b"change@/devices/x\0ACTION=change\0DISK_MEDIA_CHANGE=1\0", false),
            ("asked for by writing to a file", b"change@/devices/x\0SYNTH_ARG_NEW_VMGENID=1\0", false),
            ("something longer", b"change@/devices/x\0NEW_VMGENID=10\0", false),
            ("cut off", b"change@/devices/x\0NEW_VMGENID=", false),
            ("nothing", b"", false),
        ] {
            assert_eq!(is_restored(event), want, "{what}");
        }
    }
}
