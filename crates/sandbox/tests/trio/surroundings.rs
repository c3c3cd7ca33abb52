//! What must be true of every daemon, whoever else is on the machine and whatever the kernel refuses.

use rustix::io::Errno;
use rustix::process::{Signal, kill_process};

use crate::neighbour::CROWDED;
use crate::run::{Case, Daemon};

pub(crate) const CASES: &[Case] = &[
    ("descriptors_arrive_however_many_others_of_root_have_under_way", crowded),
    ("what_cannot_get_better_ends_the_daemon_with_its_own_code_and_what_may_is_tried_again", refused),
    ("what_peers_make_a_broker_say_has_a_bound_and_how_it_ends_is_told_all_the_same", chatter),
];

/// What hands descriptors over: the supervisor at the start, and later for an optional worker and for one that was killed; the
/// broker, to its worker and to its appliers.
fn crowded() {
    let crowded = |flags: &[&str]| {
        let mut daemon = Daemon::start_under(&["sh", "-c", CROWDED, "sh"], flags);
        daemon.line("under way");
        let refused = daemon.line("control: ");
        assert!(refused.contains("TOOMANYREFS") || refused.contains("code: 109"), "{refused}");
        daemon
    };
    let mut daemon = crowded(&[]);
    let (_, worker) = daemon.pids();
    daemon.line("Heard(33)");
    daemon.line("released Echoed(40)");
    daemon.line("ready");
    kill_process(worker, Signal::KILL).unwrap();
    daemon.line("ready");
    let mut daemon = crowded(&["--appliers"]);
    daemon.line("trio-root read \"content\"");
    daemon.line("trio-net read \"content\"");
    let mut daemon = crowded(&["--crew", "--lone", "--pair"]);
    daemon.line("lone Next(42)");
    daemon.line("left Pass(8)");
}

fn chatter() {
    let mut daemon = Daemon::start(&["--oneshot", "--chatter"]);
    assert_eq!(daemon.wait().code(), Some(76));
    let lines = daemon.everything();
    let chatter: Vec<&String> = lines.iter().filter(|line| line.contains("a peer makes")).collect();
    let bytes: usize = chatter.iter().map(|line| line.len() + 1).sum();
    assert!((400 << 10..=512 << 10).contains(&bytes), "{bytes} bytes are the share of such lines");
    let left_out = format!("WARN broker lines were left out: the log is limited lines={} ", 20_000 - chatter.len());
    for part in ["ERROR broker this is for somebody who acts", &left_out, "error: it is over"] {
        assert!(lines.iter().any(|line| line.contains(part)), "{part} is not among the {} lines", lines.len());
    }
}

fn refused() {
    for (errno, code) in
        [(Errno::ACCESS, 77), (Errno::ROFS, 77), (Errno::PERM, 77), (Errno::NOTDIR, 78), (Errno::LOOP, 78)]
    {
        for lifetime in [&[][..], &["--oneshot"]] {
            let flag = format!("--errno={}", errno.raw_os_error());
            let mut daemon = Daemon::start(&[lifetime, &[&flag]].concat());
            assert_eq!(daemon.wait().code(), Some(code), "{errno}, {lifetime:?}");
            daemon.line("error: cannot begin");
            assert!(!daemon.everything().iter().any(|line| line.contains("again_in")), "{errno}, {lifetime:?}");
        }
    }
    for errno in [Errno::NOSPC, Errno::MFILE, Errno::NOBUFS, Errno::NOMEM] {
        let mut daemon = Daemon::start(&[&format!("--errno={}", errno.raw_os_error())]);
        daemon.line("again_in=100ms");
        daemon.line("again_in=200ms");
        daemon.signal(Signal::TERM);
        daemon.line("INFO supervisor stopping: told to end signal=\"SIGTERM\"");
        assert_eq!(daemon.wait().code(), Some(0));
    }
    // A run that ends by itself says why nothing came of it.
    let mut daemon = Daemon::start(&["--oneshot", &format!("--errno={}", Errno::NOSPC.raw_os_error())]);
    assert_eq!(daemon.wait().code(), Some(71));
    daemon.line("time is over, and no try came to an end after=Some(2s) last=exit 71");
}
