use core::pin::pin;
use core::task::Poll;
use std::os::fd::{AsFd, OwnedFd};

use orlop_wire::Str;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SendFlags, SocketFlags, SocketType, socketpair};
use serde::{Deserialize, Serialize};

use super::super::{Blocking, Socket, WorkerChannel, transmit};
use super::*;

/// A type whose messages may have several frames.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
struct Tale(Str<65_536>);

fn tale(len: usize) -> Tale {
    Tale(Str::new(&"x".repeat(len)).unwrap())
}

fn pair(flags: SocketFlags) -> (OwnedFd, OwnedFd) {
    socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None).unwrap()
}

fn in_a_loop<R>(test: impl AsyncFnOnce() -> R) -> R {
    tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap().block_on(test())
}

/// The frames of a message, each of its own.
fn frames(tale: &Tale) -> Vec<Vec<u8>> {
    frames_of(tale, &Frames::default(), &mut Vec::new()).unwrap().map(<[u8]>::to_vec).collect()
}

/// Adds frames until something comes of it.
fn heard(frames: &[Vec<u8>]) -> Result<Option<Tale>, ChannelError> {
    let pieces = Pieces::default();
    let mut buffer = vec![0; MAX_FRAME];
    for frame in frames {
        let len = frame.len();
        buffer[..len.min(MAX_FRAME)].copy_from_slice(&frame[..len.min(MAX_FRAME)]);
        if let Some(received) = pieces.add::<Tale>(&buffer, len, Descriptors::none(), 0)? {
            return Ok(Some(received.message));
        }
    }
    Ok(None)
}

#[test]
fn a_message_has_as_many_frames_as_it_takes_and_says_its_length_first() {
    // Three bytes say the length of the text.
    for (what, len, want) in [
        ("short", 1, 1),
        ("a full frame", MAX_FRAME - HEAD - 3, 1),
        ("one byte more", MAX_FRAME - HEAD - 2, 2),
        ("the longest", 65_536, 4),
    ] {
        let frames = frames(&tale(len));
        assert_eq!(frames.len(), want, "{what}");
        assert_eq!(heard(&frames).unwrap(), Some(tale(len)), "{what}");
        let total = frames.concat().len() - HEAD;
        assert_eq!(frames[0][..HEAD], u32::try_from(total).unwrap().to_le_bytes(), "{what}");
        assert!(accepts::<Tale>(&frames[0]) == (want == 1), "{what}");
    }
}

#[test]
fn what_is_no_message_in_pieces_ends_the_conversation() {
    let good = frames(&tale(40_000));
    let with = |at: usize, change: &dyn Fn(&mut Vec<u8>)| {
        let mut frames = good.clone();
        change(&mut frames[at]);
        heard(&frames).map(|_| ()).unwrap_err().to_string()
    };
    let says = |total: u32| move |frame: &mut Vec<u8>| frame[..HEAD].copy_from_slice(&total.to_le_bytes());
    let max = max_size::<Tale>();
    for (what, got, want) in [
        (
            "longer than any",
            with(0, &says(u32::MAX)),
            format!("a frame of 4294967295 bytes, the longest message has {max}"),
        ),
        (
            "shorter than its piece",
            with(0, &says(7)),
            format!("a frame of {} bytes, the longest message has 7", MAX_FRAME - HEAD),
        ),
        (
            "a byte more than it says",
            with(2, &|frame| frame.push(0)),
            format!("a frame of {} bytes, the longest message has {}", good[2].len() + 1, good[2].len()),
        ),
        (
            "a piece too short in its middle",
            with(1, &|frame| frame.truncate(100)),
            "a piece of a message that ends too soon".to_owned(),
        ),
        (
            "a first piece too short",
            with(0, &|frame| frame.truncate(100)),
            "a piece of a message that ends too soon".to_owned(),
        ),
        (
            "no room for a length",
            with(0, &|frame| frame.truncate(3)),
            "a piece of a message that ends too soon".to_owned(),
        ),
        ("the end in its middle", with(1, &Vec::clear), "the peer is gone".to_owned()),
        (
            "a frame too long",
            with(1, &|frame| frame.resize(MAX_FRAME + 1, 0)),
            format!("a frame of {} bytes, the longest message has {MAX_FRAME}", MAX_FRAME + 1),
        ),
        (
            "another message",
            with(0, &|frame| frame[HEAD] = 0xff),
            "a malformed frame: frame is not a message of this channel".to_owned(),
        ),
    ] {
        assert_eq!(got, want, "{what}");
    }
    assert!(matches!(heard(&good[..2]), Ok(None)), "not complete");
    assert!(heard(&[vec![0; HEAD]]).is_err(), "a message of no bytes");
}

#[test]
fn only_the_first_piece_may_bring_a_descriptor() {
    let (file, _other) = pair(SocketFlags::CLOEXEC);
    let (ours, theirs) = pair(SocketFlags::CLOEXEC);
    let frames = frames(&tale(20_000));
    let send = |at: usize, fd: bool| {
        let fds = [file.as_fd()];
        transmit(ours.as_fd(), &frames[at], if fd { &fds } else { &[] }, SendFlags::empty()).unwrap();
    };
    let peer = Blocking::new(theirs);
    send(0, true);
    send(1, false);
    let received = peer.recv::<Tale>(true).unwrap();
    assert_eq!((received.message, received.fd.is_some()), (tale(20_000), true));
    send(0, false);
    send(1, true);
    assert!(matches!(peer.recv::<Tale>(true), Err(ChannelError::Surplus)));
}

#[test]
fn to_stop_waiting_for_the_rest_of_a_message_loses_nothing() {
    in_a_loop(async || {
        let (ours, theirs) = pair(SocketFlags::CLOEXEC | SocketFlags::NONBLOCK);
        let channel: WorkerChannel<Tale, Tale> = WorkerChannel::new(Socket::new(theirs).unwrap());
        let frames = frames(&tale(50_000));
        for frame in &frames {
            let mut waiting = pin!(channel.recv());
            core::future::poll_fn(|context| {
                assert!(waiting.as_mut().poll(context).is_pending());
                Poll::Ready(())
            })
            .await;
            transmit(ours.as_fd(), frame, &[], SendFlags::DONTWAIT).unwrap();
        }
        assert_eq!(channel.recv().await.unwrap().message, tale(50_000));
    });
}

#[test]
fn long_messages_go_both_ways_and_wait_for_room() {
    in_a_loop(async || {
        let (ours, theirs) = pair(SocketFlags::CLOEXEC | SocketFlags::NONBLOCK);
        let channel: WorkerChannel<Tale, Tale> = WorkerChannel::new(Socket::new(theirs).unwrap());
        let peer: WorkerChannel<Tale, Tale> = WorkerChannel::new(Socket::new(ours).unwrap());
        let sending = tokio::spawn(async move {
            for len in 65_000..65_020 {
                peer.send(&tale(len)).await.unwrap();
            }
            peer.recv().await.unwrap().message
        });
        for len in 65_000..65_020 {
            let polled = core::future::poll_fn(|context| channel.poll_recv(context)).await;
            assert_eq!(polled.unwrap().message, tale(len));
        }
        channel.send(&tale(65_536)).await.unwrap();
        assert_eq!(sending.await.unwrap(), tale(65_536));
    });
}

#[test]
fn a_message_of_several_frames_is_not_begun_while_the_peer_has_others() {
    let (ours, theirs) = pair(SocketFlags::CLOEXEC);
    let (here, there) = (Blocking::new(ours), Blocking::new(theirs));
    assert!(matches!(here.try_send(&tale(40_000), None, false), Err(ChannelError::Full)));
    here.try_send(&tale(10), None, false).unwrap();
    here.try_send(&tale(40_000), None, true).unwrap();
    assert_eq!(there.recv::<Tale>(false).unwrap().message, tale(10), "nothing of the one that was refused");
    assert_eq!(there.recv::<Tale>(false).unwrap().message, tale(40_000));
}

#[test]
fn a_peer_that_stops_reading_in_the_middle_of_a_message_is_silent_and_not_full() {
    let (ours, _theirs) = pair(SocketFlags::CLOEXEC);
    rustix::net::sockopt::set_socket_send_buffer_size(&ours, 40_000).unwrap();
    let here = Blocking::new(ours);
    here.expect_answers_within(core::time::Duration::from_millis(20)).unwrap();
    let mut failed = None;
    for _ in 0..10 {
        failed = here.try_send(&tale(65_536), None, true).err();
        if failed.is_some() {
            break;
        }
    }
    assert!(matches!(failed, Some(ChannelError::Silent)), "{failed:?}, {}", Errno::AGAIN);
}
