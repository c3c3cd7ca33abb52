//! Another process of the same root, without a capability, as every other container has it: it can use up what the kernel
//! counts for all processes of a user together.

use std::io::IoSlice;
use std::mem::MaybeUninit;
use std::os::fd::AsFd;
use std::process::ExitCode;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags, SocketType};
use rustix::net::{sendmsg, socketpair};

use crate::daemon::say;

/// The argument by which this program becomes one. What follows says what it does.
pub(crate) const FLAG: &str = "--neighbour";

/// A wrapper in which the daemon and its neighbours are a root of their own, 200000 outside, so that nobody else on this machine
/// is disturbed. One of them has more descriptors under way than the limit for open files that all have, until the daemon ends;
/// a second one tries to pass one, which is the control.
pub(crate) const CROWDED: &str = r#"
    (until { echo 0 200000 65536 >/proc/$$/gid_map && echo 0 200000 65536 >/proc/$$/uid_map; }; do sleep 0.01; done) 2>/dev/null &
    exec unshare --user --keep-caps --mount sh -c '
        until grep -q . /proc/self/uid_map; do sleep 0.01; done
        exec setpriv --reuid 0 --regid 0 --clear-groups sh -ec "
            mount -t tmpfs none /run
            mkfifo /run/full
            setpriv --bounding-set=-all --inh-caps=-all --pdeathsig KILL \"\$0\" --neighbour hold >/run/full &
            read held </run/full
            echo \"held: \$held\"
            setpriv --bounding-set=-all --inh-caps=-all \"\$0\" --neighbour pass
            exec \"\$0\" \"\$@\"
        " "$@"' sh "$@""#;

pub(crate) fn play(what: &str) -> ExitCode {
    match what {
        "hold" => {
            let (_ours, _theirs, held) = fill();
            say(&format!("{held} under way"));
            loop {
                std::thread::sleep(Duration::from_secs(60));
            }
        }
        "pass" => {
            let (ours, _theirs) = pair();
            say(&format!("control: {:?}", pass(&ours, 1)));
        }
        other => panic!("no neighbour does {other}"),
    }
    ExitCode::SUCCESS
}

type Pair = (std::os::fd::OwnedFd, std::os::fd::OwnedFd);

fn pair() -> Pair {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None).unwrap()
}

/// Passes as many as the kernel lets one have under way.
fn fill() -> (Vec<std::os::fd::OwnedFd>, Vec<std::os::fd::OwnedFd>, usize) {
    let (mut ours, mut theirs, mut held) = (Vec::new(), Vec::new(), 0);
    loop {
        let (near, far) = pair();
        let refused = loop {
            match pass(&near, AT_ONCE) {
                Ok(()) => held += AT_ONCE,
                Err(refused) => break refused,
            }
        };
        ours.push(near);
        theirs.push(far);
        match refused {
            Errno::TOOMANYREFS => return (ours, theirs, held),
            Errno::AGAIN => {}
            other => panic!("cannot pass descriptors: {other}"),
        }
    }
}

/// Most that the kernel takes with one message (`SCM_MAX_FD`).
const AT_ONCE: usize = 253;

fn pass(socket: &std::os::fd::OwnedFd, count: usize) -> Result<(), Errno> {
    let many = vec![socket.as_fd(); count];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(AT_ONCE))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    assert!(control.push(SendAncillaryMessage::ScmRights(&many)), "there is room for so many");
    sendmsg(socket, &[IoSlice::new(b"x")], &mut control, SendFlags::DONTWAIT).map(|_sent| ())
}
