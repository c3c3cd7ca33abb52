//! How wrong the machine's clock is, according to a server and not to the program under test (RFC 5905 sections 7.3 and 8).

use std::io;
use std::net::UdpSocket;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use rustix::io::Errno;

use super::{LOOK_EVERY, Report};

/// How right a clock has to be that an emulator runs.
pub const RIGHT: Duration = Duration::from_millis(20);

/// Bytes of a question and of an answer.
const HEADER: usize = 48;
/// Seconds from 1900, where NTP counts from, to 1970.
const TO_1970: u64 = 2_208_988_800;
/// A server on the same machine, whose processor may be taken.
const ANSWER: Duration = Duration::from_secs(5);

/// Asks until the clock is certainly right: also if the whole round trip was on one side. Says in either case by how much it is
/// off, and with `ETIMEDOUT` when it is not right in time.
pub(super) fn right(server: &str, seconds: &str) -> io::Result<Report> {
    let until = Instant::now() + Duration::from_secs(seconds.parse().map_err(io::Error::other)?);
    loop {
        let said = asked(server);
        let is_right = |(off, delay): (i64, Duration)| Duration::from_nanos(off.unsigned_abs()) + delay / 2 <= RIGHT;
        match said {
            Ok(said) if is_right(said) => return Ok(report(0, said.0)),
            Ok(said) if Instant::now() >= until => return Ok(report(Errno::TIMEDOUT.raw_os_error(), said.0)),
            Err(error) if Instant::now() >= until => return Err(error),
            Ok(_) | Err(_) => thread::sleep(LOOK_EVERY),
        }
    }
}

fn report(code: i32, off: i64) -> Report {
    Report { code, out: format!("{off}\n"), err: String::new() }
}

/// What would have to be added to the clock, in nanoseconds, and how long the question was under way.
fn asked(server: &str) -> io::Result<(i64, Duration)> {
    let socket = UdpSocket::bind(("0.0.0.0", 0))?;
    socket.set_read_timeout(Some(ANSWER))?;
    socket.connect(server)?;
    let mut question = [0; HEADER];
    // Version 4, a client.
    question[0] = 0x23;
    let began = Instant::now();
    let sent = now();
    socket.send(&question)?;
    let mut answer = [0; HEADER];
    socket.recv(&mut answer)?;
    let (came, delay) = (now(), began.elapsed());
    let field = |at: usize| answer[at..].first_chunk().map(|bytes| u64::from_be_bytes(*bytes)).unwrap_or_default();
    let (received, transmitted) = (field(32), field(40));
    let is_synchronised = answer[0] >> 6 != 3 && (1..16).contains(&answer[1]);
    if !is_synchronised {
        return Err(io::Error::other("the server does not know the time"));
    }
    Ok(((ahead(received, sent) + ahead(transmitted, came)) / 2, delay))
}

/// By how many nanoseconds one timestamp is later than another, 68 years at most: in this era or across its end.
fn ahead(one: u64, other: u64) -> i64 {
    let fraction = i128::from(one.wrapping_sub(other).cast_signed());
    i64::try_from((fraction * 1_000_000_000) >> 32).unwrap_or_default()
}

/// What the clock shows, as a timestamp of 32 bits of seconds and 32 of a fraction.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let fraction = (u64::from(since.subsec_nanos()) << 32) / 1_000_000_000;
    (since.as_secs().wrapping_add(TO_1970) << 32) | fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_one_in_either_direction_and_across_the_end_of_an_era() {
        for (what, one, other, want) in [
            ("none", 7 << 32, 7 << 32, 0),
            ("a second and a half later", (8 << 32) | 1 << 31, 7 << 32, 1_500_000_000),
            ("a second earlier", 7 << 32, 8 << 32, -1_000_000_000),
            ("the next era", 3 << 32, u64::from(u32::MAX) << 32, 4_000_000_000),
        ] {
            assert_eq!(ahead(one, other), want, "{what}");
        }
    }

    #[test]
    fn a_clock_is_right_when_its_server_says_so_and_not_otherwise() {
        let server = UdpSocket::bind(("127.0.0.1", 0)).unwrap();
        let place = server.local_addr().unwrap().to_string();
        let answering = thread::spawn(move || {
            for late in [0, 3600] {
                let mut question = [0; HEADER];
                let (_, from) = server.recv_from(&mut question).unwrap();
                let mut answer = [0; HEADER];
                (answer[0], answer[1]) = (0x24, 1);
                for at in [32, 40] {
                    answer[at..at + 8].copy_from_slice(&(now() + (late << 32)).to_be_bytes());
                }
                server.send_to(&answer, from).unwrap();
            }
        });
        let (off, delay) = asked(&place).unwrap();
        assert!(Duration::from_nanos(off.unsigned_abs()) <= delay, "{off} in {delay:?}");
        let wrong = right(&place, "0").unwrap();
        let off: i64 = wrong.out.trim().parse().unwrap();
        let nearly_an_hour = (off - 3_600_000_000_000).unsigned_abs() < 1_000_000_000;
        assert_eq!((wrong.code, nearly_an_hour), (Errno::TIMEDOUT.raw_os_error(), true), "{off}");
        answering.join().unwrap();
    }
}
