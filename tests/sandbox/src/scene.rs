//! What an attacker finds: the descriptors it was granted and the neighbours it could harm.

use std::ffi::CString;

use orlop_fleet::dialect::{self, Dialect};

use crate::syscall::Errno;

/// Everything an attack may aim at. The arena fills in the numbers, the attacking process the descriptors it received.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scene {
    /// A root process that stands in for the broker.
    pub broker: i32,
    /// Where that process keeps a secret in its memory.
    pub secret_at: usize,
    /// Index of the interface the packet listener is bound to.
    pub ifindex: i32,
    /// Port of a TCP listener on 127.0.0.1.
    pub tcp_port: u16,
    /// Makes this run's frames distinguishable from every other run's.
    pub nonce: u32,
    /// A file handle of the secret file, for `open_by_handle_at`: (type, bytes).
    pub handle: Handle,
    /// What may be said on the channel: a place among all dialects.
    pub dialect: usize,
    /// The descriptors beside the channel.
    pub grants: Grants,
}

/// What `name_to_handle_at` gave for the secret file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Handle {
    /// Length of the part of `bytes` in use.
    pub len: u32,
    /// The file system's own type number.
    pub kind: i32,
    /// The file system's opaque name of the file.
    pub bytes: [u8; 16],
}

/// The descriptors an attacker holds besides the channel. More than any daemon grants: the attack is to be as strong as can be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Grants {
    /// A UDP listener of the machine's own device: the first that is granted, as to a worker that listens.
    pub answering: i32,
    /// The same over IPv6: the second.
    pub answering_6: i32,
    /// The packet listener on the veth.
    pub packet: i32,
    /// A packet listener on the loopback, which needs no address to send to.
    pub loopback: i32,
    /// A connected UDP socket.
    pub udp: i32,
    /// An unconnected UDP socket.
    pub open_udp: i32,
    /// A file: a tiny executable with this run's mark at its end.
    pub file: i32,
    /// The reading end of a pipe that holds this run's mark.
    pub pipe_out: i32,
    /// The writing end of another pipe.
    pub pipe_in: i32,
    /// Another network namespace.
    pub netns: i32,
    /// A directory outside the worker's root.
    pub directory: i32,
}

impl Grants {
    /// How many descriptors are handed over.
    pub const COUNT: usize = 11;

    /// Names the descriptors in the order they were received.
    #[must_use]
    pub fn received(fds: [i32; Self::COUNT]) -> Self {
        let [answering, answering_6, udp, open_udp, file, pipe_out, pipe_in, netns, directory, packet, loopback] = fds;
        Self { answering, answering_6, packet, loopback, udp, open_udp, file, pipe_out, pipe_in, netns, directory }
    }
}

/// The attacker's end of its channel, in every profile.
pub const CHANNEL: i32 = 3;
/// The attacker's standard error.
pub const STDERR: i32 = 2;
/// A file that was left open over the exec by mistake.
pub const LEAKED_FILE: i32 = 30;
/// A socket with a secret in its queue that was left open over the exec by mistake.
pub const LEAKED_SOCKET: i32 = 31;
/// Bytes in a [`Scene::mark`].
pub const MARK_LEN: usize = 12;

/// Whether `mark` is anywhere in `bytes`.
#[must_use]
pub fn carries(bytes: &[u8], mark: [u8; MARK_LEN]) -> bool {
    bytes.windows(MARK_LEN).any(|part| part == mark)
}

impl Scene {
    /// The bytes whose appearance outside means that this run's attack has spoken to the world.
    #[must_use]
    pub fn mark(&self) -> [u8; MARK_LEN] {
        self.numbered(*b"ORLOPATK")
    }

    /// The bytes of a frame that passes by, and that the worker has no business hearing.
    #[must_use]
    pub fn bait(&self) -> [u8; MARK_LEN] {
        self.numbered(*b"PASSERBY")
    }

    /// What may be said on the channel.
    #[must_use]
    pub fn dialect(&self) -> &'static Dialect {
        dialect::ALL.get(self.dialect).unwrap_or(&dialect::ALL[0])
    }

    fn numbered(&self, name: [u8; 8]) -> [u8; MARK_LEN] {
        let mut mark = [0; MARK_LEN];
        for (slot, byte) in mark.iter_mut().zip(name.into_iter().chain(self.nonce.to_be_bytes())) {
            *slot = byte;
        }
        mark
    }

    /// The scene as one command line argument: a worker's environment is empty.
    #[must_use]
    pub fn to_argument(&self) -> String {
        let Self { broker, secret_at, ifindex, tcp_port, nonce, handle, dialect, grants: _ } = self;
        let bytes: Vec<String> = handle.bytes.iter().map(u8::to_string).collect();
        let bytes = bytes.join(".");
        format!("{broker},{secret_at},{ifindex},{tcp_port},{nonce},{dialect},{},{},{bytes}", handle.len, handle.kind)
    }

    /// Reads [`Scene::to_argument`] back.
    #[must_use]
    pub fn from_argument(text: &str) -> Option<Self> {
        let mut fields = text.split(',');
        let mut scene = Self {
            broker: fields.next()?.parse().ok()?,
            secret_at: fields.next()?.parse().ok()?,
            ifindex: fields.next()?.parse().ok()?,
            tcp_port: fields.next()?.parse().ok()?,
            nonce: fields.next()?.parse().ok()?,
            dialect: fields.next()?.parse().ok()?,
            ..Self::default()
        };
        scene.handle.len = fields.next()?.parse().ok()?;
        scene.handle.kind = fields.next()?.parse().ok()?;
        let mut bytes = fields.next()?.split('.');
        for slot in &mut scene.handle.bytes {
            *slot = bytes.next()?.parse().ok()?;
        }
        Some(scene)
    }

    /// A path below the stand-in broker's directory in `/proc`.
    ///
    /// # Errors
    /// Never in practice: the path has no NUL.
    pub fn of_broker(&self, what: &str) -> Result<CString, Errno> {
        CString::new(format!("/proc/{}/{what}", self.broker)).map_err(|_| Errno(libc::EINVAL))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scene_survives_the_command_line() {
        let scene = Scene {
            broker: 7,
            secret_at: 0x7fff_1234,
            ifindex: 3,
            tcp_port: 4711,
            nonce: 0xdead_beef,
            handle: Handle { len: 12, kind: 1, bytes: [9; 16] },
            dialect: 2,
            grants: Grants::default(),
        };
        assert_eq!(Scene::from_argument(&scene.to_argument()), Some(scene));
        assert_eq!(Scene::from_argument("1,2,3"), None, "a scene with missing fields");
    }
}
