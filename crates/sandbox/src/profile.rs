//! What one process may do, as plain data: one const [`Profile`] per role of each daemon.
//!
//! A profile is read by the ladder that enforces it, by the broker that checks the result, and by the tests that
//! remove one piece at a time and watch an attack come through. So every field is public, and a daemon asserts
//! [`Profile::incomplete`] at start instead of trusting a constructor.

use crate::capability::{Capability, CapabilitySet};

mod slots;
mod tables;

pub use slots::{
    APPLIER_SLOTS, BROKER_SLOTS, CHANNEL_SLOT, FIRST_LISTENER, FIRST_REQUEST_SLOT, JOINT, JOINT_SLOT, LISTENER_SLOTS,
    READY_SLOT, ROSTER_SLOT, WORKER_SLOTS, request_slot,
};
pub use tables::{join, spared, without};

/// Everything that one process is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Profile {
    /// What it is called in logs, in `ps` and in the posture report.
    pub name: &'static str,
    /// Its part in the daemon.
    pub role: Role,
    /// User and group it runs as.
    pub ids: Ids,
    /// Capabilities it keeps. A worker keeps none, an applier at most one.
    pub keep: &'static [Capability],
    /// File descriptors it is started with; every other number is closed.
    pub slots: &'static [Slot],
    /// System calls it may make; any other fails with `ENOSYS`.
    pub syscalls: &'static [Rule],
    /// System calls that end it at once: what no correct version of it, or of its C library, ever makes.
    pub denied: &'static [Denied],
    /// What it sees as `/`.
    pub root: Root,
    /// Resource limits.
    pub limits: Limits,
    /// What Landlock shall enforce, and whether it must.
    pub landlock: Landlock,
    /// How much each of the other layers is needed. A daemon's profiles all say [`Layers::ALL`], or, where it needs no
    /// privilege at all, [`Layers::UNPRIVILEGED`].
    pub layers: Layers,
}

/// The part that a process plays in its daemon, which decides what it may have at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Reads what strangers wrote. It has no capability and no path.
    Worker,
    /// Acts on what its worker asks.
    Broker,
    /// Does one thing that needs one capability, for its broker, on descriptors that it is handed. It has no path.
    Applier,
}

/// Whether a layer must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Without it the process ends with [`Exit::Permission`](crate::fatal::Exit::Permission).
    Require,
    /// Without it the process warns, says so in its posture, and goes on.
    Prefer,
    /// Not tried. Only in the mutants of a test: such a profile is incomplete.
    Off,
}

/// A user and a group, by number: images have no passwd file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ids {
    /// User id.
    pub uid: u32,
    /// Group id; there are no supplementary groups.
    pub gid: u32,
}

/// One file descriptor that a process is started with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// Its number.
    pub fd: i32,
    /// What must be open there.
    pub kind: Kind,
    /// What the process does with it.
    pub usage: Usage,
    /// Why it has it.
    pub why: &'static str,
}

/// What is open in a [`Slot`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Anything: what the container runtime gave us.
    Any,
    /// `/dev/null`.
    Null,
    /// One end of a pipe.
    Pipe,
    /// One end of a `SOCK_SEQPACKET` pair: the channel between broker and worker, the roster, a joint.
    Channel,
    /// An eventfd.
    Request,
}

/// What a process does with a [`Slot`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Usage {
    /// Nothing: it only keeps the number from being used for something else.
    Placeholder,
    /// It reads.
    Read,
    /// It writes.
    Write,
    /// It sends and receives messages.
    Both,
}

/// One allowed system call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// Which.
    pub syscall: Syscall,
    /// With which arguments: any one of these alternatives, each of which is met when all its pins are.
    /// None at all means any arguments.
    pub pins: &'static [&'static [Pin]],
    /// Why the process needs it, or why it stays although the tests do not notice its absence.
    pub why: &'static str,
}

/// One system call that ends the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Denied {
    /// Which.
    pub syscall: Syscall,
    /// What an intruder would want with it.
    pub why: &'static str,
}

/// A system call of the architecture this is compiled for. Written with [`syscall!`](crate::syscall).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Syscall {
    /// Name in the kernel's table.
    pub name: &'static str,
    /// Number in the kernel's table.
    pub number: i64,
}

impl Syscall {
    /// From the name of the libc constant, `SYS_` included.
    #[doc(hidden)]
    #[must_use]
    pub const fn from_constant(constant: &'static str, number: i64) -> Self {
        Self { name: constant.split_at("SYS_".len()).1, number }
    }
}

/// A system call by the name of its constant: `syscall!(SYS_close)`.
#[macro_export]
macro_rules! syscall {
    ($constant:ident) => {
        $crate::profile::Syscall::from_constant(stringify!($constant), $crate::sys::numbers::$constant)
    };
}

/// What one argument of a system call must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pin {
    /// Which argument, from 0.
    pub arg: u8,
    /// What it must be.
    pub is: Value,
}

/// The values a [`Pin`] accepts. The kernel reads an `int` argument as 32 bits, whatever the register holds
/// above them, and a pointer or `long` as 64: a comparison of the wrong width can be walked around.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value {
    /// This `int`: a file descriptor, a command.
    Int(u32),
    /// An unsigned `int` no greater than this.
    AtMost(u32),
    /// An unsigned `int` no smaller than this.
    AtLeast(u32),
    /// This `long`.
    Long(u64),
    /// A null pointer.
    Null,
    /// A `long` that has no bit beyond these.
    Within(u64),
}

impl Rule {
    /// The call with any arguments.
    #[must_use]
    pub const fn any(syscall: Syscall, why: &'static str) -> Self {
        Self { syscall, pins: &[], why }
    }

    /// The call with arguments that meet one of these alternatives.
    #[must_use]
    pub const fn when(syscall: Syscall, pins: &'static [&'static [Pin]], why: &'static str) -> Self {
        Self { syscall, pins, why }
    }
}

impl Pin {
    /// Argument `arg`, from 0, is such a value.
    #[must_use]
    pub const fn new(arg: u8, is: Value) -> Self {
        Self { arg, is }
    }

    /// Argument 0 is this file descriptor.
    #[must_use]
    pub const fn fd(fd: i32) -> Self {
        Self { arg: 0, is: Value::Int(fd.cast_unsigned()) }
    }
}

/// What a process sees as `/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Root {
    /// An empty directory that nobody can write to.
    Empty,
    /// The root it was started with.
    Keep,
}

/// Resource limits, soft and hard alike; they can never be raised again. Where the process was started with a lower
/// one, that stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// `RLIMIT_NOFILE`: one more than the highest file descriptor number.
    pub open_files: u64,
    /// `RLIMIT_FSIZE`, bytes of the largest file it may write.
    pub file_size: u64,
    /// `RLIMIT_NPROC`: processes and threads of its user. Does not bind uid 0.
    pub processes: u64,
    /// `RLIMIT_MEMLOCK`, bytes.
    pub locked_memory: u64,
    /// `RLIMIT_MSGQUEUE`, bytes.
    pub queued_bytes: u64,
    /// `RLIMIT_AS`, bytes of address space: bounds what a leak can take from the machine.
    pub address_space: u64,
}

impl Limits {
    /// A worker: it writes no file, starts no process and holds few descriptors.
    pub const WORKER: Self = Self {
        open_files: 64,
        file_size: 0,
        processes: 0,
        locked_memory: 0,
        queued_bytes: 0,
        // A static binary maps about 2 MB; the rest is room for what a daemon caches.
        address_space: 256 << 20,
    };
    /// No limit.
    pub const NONE: u64 = u64::MAX;
    /// A broker. It writes small files, but its log may be a file of any length: a write beyond a limit of
    /// [`Limits::file_size`] would end it.
    pub const BROKER: Self = Self {
        open_files: 256,
        file_size: Self::NONE,
        processes: 0,
        locked_memory: 0,
        queued_bytes: 0,
        address_space: 512 << 20,
    };
}

/// What Landlock shall do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Landlock {
    /// Whether it must. LinuxKit's own kernels have no Landlock, so a daemon says [`Need::Prefer`] and its
    /// user may raise that to [`Need::Require`].
    pub need: Need,
    /// What it allows.
    pub spec: LandlockSpec,
}

/// What Landlock allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LandlockSpec {
    /// No file, no TCP connection, no abstract socket and no signal beyond the process itself.
    Nothing,
    /// The paths that the broker names when it narrows itself, and nothing else of the above.
    NamedPaths,
}

/// How much each layer is needed, except Landlock's (see [`Landlock::need`]). A daemon requires them all; a test
/// switches one off and sees what comes through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layers {
    /// Own user and group, no supplementary groups.
    pub ids: Need,
    /// No capabilities but those of [`Profile::keep`], in any set but the bounding one; secure bits locked.
    pub capabilities: Need,
    /// None in the bounding set either.
    pub bounding: Need,
    /// `no_new_privs`.
    pub no_new_privs: Need,
    /// [`Profile::root`].
    pub root: Need,
    /// [`Profile::limits`], no core dumps and not dumpable.
    pub limits: Need,
    /// No descriptor open but the slots.
    pub close_others: Need,
    /// The filter that kills.
    pub denied: Need,
    /// The filter that allows.
    pub allowed: Need,
}

impl Layers {
    /// Every layer, and no process without it.
    pub const ALL: Self = Self {
        ids: Need::Require,
        capabilities: Need::Require,
        bounding: Need::Require,
        no_new_privs: Need::Require,
        root: Need::Require,
        limits: Need::Require,
        close_others: Need::Require,
        denied: Need::Require,
        allowed: Need::Require,
    };

    /// What a process without any capability can do to itself, for a daemon that only reads what its user may read. It stays that
    /// user, in its root, and the bounding set stays; it holds no capability, though what keeps one from coming back with uid 0,
    /// the secure bits, cannot be locked: `no_new_privs` and the filters are what holds. No applier has it.
    pub const UNPRIVILEGED: Self =
        Self { ids: Need::Off, capabilities: Need::Prefer, bounding: Need::Off, root: Need::Off, ..Self::ALL };
}

impl Profile {
    /// What is missing for a daemon to run under this profile, or `None` when it is whole.
    #[must_use]
    pub fn incomplete(&self) -> Option<&'static str> {
        let is_ordinary = self.layers == Layers::UNPRIVILEGED && self.role != Role::Applier && self.keep.is_empty();
        let missing = [
            (self.name.is_empty(), "it has no name"),
            (self.layers != Layers::ALL && !is_ordinary, "a layer is not required"),
            (self.landlock.need == Need::Off, "Landlock is off"),
            (!self.slots.iter().any(|slot| slot.kind == Kind::Channel), "it has no slot for the channel"),
            (self.syscalls.is_empty(), "it allows no system call"),
            (self.syscalls.iter().any(|rule| rule.why.is_empty()), "a rule has no reason"),
            (self.denied.is_empty(), "it denies no system call"),
            (self.syscalls.iter().any(|rule| self.denies(rule.syscall)), "a system call is both allowed and denied"),
            (self.role == Role::Worker && self.ids.uid == 0, "a worker is root"),
            (self.role == Role::Worker && !self.keep.is_empty(), "a worker keeps a capability"),
            (self.role == Role::Applier && self.keep.len() > 1, "an applier keeps more than one capability"),
            (self.role != Role::Broker && self.root != Root::Empty, "a worker or an applier keeps its root"),
            (self.role != Role::Broker && self.landlock.spec != LandlockSpec::Nothing, "Landlock leaves it paths"),
        ];
        missing.into_iter().find_map(|(is, what)| is.then_some(what))
    }

    /// Whether a daemon may run under this profile.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.incomplete().is_none()
    }

    /// Whether it may make the call of this name, with whatever arguments.
    #[must_use]
    pub fn allows(&self, name: &str) -> bool {
        self.syscalls.iter().any(|rule| rule.syscall.name == name)
    }

    /// Whether making this call ends the process.
    #[must_use]
    pub fn denies(&self, syscall: Syscall) -> bool {
        self.denied.iter().any(|denied| denied.syscall.number == syscall.number)
    }

    /// The capabilities it keeps.
    #[must_use]
    pub fn capabilities(&self) -> CapabilitySet {
        self.keep.iter().copied().collect()
    }

    /// The eventfd with which tokio wakes the process's own loop: the second descriptor that is opened.
    pub(crate) fn wake_fd(&self) -> i32 {
        self.last_slot() + 2
    }

    /// The numbers that are kept for what a worker is granted first.
    pub(crate) fn kept_numbers(&self) -> impl Iterator<Item = i32> {
        self.slots.iter().filter(|slot| slot.fd > CHANNEL_SLOT && slot.kind == Kind::Null).map(|slot| slot.fd)
    }

    /// The highest descriptor number among its slots.
    pub(crate) fn last_slot(&self) -> i32 {
        self.slots.iter().map(|slot| slot.fd).max().unwrap_or(2)
    }
}

#[cfg(test)]
mod tests;
