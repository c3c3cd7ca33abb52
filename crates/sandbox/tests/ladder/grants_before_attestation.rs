// Fails with E0599. A broker that has not seen its worker's posture has nothing to send with.
use orlop_sandbox::broker::Narrow;
use std::os::fd::BorrowedFd;

pub fn grant(narrow: &mut Narrow, fd: BorrowedFd<'_>) {
    let _sent = narrow.send_with(&1_u32, fd);
}
