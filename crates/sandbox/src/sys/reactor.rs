//! Registering a descriptor with the tokio loop.
#![allow(unsafe_code, reason = "tokio cannot know that a descriptor stays open as long as it is registered")]

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::task::{Context, Poll, ready};

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// A non-blocking descriptor that the current tokio loop watches.
#[derive(Debug)]
pub(crate) struct Watched(AsyncFd<OwnedFd>);

impl Watched {
    /// Watches `fd`, which must be non-blocking.
    ///
    /// Must be called inside a tokio runtime.
    pub(crate) fn new(fd: OwnedFd, interest: Interest) -> io::Result<Self> {
        // SAFETY: the OwnedFd owns the descriptor, is moved into the AsyncFd, and nothing in this type takes it
        // out or closes it before the AsyncFd is dropped. Its `as_raw_fd` returns the same number for life.
        let registered = unsafe { AsyncFd::register_with_interest(fd, interest) };
        registered.map(Self).map_err(|error| error.into_parts().1)
    }

    /// Waits until `operation` no longer fails with `WouldBlock`, trying it when the descriptor is readable.
    pub(crate) async fn read<R>(&self, mut operation: impl FnMut(BorrowedFd<'_>) -> io::Result<R>) -> io::Result<R> {
        self.0.async_io(Interest::READABLE, |fd| operation(fd.as_fd())).await
    }

    /// As [`Watched::read`], for a loop that waits for several descriptors at once. The last task to poll is woken.
    pub(crate) fn poll_read<R>(
        &self,
        context: &mut Context<'_>,
        mut operation: impl FnMut(BorrowedFd<'_>) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        loop {
            let mut ready = ready!(self.0.poll_read_ready(context))?;
            if let Ok(result) = ready.try_io(|fd| operation(fd.as_fd())) {
                return Poll::Ready(result);
            }
        }
    }

    /// As [`Watched::poll_read`], and when the kernel has an error to tell, for a descriptor that is watched for both and not for writing.
    pub(crate) fn poll_read_or_error<R>(
        &self,
        context: &mut Context<'_>,
        mut operation: impl FnMut(BorrowedFd<'_>) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        if let Poll::Ready(result) = self.poll_read(context, &mut operation) {
            return Poll::Ready(result);
        }
        // Tokio wakes a reader for what can be read; an error alone it takes for the end of writing, which it never forgets.
        let _told = ready!(self.0.poll_write_ready(context))?;
        match operation(self.as_fd()) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
            result => Poll::Ready(result),
        }
    }

    /// As [`Watched::poll_read`], when the descriptor is writable.
    pub(crate) fn poll_write<R>(
        &self,
        context: &mut Context<'_>,
        mut operation: impl FnMut(BorrowedFd<'_>) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        loop {
            let mut ready = ready!(self.0.poll_write_ready(context))?;
            if let Ok(result) = ready.try_io(|fd| operation(fd.as_fd())) {
                return Poll::Ready(result);
            }
        }
    }

    /// Waits until `operation` no longer fails with `WouldBlock`, trying it when the descriptor is writable.
    pub(crate) async fn write<R>(&self, mut operation: impl FnMut(BorrowedFd<'_>) -> io::Result<R>) -> io::Result<R> {
        self.0.async_io(Interest::WRITABLE, |fd| operation(fd.as_fd())).await
    }
}

impl AsFd for Watched {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.get_ref().as_fd()
    }
}
