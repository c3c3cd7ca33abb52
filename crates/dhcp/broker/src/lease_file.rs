//! A lease on its way from one process to the next: from `onboot` to the service, and over a restart.
//!
//! `/run/orlop/dhcp/lease.IFACE` is small TOML that a person can read. It is believed only as far as it can be: of the
//! same boot, for the same hardware address, and with its times in order. From another boot, the address is kept as a
//! wish and nothing else, because `CLOCK_BOOTTIME` began anew. A file that says anything else is not a lease file.

mod stored;

use std::io;
use std::os::fd::BorrowedFd;

use orlop_dhcp_contract::{HardwareAddr, Lease, NameError, Remembered, Term};
use orlop_machine::Instant;
use orlop_wholefile::{self as whole_file, InPlace};
use orlop_wire::InterfaceName;
use orlop_wire::Str;
use stored::Stored;

/// Largest file that is read, in bytes: every list full of the longest entries comes to less than 9,000.
pub const MAX_FILE: usize = 16_384;

/// What a lease file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handover {
    /// In which boot the times were taken.
    pub boot: BootId,
    /// On which interface the lease was in force.
    pub interface: InterfaceName,
    /// For which hardware address.
    pub hardware: HardwareAddr,
    /// The lease.
    pub lease: Lease,
}

impl Handover {
    /// Reads the text of a lease file.
    ///
    /// # Errors
    /// It is not one.
    pub fn parse(text: &str) -> Result<Self, LeaseFileError> {
        if text.len() > MAX_FILE {
            return Err(LeaseFileError::Large);
        }
        let stored: Stored = toml::from_str(text).map_err(|error| {
            // The message may quote the file, which is not ours to trust: keep its first line, and little of it.
            LeaseFileError::Syntax(Str::truncated(error.message().lines().next().unwrap_or_default()))
        })?;
        stored.try_into()
    }

    /// The text of the file.
    #[must_use]
    pub fn render(&self) -> String {
        let body = toml::to_string(&Stored::from(self)).expect("the stored form is a plain table");
        format!("# Written by orlop-dhcp for its next process. Times are nanoseconds since boot.\n{body}")
    }

    /// What a worker may make of this, on a link with this hardware address, during this boot; `in_force` says whether
    /// the kernel has the address on that link.
    ///
    /// # Errors
    /// The lease belongs to another interface.
    pub fn remember(
        self,
        interface: &InterfaceName,
        hardware: HardwareAddr,
        boot: &BootId,
        now: Instant,
        in_force: bool,
    ) -> Result<Remembered, LeaseFileError> {
        if self.interface != *interface || self.hardware != hardware {
            return Err(LeaseFileError::OtherLink);
        }
        if self.boot == *boot && self.lease.term.acquired() <= now {
            return Ok(Remembered { lease: self.lease, in_force });
        }
        // Its times mean nothing here. An expired lease is a wish for the same address, and no right to it.
        let over = Term::Finite { acquired: now, renew_at: now, rebind_at: now, expires_at: now };
        Ok(Remembered { lease: Lease { term: over, ..self.lease }, in_force: false })
    }
}

/// Reads the lease file of an interface in the folder `dir`; `None` when there is none.
///
/// # Errors
/// It cannot be read, or is not a lease file. Begin afresh then.
pub fn load(dir: BorrowedFd<'_>, interface: &InterfaceName) -> Result<Option<Handover>, LeaseFileError> {
    match whole_file::read(dir, &name(interface), MAX_FILE) {
        Ok(text) if text.trim_end() == NOTHING => Ok(None),
        Ok(text) => Handover::parse(&text).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::FileTooLarge => Err(LeaseFileError::Large),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Err(LeaseFileError::NotText),
        Err(error) => Err(LeaseFileError::Io(error.raw_os_error().unwrap_or(0))),
    }
}

/// The lease file of an interface, whose room is taken before there is a lease: nobody who fills the folder keeps one from the
/// next process. A lease with very long lists may need more than
/// [`orlop_wholefile::BLOCK`].
#[derive(Debug)]
pub struct LeaseFile(InPlace);

impl LeaseFile {
    /// That of this interface.
    #[must_use]
    pub fn of(interface: &InterfaceName) -> Self {
        Self(InPlace::new(name(interface), MODE))
    }

    /// Opens it in the folder `dir`, and takes its room. What it says stays.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn take_room(&mut self, dir: BorrowedFd<'_>) -> io::Result<()> {
        self.0.take_room(dir)?;
        let old = self.0.content(dir, MAX_FILE)?;
        if old.length == 0 {
            self.0.put(dir, &old, NOTHING.as_bytes())?;
        }
        Ok(())
    }

    /// Keeps a lease in it.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn store(&mut self, dir: BorrowedFd<'_>, handover: &Handover) -> io::Result<()> {
        self.say(dir, &handover.render())
    }

    /// The lease is over. The room stays.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn clear(&mut self, dir: BorrowedFd<'_>) -> io::Result<()> {
        self.say(dir, NOTHING)
    }

    fn say(&mut self, dir: BorrowedFd<'_>, text: &str) -> io::Result<()> {
        let old = self.0.content(dir, MAX_FILE)?;
        self.0.put(dir, &old, text.as_bytes())?;
        Ok(())
    }
}

/// What a file says in which no lease is.
const NOTHING: &str = "# Written by orlop-dhcp, which has no lease for this interface.";
/// Nobody else needs to know which addresses a host had.
const MODE: u32 = 0o600;

/// Removes the lease file of an interface from the folder `dir`.
///
/// # Errors
/// The kernel refuses.
pub fn forget(dir: BorrowedFd<'_>, interface: &InterfaceName) -> io::Result<()> {
    whole_file::remove(dir, &name(interface))
}

fn name(interface: &InterfaceName) -> String {
    format!("lease.{interface}")
}

/// Which boot of which machine this is: a random UUID that the kernel draws at start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BootId(Str<36>);

impl BootId {
    /// Where the kernel says it.
    pub const PATH: &str = "/proc/sys/kernel/random/boot_id";

    /// The boot with this id; `None` when the text is not a UUID. Space around it is dropped.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        let is_uuid = text.len() == 36
            && text.bytes().enumerate().all(|(at, byte)| match at {
                8 | 13 | 18 | 23 => byte == b'-',
                _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
            });
        Str::new(text).filter(|_| is_uuid).map(Self)
    }

    /// The boot that we are in. Read it before the broker locks itself in.
    ///
    /// # Errors
    /// There is no `/proc`, or not Linux's.
    pub fn current() -> io::Result<Self> {
        Self::new(&std::fs::read_to_string(Self::PATH)?).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

/// Why a file is no lease to go by.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LeaseFileError {
    /// Longer than any lease.
    #[error("the lease file is larger than {MAX_FILE} bytes")]
    Large,
    /// Not UTF-8.
    #[error("the lease file is not UTF-8 text")]
    NotText,
    /// Not TOML, a key missing or too many, or a value of the wrong kind.
    #[error("the lease file does not read: {0}")]
    Syntax(Str<200>),
    /// Written by another version.
    #[error("the lease file has version {0}, this program writes version {VERSION}", VERSION = stored::VERSION)]
    Version(u32),
    /// A value that no lease has.
    #[error("the lease file has an impossible value for {0}")]
    Value(&'static str),
    /// A name that no lease has.
    #[error("the lease file has an impossible name for {key}: {why}")]
    Name {
        /// The key that holds the name.
        key: &'static str,
        /// What is wrong with it.
        why: NameError,
    },
    /// A list longer than a lease keeps.
    #[error("the lease file has too many entries for {0}")]
    TooMany(&'static str),
    /// The lease was for another interface or hardware address.
    #[error("the lease file is about another interface")]
    OtherLink,
    /// The kernel does not let us read it.
    #[error("the lease file cannot be read (os error {0})")]
    Io(i32),
}

#[cfg(test)]
mod tests;
