//! One frame through the socket, with the descriptors that belong to it.

use core::mem::MaybeUninit;
use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags,
};

use super::ChannelError;

/// The descriptors that came with a frame.
#[derive(Debug)]
pub(crate) struct Descriptors {
    fds: Vec<OwnedFd>,
    /// There were more than were accepted.
    cut: bool,
}

impl Descriptors {
    /// No descriptor came.
    pub(super) const fn none() -> Self {
        Self { fds: Vec::new(), cut: false }
    }

    /// All of them.
    ///
    /// # Errors
    /// There were more than were accepted.
    pub(crate) fn whole(self) -> Result<Vec<OwnedFd>, ChannelError> {
        if self.cut { Err(ChannelError::Surplus) } else { Ok(self.fds) }
    }

    /// All of them, where there are `accepted` at most.
    ///
    /// # Errors
    /// There were more.
    pub(crate) fn at_most(self, accepted: usize) -> Result<Vec<OwnedFd>, ChannelError> {
        let fds = self.whole()?;
        if fds.len() > accepted { Err(ChannelError::Surplus) } else { Ok(fds) }
    }
}

/// More descriptors than this never come with a frame: a quarter of what the kernel takes (`SCM_MAX_FD`, 253).
pub const MAX_DESCRIPTORS: usize = 64;
/// What all but a bundle has room in.
const FEW: usize = 3;

/// Receives one frame and returns its real length. Of its descriptors about `accepted` are taken, and at least as many;
/// without a control buffer the kernel drops them.
pub(crate) fn receive(
    socket: BorrowedFd<'_>,
    frame: &mut [u8],
    accepted: usize,
    flags: RecvFlags,
) -> Result<(usize, Descriptors), Errno> {
    // TRUNC as an input makes the kernel return the length of the whole frame.
    let flags = flags | RecvFlags::TRUNC | RecvFlags::CMSG_CLOEXEC;
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
    let room = match accepted {
        0 => 0,
        1 => rustix::cmsg_space!(ScmRights(1)),
        2..=FEW => rustix::cmsg_space!(ScmRights(FEW)),
        _ => space.len(),
    };
    let mut control = RecvAncillaryBuffer::new(space.split_at_mut(room).0);
    let received = rustix::net::recvmsg(socket, &mut [IoSliceMut::new(frame)], &mut control, flags)?;
    let fds = control
        .drain()
        .filter_map(|message| if let RecvAncillaryMessage::ScmRights(fds) = message { Some(fds) } else { None })
        .flatten()
        .collect();
    let cut = accepted > 0 && received.flags.contains(ReturnFlags::CTRUNC);
    Ok((received.bytes, Descriptors { fds, cut }))
}

/// Sends one frame with at most [`MAX_DESCRIPTORS`] descriptors.
pub(crate) fn transmit(
    socket: BorrowedFd<'_>,
    frame: &[u8],
    fds: &[BorrowedFd<'_>],
    flags: SendFlags,
) -> Result<(), Errno> {
    let flags = flags | SendFlags::NOSIGNAL;
    if fds.is_empty() {
        // `send` and not `sendmsg`: the only way out that a worker's filter leaves.
        return rustix::net::send(socket, frame, flags).map(|_whole| ());
    }
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let fits = control.push(SendAncillaryMessage::ScmRights(fds));
    debug_assert!(fits, "there is room for {MAX_DESCRIPTORS} descriptors");
    rustix::net::sendmsg(socket, &[IoSlice::new(frame)], &mut control, flags).map(|_whole| ())
}
