use std::future::{Future, poll_fn};
use std::path::PathBuf;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use orlop_sandbox::clock;
use orlop_sandbox::fatal::Exit;
use orlop_wire::{decode, encode, max_size};
use proptest::prelude::*;

use super::*;
use crate::command_line::tests::DAEMON;

/// What a daemon can be call for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
enum Order {
    Renew,
    Release(u8),
    Reload,
}

impl MaxSize for Order {
    const POSTCARD_MAX_SIZE: usize = 2;
}

type Server = super::Server<Order>;
type Reply = super::Reply<()>;

fn send(path: &std::path::Path, order: &Order) -> Result<Reply, ControlError> {
    super::send(path, order)
}

/// A folder of this test alone, which goes with it.
struct Folder(PathBuf);

impl Folder {
    fn new(test: &str) -> Self {
        let path = std::env::temp_dir().join(format!("orlop-control-{}-{test}", std::process::id()));
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn socket(&self) -> PathBuf {
        self.0.join("control")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn our_uid() -> u32 {
    rustix::process::getuid().as_raw()
}

fn in_a_loop<R>(test: impl Future<Output = R>) -> R {
    tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap().block_on(test)
}

/// Lets the server work until `done`, and gives up after five seconds.
async fn serve_until(server: &mut Server, mut done: impl FnMut() -> bool) -> Option<Call<Order>> {
    let end = clock::now().after(Duration::from_secs(5));
    let mut next = pin!(server.next());
    poll_fn(|context| {
        assert!(clock::now() < end, "the server did not get there in time");
        if let Poll::Ready(call) = next.as_mut().poll(context) {
            return Poll::Ready(Some(call.unwrap()));
        }
        if done() {
            return Poll::Ready(None);
        }
        std::thread::sleep(Duration::from_millis(1));
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await
}

fn caller(path: &std::path::Path, bytes: &[u8]) -> std::os::fd::OwnedFd {
    use rustix::net::{AddressFamily, SendFlags, SocketAddrUnix, SocketType, connect, send, socket};
    let socket = socket(AddressFamily::UNIX, SocketType::SEQPACKET, None).unwrap();
    connect(&socket, &SocketAddrUnix::new(path).unwrap()).unwrap();
    if !bytes.is_empty() {
        send(&socket, bytes, SendFlags::NOSIGNAL).unwrap();
    }
    socket
}

#[test]
fn an_order_reaches_the_daemon_and_its_reply_the_person() {
    let folder = Folder::new("order");
    let path = folder.socket();
    in_a_loop(async {
        let mut server: Server = Bound::open(&path).unwrap().serve(our_uid()).unwrap();
        for (order, reply) in [
            (Order::Renew, Reply::Done(())),
            (Order::Release(1), Reply::refused("no interface 1")),
            (Order::Reload, Reply::refused(&"x".repeat(1000))),
        ] {
            let (path, sent) = (path.clone(), order.clone());
            let person = std::thread::spawn(move || send(&path, &sent));
            let call = server.next().await.unwrap();
            assert_eq!(call.order, order);
            server.answer(call.caller, &reply);
            assert_eq!(person.join().unwrap().unwrap(), reply);
        }
    });
}

#[test]
fn callers_that_hang_do_not_keep_others_out() {
    let folder = Folder::new("hang");
    let path = folder.socket();
    in_a_loop(async {
        let mut server: Server = Bound::open(&path).unwrap().serve(our_uid()).unwrap();
        // More than the server keeps and the kernel queues together: they must be let in meanwhile.
        let crowd = path.clone();
        let crowd = std::thread::spawn(move || (0..12).map(|_| caller(&crowd, &[])).collect::<Vec<_>>());
        assert_eq!(serve_until(&mut server, || crowd.is_finished()).await, None);
        let _hanging = crowd.join().unwrap();
        let path = path.clone();
        let person = std::thread::spawn(move || send(&path, &Order::Reload));
        let call = serve_until(&mut server, || false).await.unwrap();
        server.answer(call.caller, &Reply::Done(()));
        assert_eq!(person.join().unwrap().unwrap(), Reply::Done(()));
    });
}

#[test]
fn a_silent_caller_is_put_out_in_time() {
    use rustix::net::{RecvFlags, recv};
    let folder = Folder::new("silent");
    let path = folder.socket();
    in_a_loop(async {
        let mut server: Server = Bound::open(&path).unwrap().serve(our_uid()).unwrap();
        let silent = caller(&path, &[]);
        let hung_up = || recv(&silent, &mut [0; 1][..], RecvFlags::DONTWAIT).is_ok_and(|(len, _)| len == 0);
        assert_eq!(serve_until(&mut server, hung_up).await, None);
    });
}

#[test]
fn a_configuration_that_is_refused_is_named_with_its_cause_if_there_is_one() {
    let fatal = || Fatal::new(Exit::Config, "no interface is named");
    assert_eq!(Reply::refused_configuration(&fatal()), Reply::refused("no interface is named"));
    let with_cause = Reply::refused_configuration(&fatal().cause("line 3"));
    assert_eq!(with_cause, Reply::refused("no interface is named: line 3"));
}

#[test]
fn what_is_not_an_order_is_refused_and_the_next_one_is_taken() {
    use rustix::net::{RecvFlags, recv};
    let folder = Folder::new("nonsense");
    let path = folder.socket();
    in_a_loop(async {
        let mut server: Server = Bound::open(&path).unwrap().serve(our_uid()).unwrap();
        let long = vec![0; 4096];
        for (what, bytes) in [("unknown order", &[9][..]), ("trailing byte", &[2, 0]), ("flood", &long)] {
            let bad = caller(&path, bytes);
            let mut answer = [0; max_size::<Reply>()];
            let mut got = None;
            let answered = || {
                got = recv(&bad, &mut answer[..], RecvFlags::DONTWAIT).ok();
                got.is_some()
            };
            assert_eq!(serve_until(&mut server, answered).await, None, "{what}");
            let len = got.unwrap().0;
            assert!(matches!(decode(&answer[..len]), Ok(Reply::Refused(_))), "{what}");
        }
        let mut frame = [0; max_size::<Order>()];
        let _good = caller(&path, encode(&Order::Reload, &mut frame).unwrap());
        assert_eq!(serve_until(&mut server, || false).await.unwrap().order, Order::Reload);
    });
}

#[test]
fn a_stranger_is_not_heard() {
    let folder = Folder::new("stranger");
    let path = folder.socket();
    in_a_loop(async {
        let mut server: Server = Bound::open(&path).unwrap().serve(our_uid() + 1).unwrap();
        let path = path.clone();
        let person = std::thread::spawn(move || send(&path, &Order::Reload));
        assert_eq!(serve_until(&mut server, || person.is_finished()).await, None);
        assert!(matches!(person.join().unwrap(), Err(ControlError::HungUp | ControlError::Io(_))));
    });
}

#[test]
fn the_socket_is_roots_alone_and_replaces_a_stale_one() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new("mode");
    let path = folder.socket();
    drop(Bound::open(&path).unwrap());
    let again = Bound::open(&path).unwrap();
    assert_eq!(std::fs::symlink_metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    drop(again);
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, "precious").unwrap();
    assert!(Bound::open(&path).is_err(), "a file is not a stale socket");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
}

#[test]
fn a_socket_that_is_listened_at_is_not_taken_over() {
    let folder = Folder::new("heard");
    let first = Bound::open(&folder.socket()).unwrap();
    assert_eq!(Bound::open(&folder.socket()).unwrap_err().kind(), std::io::ErrorKind::AddrInUse);
    drop(first);
    drop(Bound::open(&folder.socket()).unwrap());
}

#[test]
fn each_daemon_has_a_folder_of_its_own_that_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    assert_eq!(path(&DAEMON), std::path::Path::new("/run/orlop/control/test/control"));
    assert_eq!(path(&DAEMON).parent(), Some(&*super::folder(&DAEMON)));
    let folder = Folder::new("private");
    let _socket = Bound::inside(&folder.0.join("own")).unwrap();
    assert_eq!(std::fs::metadata(folder.0.join("own")).unwrap().permissions().mode() & 0o7777, 0o700);
}

#[test]
fn a_socket_tells_whether_its_daemon_runs_as_far_as_it_can_be_seen() {
    let folder = Folder::new("hearing");
    assert_eq!(hearing(&folder.0.join("not bound/control")), Hearing::Hidden);
    assert_eq!(hearing(&folder.socket()), Hearing::Hidden, "never made");
    let socket = Bound::open(&folder.socket()).unwrap();
    assert_eq!(hearing(&folder.socket()), Hearing::Heard);
    drop(socket);
    assert_eq!(hearing(&folder.socket()), Hearing::Silent, "stale");
}

#[test]
fn without_a_daemon_the_person_learns_what_to_do() {
    use orlop_sandbox::fatal::Exit;
    let folder = Folder::new("nobody");
    let fatal = send(&folder.socket(), &Order::Reload).unwrap_err().fatal(&DAEMON);
    assert_eq!(fatal.exit, Exit::Unconfigured);
    assert!(fatal.to_string().contains("help: start orlop-test"), "{fatal}");
    drop(Bound::open(&folder.socket()).unwrap());
    let stale = send(&folder.socket(), &Order::Reload).unwrap_err();
    assert!(matches!(stale, ControlError::NoDaemon { .. }), "{stale}");
}

#[test]
fn an_answer_can_carry_what_was_asked_for() {
    let folder = Folder::new("answer");
    let path = folder.socket();
    in_a_loop(async {
        let mut server: super::Server<Order, Str<600>> = Bound::open(&path).unwrap().serve(our_uid()).unwrap();
        let person = std::thread::spawn(move || super::send::<Order, Str<600>>(&path, &Order::Renew));
        let call = server.next().await.unwrap();
        let answer = super::Reply::Done(Str::truncated(&"y".repeat(600)));
        server.answer(call.caller, &answer);
        assert_eq!(person.join().unwrap().unwrap(), answer, "longer than any reason");
    });
}

proptest! {
    #[test]
    fn any_bytes_are_an_order_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..24)) {
        if let Ok(order) = decode::<Order>(&bytes) {
            let mut frame = [0; max_size::<Order>()];
            prop_assert_eq!(encode(&order, &mut frame).unwrap(), &bytes[..]);
        }
    }
}
