//! The loop without its sandbox, with real sockets and scripted servers on this host.

use std::future::poll_fn;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::fd::OwnedFd;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use orlop_lookup_contract::{Failure, NameId, Place, ServerCount, Transport};
use orlop_sandbox::{connection, datagram};
use orlop_wire::DomainName;

use super::*;

/// Works until the broker has heard of the name, as the broker of these servers. Says what it heard, and the sockets that were
/// asked for.
fn look_up(servers: &[SocketAddr]) -> (Request, Vec<Transport>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
    let id = NameId::new(0).unwrap();
    runtime.block_on(async {
        let timer = BootTimer::new().unwrap();
        let mut asking = Asking::new(Seed::from_bytes([7; 32]));
        let count = ServerCount::new(servers.len().try_into().unwrap()).unwrap();
        let mut requests = VecDeque::from(asking.notice(Notice::Servers(count), None).unwrap());
        let name = DomainName::new("a.example").unwrap();
        requests.extend(asking.notice(Notice::Lookup { id, name }, None).unwrap());
        let mut asked = Vec::new();
        loop {
            while let Some(request) = requests.pop_front() {
                let Request::Connect(place) = request else { return (request, asked) };
                asked.push(place.transport);
                let answer = match socket(servers[place.server.index()], place) {
                    Ok(socket) => asking.notice(Notice::Connected(place), Some(socket)),
                    Err(_) => asking.notice(Notice::Unconnected(place), None),
                };
                requests.extend(answer.unwrap());
            }
            timer.set(asking.deadline()).unwrap();
            requests.extend(
                poll_fn(|context| {
                    if timer.poll_expired(context).is_ready() {
                        return Poll::Ready(asking.handle(Event::Deadline));
                    }
                    asking.poll_sockets(context)
                })
                .await,
            );
        }
    })
}

fn socket(server: SocketAddr, place: Place) -> io::Result<OwnedFd> {
    match place.transport {
        Transport::Udp => datagram::open_connected(server),
        Transport::Tcp => connection::open_connecting(server),
    }
}

/// The answer to a question: one address of the kind that is asked for, or that it does not fit.
fn answer(question: &[u8], truncated: bool) -> Vec<u8> {
    let end = 12 + question[12..].iter().position(|byte| *byte == 0).unwrap() + 5;
    let is_v4 = question[end - 3] == 1;
    let flags = if truncated { 0x83 } else { 0x81 };
    let header = [question[0], question[1], flags, 0x80, 0, 1, 0, u8::from(!truncated), 0, 0, 0, 0];
    let address: &[u8] =
        if is_v4 { &[192, 0, 2, 1] } else { &[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1] };
    let record =
        [&[0xc0, 12, 0, question[end - 3], 0, 1, 0, 0, 1, 44, 0, address.len().try_into().unwrap()][..], address];
    let records = if truncated { Vec::new() } else { record.concat() };
    [&header[..], &question[12..end], &records].concat()
}

/// Answers as many questions.
fn serve(socket: UdpSocket, questions: usize, truncated: bool) -> JoinHandle<()> {
    thread::spawn(move || {
        for _ in 0..questions {
            let mut buffer = [0; 512];
            let (length, from) = socket.recv_from(&mut buffer).unwrap();
            socket.send_to(&answer(&buffer[..length], truncated), from).unwrap();
        }
    })
}

fn bound() -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let addr = socket.local_addr().unwrap();
    (socket, addr)
}

fn addresses(request: Request) -> Vec<String> {
    let Request::Found { addresses, lifetime, .. } = request else { return vec![format!("{request:?}")] };
    assert_eq!(u32::from(lifetime), 300);
    addresses.iter().map(ToString::to_string).collect()
}

const BOTH: [&str; 2] = ["192.0.2.1", "2001:db8::1"];

#[test]
fn a_name_is_looked_up_at_its_server() {
    let (server, addr) = bound();
    let server = serve(server, 2, false);
    let (found, asked) = look_up(&[addr]);
    assert_eq!(addresses(found), BOTH);
    assert_eq!(asked, [Transport::Udp]);
    server.join().unwrap();
}

#[test]
fn an_answer_that_does_not_fit_comes_by_tcp_in_any_pieces() {
    let (udp, addr) = bound();
    let tcp = TcpListener::bind(addr).unwrap();
    let udp = serve(udp, 2, true);
    let tcp = thread::spawn(move || {
        let mut stream = tcp.accept().unwrap().0;
        for _ in 0..2 {
            let mut length = [0; 2];
            stream.read_exact(&mut length).unwrap();
            let mut question = vec![0; u16::from_be_bytes(length).into()];
            stream.read_exact(&mut question).unwrap();
            let answer = answer(&question, false);
            let framed = [&u16::try_from(answer.len()).unwrap().to_be_bytes()[..], &answer].concat();
            for piece in framed.chunks(9) {
                stream.write_all(piece).unwrap();
                thread::sleep(Duration::from_millis(2));
            }
        }
    });
    let (found, asked) = look_up(&[addr]);
    assert_eq!(addresses(found), BOTH);
    assert_eq!(asked, [Transport::Udp, Transport::Tcp]);
    udp.join().unwrap();
    tcp.join().unwrap();
}

#[test]
fn a_server_that_refuses_costs_nothing_when_there_is_another() {
    let (_, nobody) = bound();
    let (server, addr) = bound();
    let server = serve(server, 2, false);
    let began = Instant::now();
    let (found, _) = look_up(&[nobody, addr]);
    assert_eq!(addresses(found), BOTH);
    assert!(began.elapsed() < Duration::from_millis(400), "{:?}", began.elapsed());
    server.join().unwrap();
}

#[test]
fn a_server_that_starts_late_is_found_on_the_same_socket() {
    let (not_yet, addr) = bound();
    drop(not_yet);
    let server = thread::spawn(move || {
        thread::sleep(Duration::from_millis(600));
        serve(UdpSocket::bind(addr).unwrap(), 2, false).join().unwrap();
    });
    let began = Instant::now();
    let (found, asked) = look_up(&[addr]);
    assert_eq!(addresses(found), BOTH);
    assert!((600..1_500).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
    assert_eq!(asked.len(), 1, "{asked:?}");
    server.join().unwrap();
}

#[test]
fn nobody_to_ask_is_told_at_once() {
    let (failed, asked) = look_up(&[]);
    assert_eq!(failed, Request::Failed { id: NameId::new(0).unwrap(), why: Failure::Unanswered });
    assert!(asked.is_empty());
}
