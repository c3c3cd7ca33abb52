//! Messages to frames and back.
//!
//! A message of most types is one frame. Of a type that may be longer than [`MAX_FRAME`], every message begins with its
//! length, and has as many frames as that takes, all of them full but the last: so each message has one form here, too, and
//! who receives it knows what is to come before making room for it.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Mutex, PoisonError};

use orlop_wire::{MaxSize, decode, encode, encoded_size, max_size};

use super::{ChannelError, Descriptors, Frames, Message, Received};

/// Bytes of a frame, at most: far below what a socket takes (212 kB by default), and enough for all but the longest requests
/// of a daemon. The largest that is sent often is 16 KiB of a text, with where it belongs.
pub(super) const MAX_FRAME: usize = 17 << 10;

/// Bytes of a message, at most. What is larger should be several messages.
const MAX_MESSAGE: usize = 256 << 10;

/// Bytes of the length in front of a message that may have several frames: little-endian, without the length itself.
const HEAD: usize = 4;

/// Whether every message of type `T` is one frame.
pub(super) const fn fits_a_frame<T: MaxSize>() -> bool {
    T::POSTCARD_MAX_SIZE <= MAX_FRAME
}

/// Bytes of the largest frame of a type. At least one: a message of no bytes would look like the end.
pub(super) fn frame_size<T: MaxSize>() -> usize {
    const {
        assert!(T::POSTCARD_MAX_SIZE > 0, "a message of no bytes cannot be told from the end of the channel");
        assert!(T::POSTCARD_MAX_SIZE <= MAX_MESSAGE, "a message this large belongs into several");
    }
    max_size::<T>().min(MAX_FRAME)
}

/// As much of a buffer as a frame of type `T` may have: one that is longer must not fit.
pub(super) fn frame_of_size<T: MaxSize>(buffer: &mut [u8]) -> &mut [u8] {
    let size = frame_size::<T>().min(buffer.len());
    buffer.split_at_mut(size).0
}

/// The frames of `message`, in a `buffer` that is taken from `kept`.
pub(super) fn frames_of<'b, T: Message>(
    message: &T,
    kept: &Frames,
    buffer: &'b mut Vec<u8>,
) -> Result<impl ExactSizeIterator<Item = &'b [u8]> + use<'b, T>, ChannelError> {
    // The buffer has room for the message or for all of its type; where that is wrong it is a bug, which must not send half a
    // message.
    let wrong = |error| ChannelError::Io(io::Error::other(error));
    let (head, size) = if fits_a_frame::<T>() { (0, frame_size::<T>()) } else { (HEAD, encoded_size(message)) };
    *buffer = kept.take(head + size);
    let (length, room) = buffer.split_at_mut(head);
    let used = encode(message, room).map_err(wrong)?.len();
    if head > 0 {
        let used = u32::try_from(used).map_err(io::Error::other)?;
        length.copy_from_slice(&used.to_le_bytes());
    }
    Ok(buffer.get(..head + used).unwrap_or_default().chunks(MAX_FRAME))
}

/// What has arrived of a message of several frames.
#[derive(Debug, Default)]
pub(super) struct Pieces(Mutex<Option<Begun>>);

#[derive(Debug)]
struct Begun {
    /// Bytes of the whole message.
    total: usize,
    bytes: Vec<u8>,
    /// What came with its first frame.
    fds: Vec<OwnedFd>,
}

impl Pieces {
    /// Takes the first `len` bytes of `frame` and the descriptors that came with them, `accepted` at most. Gives the message, once
    /// it is complete.
    pub(super) fn add<In: Message>(
        &self,
        frame: &[u8],
        len: usize,
        fds: Descriptors,
        accepted: usize,
    ) -> Result<Option<Received<In>>, ChannelError> {
        if fits_a_frame::<In>() {
            return Ok(Some(Received::new(message_of(frame, len)?, fds.at_most(accepted)?)));
        }
        // Poisoned only by a panic, which ends the process.
        let mut pending = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let piece = whole(frame, len)?;
        let fds = fds.at_most(accepted)?;
        let (begun, piece) = match pending.take() {
            Some(begun) if fds.is_empty() => (begun, piece),
            Some(_) => return Err(ChannelError::Surplus),
            None => {
                let (total, piece) = begin::<In>(piece)?;
                if total == piece.len() {
                    return Ok(Some(Received::new(decode(piece)?, fds)));
                }
                (Begun { total, bytes: Vec::with_capacity(total), fds }, piece)
            }
        };
        let Begun { total, mut bytes, fds } = begun;
        let missing = total - bytes.len();
        if piece.len() > missing {
            return Err(ChannelError::Oversize { len: piece.len(), max: missing });
        }
        bytes.extend_from_slice(piece);
        if bytes.len() == total {
            return Ok(Some(Received::new(decode(&bytes)?, fds)));
        }
        if len < frame.len() {
            return Err(ChannelError::Uneven);
        }
        *pending = Some(Begun { total, bytes, fds });
        Ok(None)
    }
}

/// The length that a message begins with, and the piece of it that came with it.
fn begin<In: Message>(first: &[u8]) -> Result<(usize, &[u8]), ChannelError> {
    let (head, piece) = first.split_first_chunk::<HEAD>().ok_or(ChannelError::Uneven)?;
    let (total, max) = (u32::from_le_bytes(*head) as usize, max_size::<In>());
    if total > max {
        return Err(ChannelError::Oversize { len: total, max });
    }
    if piece.len() > total {
        return Err(ChannelError::Oversize { len: piece.len(), max: total });
    }
    Ok((total, piece))
}

/// Makes a message of the first `len` bytes of `frame`, which is all that it can have.
pub(crate) fn message_of<In: Message>(frame: &[u8], len: usize) -> Result<In, ChannelError> {
    Ok(decode(whole(frame, len)?)?)
}

/// The first `len` bytes of `frame`.
fn whole(frame: &[u8], len: usize) -> Result<&[u8], ChannelError> {
    if len == 0 {
        // A frame of no bytes cannot be told from the end, and no message has no bytes.
        return Err(ChannelError::PeerGone);
    }
    frame.get(..len).ok_or(ChannelError::Oversize { len, max: frame.len() })
}

/// Whether `frame` is a message of type `In` as it passes through a channel, in one frame: for tests that speak in a process's
/// place.
#[must_use]
pub fn accepts<In: Message>(frame: &[u8]) -> bool {
    let received = Pieces::default().add::<In>(frame, frame.len(), Descriptors::none(), 0);
    received.is_ok_and(|message| message.is_some())
}

#[cfg(test)]
mod tests;
