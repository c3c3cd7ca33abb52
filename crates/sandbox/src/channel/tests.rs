use core::mem::MaybeUninit;
use std::io::IoSlice;
use std::os::fd::AsFd;

use orlop_wire::Bounded;
use rustix::net::{AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SocketFlags, SocketType, socketpair};
use serde::Deserialize;

use super::*;

#[derive(Debug, PartialEq, Clone, Serialize, Deserialize, MaxSize)]
enum Word {
    Number(u32),
    Many(Bounded<u8, 8>),
}

type Broker = BrokerChannel<Word, Word>;
type Worker = WorkerChannel<Word, Word>;

fn in_a_loop<R>(test: impl AsyncFnOnce() -> R) -> R {
    tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap().block_on(test())
}

fn sockets() -> (OwnedFd, OwnedFd) {
    socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK, None).unwrap()
}

fn channels() -> (Broker, Worker) {
    let (ours, theirs) = sockets();
    (BrokerChannel::new(Socket::new(ours).unwrap(), None), WorkerChannel::new(Socket::new(theirs).unwrap()))
}

/// A worker's channel and the bare socket of a broker that sends whatever it likes.
fn hostile() -> (OwnedFd, Worker) {
    let (ours, theirs) = sockets();
    (ours, WorkerChannel::new(Socket::new(theirs).unwrap()))
}

#[test]
fn messages_arrive_whole_and_in_order() {
    in_a_loop(async || {
        let (broker, worker) = channels();
        let many = Word::Many([1, 2, 3].into_iter().collect());
        broker.send(&many).await.unwrap();
        broker.try_send(&Word::Number(7)).unwrap();
        for want in [many, Word::Number(7)] {
            let Received { message, fd, more: _ } = worker.recv().await.unwrap();
            assert_eq!(message, want);
            assert!(fd.is_none());
        }
    });
}

#[test]
fn a_descriptor_goes_from_broker_to_worker() {
    in_a_loop(async || {
        let (broker, worker) = channels();
        let (read, write) = rustix::pipe::pipe().unwrap();
        broker.send_with(&Word::Number(1), read.as_fd()).unwrap();
        let fd = worker.recv().await.unwrap().fd.expect("it was sent");
        let flags = rustix::io::fcntl_getfd(&fd).unwrap();
        assert!(flags.contains(rustix::io::FdFlags::CLOEXEC), "another program would inherit it");
        rustix::io::write(&write, b"x").unwrap();
        assert_eq!(rustix::io::read(&fd, &mut [0_u8; 4]).unwrap(), 1);
    });
}

#[test]
fn a_bundle_arrives_whole_where_it_is_accepted_and_ends_the_conversation_where_it_is_not() {
    in_a_loop(async || {
        let pipes: Vec<_> = (0..MAX_DESCRIPTORS).map(|_| rustix::pipe::pipe().unwrap()).collect();
        let written: Vec<_> = pipes.iter().map(|(_, write)| write.as_fd()).collect();
        for accepting in [true, false] {
            let (broker, mut worker) = channels();
            if accepting {
                worker.accept_bundles();
            }
            broker.send_bundle(&Word::Number(64), &written).unwrap();
            let received = worker.recv().await;
            if !accepting {
                assert!(matches!(received, Err(ChannelError::Surplus)), "{received:?}");
                continue;
            }
            let Received { message, fd, more } = received.unwrap();
            assert_eq!((message, 1 + more.len()), (Word::Number(64), MAX_DESCRIPTORS));
            for (fd, (read, _)) in fd.iter().chain(&more).zip(&pipes) {
                rustix::io::write(fd, b"x").unwrap();
                assert_eq!(rustix::io::read(read, &mut [0_u8; 4]).unwrap(), 1, "in their order");
            }
        }
    });
}

#[test]
fn a_descriptor_does_not_go_from_worker_to_broker() {
    in_a_loop(async || {
        let (ours, theirs) = sockets();
        let _best_effort = crate::sys::pass_rights(ours.as_fd(), false);
        let broker: Broker = BrokerChannel::new(Socket::new(ours).unwrap(), None);
        let (read, write) = rustix::pipe::pipe().unwrap();
        let frame = [0, 5];
        match transmit(theirs.as_fd(), &frame, &[read.as_fd()], SendFlags::DONTWAIT) {
            // Since Linux 6.16 the kernel refuses.
            Err(Errno::PERM) => transmit(theirs.as_fd(), &frame, &[], SendFlags::DONTWAIT).unwrap(),
            Err(errno) => panic!("{errno}"),
            Ok(()) => {}
        }
        drop(read);
        let Received { message, fd, more: _ } = broker.recv().await.unwrap();
        assert_eq!(message, Word::Number(5));
        assert!(fd.is_none());
        assert_eq!(rustix::io::write(&write, b"x"), Err(Errno::PIPE), "the descriptor was received and kept");
    });
}

#[test]
fn a_descriptor_does_not_go_from_worker_to_worker() {
    in_a_loop(async || {
        let (ours, theirs) = sockets();
        let joint: Worker = WorkerChannel::joint(Socket::new(ours).unwrap());
        let (read, write) = rustix::pipe::pipe().unwrap();
        for polled in [false, true] {
            transmit(theirs.as_fd(), &[0, 5], &[read.as_fd()], SendFlags::DONTWAIT).unwrap();
            let received = if polled {
                core::future::poll_fn(|context| joint.poll_recv(context)).await
            } else {
                joint.recv().await
            };
            let Received { message, fd, more: _ } = received.unwrap();
            assert_eq!(message, Word::Number(5));
            assert!(fd.is_none());
        }
        drop(read);
        assert_eq!(rustix::io::write(&write, b"x"), Err(Errno::PIPE), "the descriptor was received and kept");
    });
}

#[test]
fn anything_but_one_message_ends_the_conversation() {
    in_a_loop(async || {
        for (what, frame, want) in [
            ("unknown tag", &[9, 0][..], "a malformed frame: frame is not a message of this channel"),
            ("trailing byte", &[0, 1, 0], "a malformed frame: 1 bytes after the message"),
            ("two spellings", &[0, 0x80, 0], "a malformed frame: message is not in its canonical encoding"),
            ("empty", &[], "the peer is gone"),
            ("too long", &[0; 64], "a frame of 64 bytes, the longest message has 10"),
        ] {
            let (broker, worker) = hostile();
            transmit(broker.as_fd(), frame, &[], SendFlags::DONTWAIT).unwrap();
            assert_eq!(worker.recv().await.unwrap_err().to_string(), want, "{what}");
        }
    });
}

#[test]
fn surplus_descriptors_end_the_conversation_and_are_closed() {
    in_a_loop(async || {
        let (broker, worker) = hostile();
        let (read, write) = rustix::pipe::pipe().unwrap();
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        let both = [read.as_fd(), read.as_fd()];
        assert!(control.push(SendAncillaryMessage::ScmRights(&both)));
        rustix::net::sendmsg(&broker, &[IoSlice::new(&[0, 5])], &mut control, SendFlags::empty()).unwrap();
        drop(read);
        assert!(matches!(worker.recv().await, Err(ChannelError::Surplus)));
        assert_eq!(rustix::io::write(&write, b"x"), Err(Errno::PIPE), "a surplus descriptor was kept");
    });
}

#[test]
fn the_death_of_the_peer_is_noticed_at_once_by_both_sides() {
    in_a_loop(async || {
        let (broker, worker) = channels();
        drop(worker);
        assert!(matches!(broker.recv().await, Err(ChannelError::PeerGone)));
        assert!(matches!(broker.try_send(&Word::Number(1)), Err(ChannelError::PeerGone)));
        let (broker, worker) = channels();
        drop(broker);
        assert!(matches!(worker.recv().await, Err(ChannelError::PeerGone)));
        assert!(matches!(worker.send(&Word::Number(1)).await, Err(ChannelError::PeerGone)));
    });
}

#[test]
fn a_worker_that_does_not_read_cannot_stop_its_broker() {
    in_a_loop(async || {
        let (broker, worker) = channels();
        let sent = (0..).take_while(|number| broker.try_send(&Word::Number(*number)).is_ok()).count();
        assert!(sent > 0);
        assert!(matches!(broker.try_send(&Word::Number(0)), Err(ChannelError::Full)));
        // Nothing of what was refused arrives, and there is room again afterwards.
        for number in 0..sent {
            assert_eq!(worker.recv().await.unwrap().message, Word::Number(number.try_into().unwrap()));
        }
        broker.try_send(&Word::Number(99)).unwrap();
        assert_eq!(worker.recv().await.unwrap().message, Word::Number(99));
    });
}

#[test]
fn sending_waits_for_a_peer_that_is_slow() {
    in_a_loop(async || {
        let (broker, worker) = channels();
        let sending = tokio::spawn(async move {
            for number in 0..2_000 {
                broker.send(&Word::Number(number)).await.unwrap();
            }
        });
        for number in 0..2_000 {
            assert_eq!(worker.recv().await.unwrap().message, Word::Number(number));
        }
        sending.await.unwrap();
    });
}
