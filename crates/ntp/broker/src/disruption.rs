//! What the hypervisor says of times at which the machine did not run: it goes on from a snapshot, or at another host.
//!
//! The device `vmclock0` (`linux/vmclock-abi.h`) is a page that the hypervisor writes. In it is a number that becomes another one with
//! each such time. A read gives a moment at which the hypervisor was not writing; that is the kernel's to see to.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;

use orlop_sandbox::clock;
use orlop_sandbox::timer::BootTimer;
use rustix::fs::{Mode, OFlags, open};
use rustix::io::pread;

/// The device, where the hypervisor has it.
pub const DEVICE: &str = "/dev/vmclock0";

/// How often it is looked at. To be woken by the device takes a kernel of 2026 and a hypervisor that rings; this costs a read of 24
/// bytes, and only where there is such a device.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Waits for the number to become another one.
#[derive(Debug)]
pub struct Disruption {
    device: File,
    timer: BootTimer,
    marker: u64,
}

impl Disruption {
    /// Opens the device. `None` where there is none. To be done before the sandbox narrows, inside a tokio runtime.
    ///
    /// # Errors
    /// It is there and cannot be opened, or is something else.
    pub fn watch(device: &Path) -> io::Result<Option<Self>> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::NOCTTY;
        let device: OwnedFd = match open(device, flags, Mode::empty()).map_err(io::Error::from) {
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened?,
        };
        let device = File::from(device);
        let marker = marker(&device)?;
        let timer = BootTimer::new()?;
        timer.set(Some(clock::now().after(LOOK_EVERY)))?;
        Ok(Some(Self { device, timer, marker }))
    }

    /// Waits until there was such a time. Cancelling loses nothing.
    ///
    /// # Errors
    /// None on a kernel that works.
    pub async fn over(&mut self) -> io::Result<()> {
        loop {
            self.timer.expired().await?;
            self.timer.set(Some(clock::now().after(LOOK_EVERY)))?;
            // The hypervisor may be writing for long, and the device may go: the next look tells.
            let Ok(marker) = marker(&self.device) else { continue };
            if std::mem::replace(&mut self.marker, marker) != marker {
                return Ok(());
            }
        }
    }
}

/// `VMCLOCK_MAGIC`, and the version that this is written for.
const MAGIC: [u8; 4] = 0x4b4c_4356_u32.to_le_bytes();
const VERSION: [u8; 2] = 1_u16.to_le_bytes();

/// The number of `struct vmclock_abi`: after magic, size, version, two small fields and the counter of updates, all of them
/// little-endian.
fn marker(device: &File) -> io::Result<u64> {
    let mut page = [0; 24];
    let length = pread(device, &mut page, 0)?;
    let [m0, m1, m2, m3, _, _, _, _, v0, v1, _, _, _, _, _, _, marker @ ..] = page;
    if length < page.len() || [m0, m1, m2, m3] != MAGIC || [v0, v1] != VERSION {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it is no vmclock of version 1"));
    }
    Ok(u64::from_le_bytes(marker))
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::fs;
    use std::task::Poll;

    fn page(marker: u64) -> Vec<u8> {
        let mut page = Vec::new();
        page.extend(b"VCLK");
        page.extend(4096_u32.to_le_bytes());
        page.extend([1, 0, 1, 0]);
        page.extend(2_u32.to_le_bytes());
        page.extend(marker.to_le_bytes());
        page.resize(4096, 0xff);
        page
    }

    #[test]
    fn another_number_is_told_once_and_nothing_else_is() {
        let folder = orlop_testbed::Folder::new("disruption");
        let device = folder.0.join("vmclock0");
        fs::write(&device, page(7)).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
        runtime.block_on(async {
            let mut disruption = Disruption::watch(&device).unwrap().expect("a device");
            fs::write(&device, page(9)).unwrap();
            disruption.over().await.unwrap();
            // A look that yields nothing is followed by another one.
            fs::write(&device, b"").unwrap();
            let looks = |disruption: &mut Disruption| disruption.timer.set(Some(clock::now()));
            looks(&mut disruption).unwrap();
            {
                let mut over = std::pin::pin!(disruption.over());
                std::future::poll_fn(|context| {
                    assert!(over.as_mut().poll(context).is_pending());
                    Poll::Ready(())
                })
                .await;
            }
            fs::write(&device, page(8)).unwrap();
            disruption.over().await.unwrap();
            assert_eq!(disruption.marker, 8, "it need not grow");
        });
    }

    #[test]
    fn what_is_no_such_device_is_not_watched() {
        let folder = orlop_testbed::Folder::new("no-disruption");
        let at = |name: &str| folder.0.join(name);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
        let _inside = runtime.enter();
        assert!(Disruption::watch(&at("none")).unwrap().is_none());
        let mut later = page(7);
        later[8] = 2;
        for (name, content) in
            [("empty", &[][..]), ("short", &page(7)[..23]), ("of another kind", &[0; 64]), ("later", &later)]
        {
            fs::write(at(name), content).unwrap();
            assert!(Disruption::watch(&at(name)).is_err(), "{name}");
        }
        fs::write(at("whole"), page(7)).unwrap();
        assert!(Disruption::watch(&at("whole")).unwrap().is_some(), "control");
        std::os::unix::fs::symlink(at("whole"), at("link")).unwrap();
        assert!(Disruption::watch(&at("link")).is_err(), "a link");
    }
}
