//! A name, looked up as a C library does it: the first server of resolv.conf is asked for its IPv4 address, in a datagram (RFC 1035).

use std::fs;
use std::io;
use std::net::{Ipv4Addr, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use rustix::io::Errno;

use super::{LOOK_EVERY, Report};

/// How long a C library waits for an answer.
const ANSWER: Duration = Duration::from_secs(5);
/// A pointer to the name in the question, which follows the twelve bytes of number, flags and counts.
const NAME_ASKED_FOR: [u8; 2] = [0xc0, 12];
/// What follows the name in a question for IPv4 addresses: type A, class IN.
const ADDRESS: [u8; 4] = [0, 1, 0, 1];

/// Asks until the answer is this address. Says what the last answer was, and with `ETIMEDOUT` when it is another one at the end.
pub(super) fn until(resolv_conf: &str, name: &str, address: &str, seconds: &str) -> io::Result<Report> {
    let until = Instant::now() + Duration::from_secs(seconds.parse().map_err(io::Error::other)?);
    let wanted: Ipv4Addr = address.parse().map_err(io::Error::other)?;
    loop {
        let found = first_server(resolv_conf).and_then(|server| asked(&server, name));
        let is_late = Instant::now() >= until;
        match found {
            Ok(found) if found == wanted => return Ok(Report::of_file(format!("{found}\n").as_bytes())),
            Ok(found) if is_late => {
                let report = Report::of_file(format!("{found}\n").as_bytes());
                return Ok(Report { code: Errno::TIMEDOUT.raw_os_error(), ..report });
            }
            Err(error) if is_late => return Err(error),
            Ok(_) | Err(_) => thread::sleep(LOOK_EVERY),
        }
    }
}

/// Whom a program asks.
fn first_server(resolv_conf: &str) -> io::Result<String> {
    let text = fs::read_to_string(resolv_conf)?;
    let server = text.lines().find_map(|line| line.strip_prefix("nameserver ")).map(str::trim);
    server.map(|server| format!("{server}:53")).ok_or_else(|| io::Error::other("no name server"))
}

fn asked(server: &str, name: &str) -> io::Result<Ipv4Addr> {
    let socket = UdpSocket::bind(("0.0.0.0", 0))?;
    socket.set_read_timeout(Some(ANSWER))?;
    socket.connect(server)?;
    // A number, recursion desired, one question.
    let mut question = vec![0x4f, 0x72, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split('.') {
        question.push(u8::try_from(label.len()).map_err(io::Error::other)?);
        question.extend(label.as_bytes());
    }
    question.push(0);
    question.extend(ADDRESS);
    socket.send(&question)?;
    let mut answer = [0; 512];
    let length = socket.recv(&mut answer)?;
    let answer = answer.get(..length).unwrap_or_default();
    address(answer, question.len()).ok_or_else(|| io::Error::other(format!("no address in {answer:02x?}")))
}

/// The address in an answer whose question ends here, and whose first record is of the name that was asked for.
fn address(answer: &[u8], end: usize) -> Option<Ipv4Addr> {
    let has_records = answer.get(6..8)? != [0, 0];
    // The name, type and class, four bytes of time to live, and a length of four.
    let record = answer.get(end..end + 16)?;
    let (start, length) = (record.get(..6)?, record.get(10..12)?);
    let is_address = start[..2] == NAME_ASKED_FOR && start[2..] == ADDRESS && length == [0, 4];
    let data: [u8; 4] = record.get(12..16)?.try_into().ok()?;
    (has_records && is_address).then_some(Ipv4Addr::from(data))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_of_an_answer_is_found_and_nothing_else_is_one() {
        let good = [
            &[0; 6][..],
            &[0, 1],
            &[0; 4],
            b"\x01a\0\0\x01\0\x01",
            b"\xc0\x0c\0\x01\0\x01\0\0\0\x09\0\x04\xc0\0\x02\x07",
        ];
        let good = good.concat();
        let end = 12 + 7;
        let changed = |at: usize, byte: u8| {
            let mut bytes = good.clone();
            bytes[at] = byte;
            bytes
        };
        for (what, answer, want) in [
            ("an answer", good.clone(), Some(Ipv4Addr::new(192, 0, 2, 7))),
            ("no record", changed(7, 0), None),
            ("another type", changed(end + 3, 28), None),
            ("another length", changed(end + 11, 16), None),
            ("cut", good[..good.len() - 1].to_vec(), None),
        ] {
            assert_eq!(address(&answer, end), want, "{what}");
        }
    }

    #[test]
    fn the_first_server_is_asked_and_none_is_an_error() {
        let file = std::env::temp_dir().join(format!("orlop-test-vm-lookup-{}", std::process::id()));
        let path = file.to_str().unwrap();
        fs::write(&file, "search a.example\nnameserver 127.0.0.53  \nnameserver 192.0.2.1\n").unwrap();
        assert_eq!(first_server(path).unwrap(), "127.0.0.53:53");
        fs::write(&file, "search a.example\n").unwrap();
        assert!(first_server(path).is_err());
        fs::remove_file(file).unwrap();
    }
}
