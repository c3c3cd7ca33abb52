//! When and where the tests happen.

use orlop_ntp_contract::ServerAddr;

/// 2026-11-01, the time of the build.
pub(crate) const FLOOR: u64 = 1_793_491_200;
/// When most of these worlds begin: a month later.
pub(crate) const BEGIN: u64 = FLOOR + 30 * 86_400;

/// Where the server of this number is.
pub(crate) fn address(n: usize) -> ServerAddr {
    ServerAddr::new([192, 0, 2, u8::try_from(n + 1).unwrap()].into(), 123).unwrap()
}

/// The number of the server at this address.
pub(crate) fn number(server: ServerAddr) -> usize {
    let Some(std::net::SocketAddr::V4(v4)) = server.socket_addr() else { panic!("{server}") };
    usize::from(v4.ip().octets()[3]) - 1
}
