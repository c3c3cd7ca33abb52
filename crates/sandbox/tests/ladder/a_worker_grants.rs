// Fails with E0599. Descriptors go one way.
use orlop_sandbox::channel::WorkerChannel;
use std::os::fd::BorrowedFd;

pub fn grant(channel: &WorkerChannel<u32, u32>, fd: BorrowedFd<'_>) {
    let _sent = channel.send_with(&1_u32, fd);
}
