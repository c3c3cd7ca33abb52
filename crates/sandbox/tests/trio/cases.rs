//! What must be true of every daemon that is built on this library.

use std::time::{Duration, Instant};

use rustix::process::{Signal, kill_process};

use crate::run::{Case, Daemon, children, gone};

pub(crate) const CASES: &[Case] = &[
    ("a_worker_is_attested_then_spoken_to_then_granted_a_socket", || {
        let mut daemon = Daemon::start(&[]);
        let worker = daemon.line("worker uid=");
        for part in [
            "uid=64100 gid=64100 groups=0 capabilities=none bounding=none",
            "no_new_privs=yes filtered=yes filters=3 allowed=14",
            "root=empty limits=yes threads=1",
        ] {
            assert!(worker.contains(part), "{part:?} is not in {worker:?}");
        }
        let broker = daemon.line("broker uid=");
        assert!(broker.contains("uid=0 gid=0 groups=0 capabilities=none bounding=none"), "{broker}");
        assert_eq!(daemon.line("supervisor"), "supervisor effective=KILL,SETGID,SETUID,SETPCAP,SYS_CHROOT");
        daemon.line("Echoed(42)");
        daemon.line("Heard(33)");
        daemon.line("released Echoed(40)");
        daemon.line("ready");
    }),
    ("a_killed_worker_is_back_within_a_second", || {
        let mut daemon = Daemon::start(&[]);
        let (broker, worker) = daemon.pids();
        daemon.line("ready");
        let killed = Instant::now();
        kill_process(worker, Signal::KILL).unwrap();
        let (new_broker, new_worker) = daemon.pids();
        assert!(killed.elapsed() < Duration::from_secs(1), "took {:?}", killed.elapsed());
        assert!(new_broker != broker && new_worker != worker, "the pair is restarted together");
        gone(&[broker, worker]);
        daemon.line("ready");
    }),
    ("a_killed_broker_takes_its_stopped_worker_with_it", || {
        let mut daemon = Daemon::start(&[]);
        let (broker, worker) = daemon.pids();
        daemon.line("ready");
        kill_process(worker, Signal::STOP).unwrap();
        kill_process(broker, Signal::KILL).unwrap();
        gone(&[broker, worker]);
        daemon.line("ready");
    }),
    ("a_killed_supervisor_takes_both_with_it_even_stopped", || {
        let mut daemon = Daemon::start(&[]);
        let (broker, worker) = daemon.pids();
        daemon.line("ready");
        kill_process(worker, Signal::STOP).unwrap();
        daemon.signal(Signal::KILL);
        daemon.wait();
        gone(&[broker, worker]);
    }),
    ("told_to_end_a_service_ends_well_and_whole", || {
        let mut daemon = Daemon::start(&[]);
        let (broker, worker) = daemon.pids();
        daemon.line("ready");
        let told = Instant::now();
        daemon.signal(Signal::TERM);
        assert_eq!(daemon.wait().code(), Some(0));
        gone(&[broker, worker]);
        assert!(told.elapsed() < Duration::from_secs(2), "took {:?}", told.elapsed());
        daemon.line("told to end");
    }),
    ("a_broker_that_does_not_listen_is_ended_within_two_seconds", || {
        let mut daemon = Daemon::start(&["--stubborn"]);
        let (broker, worker) = daemon.pids();
        daemon.line("ready");
        let told = Instant::now();
        daemon.signal(Signal::INT);
        assert_eq!(daemon.wait().code(), Some(130));
        gone(&[broker, worker]);
        assert!(told.elapsed() < Duration::from_secs(2), "took {:?}", told.elapsed());
    }),
    ("as_pid_1_it_ends_when_told", || {
        // `--kill-child` passes on the death of the wrapper; the signal itself goes to PID 1 of the namespace.
        let namespace = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"];
        for (flags, when) in [(&[][..], "ready"), (&["--slow-to-start"], "starting")] {
            let mut daemon = Daemon::start_under(&namespace, flags);
            daemon.line(when);
            let [first] = children(daemon.supervisor())[..] else { panic!("the namespace has one PID 1") };
            let told = Instant::now();
            kill_process(first, Signal::TERM).unwrap();
            assert_eq!(daemon.wait().code(), Some(0), "{when}");
            assert!(told.elapsed() < Duration::from_secs(2), "{when}: took {:?}", told.elapsed());
        }
    }),
    ("a_malformed_message_ends_the_conversation", || {
        let mut daemon = Daemon::start(&["--garble"]);
        daemon.line("a malformed frame");
        daemon.line("again_in=100ms");
    }),
    ("a_message_longer_than_any_ends_the_conversation", || {
        Daemon::start(&["--overrun"]).line("a frame of 33 bytes, the longest message has");
    }),
    ("what_a_worker_writes_is_marked_as_its_own_and_escaped", || {
        let line = Daemon::start(&["--complain"]).line("a complaint");
        assert!(line.starts_with("trio-worker| WARN worker a complaint what="), "{line}");
        assert!(line.contains("ERROR broker forged"), "on the same line: {line}");
    }),
    ("a_log_in_a_file_may_be_of_any_length", || {
        let log = std::env::temp_dir().join(format!("trio-{}.log", std::process::id()));
        std::fs::write(&log, vec![b'x'; 2 << 20]).unwrap();
        let into_log = format!("exec \"$@\" 2>>{}", log.display());
        let mut daemon = Daemon::start_under(&["sh", "-c", &into_log, "sh"], &["--complain"]);
        daemon.line("ready");
        let until = Instant::now() + Duration::from_secs(5);
        while !std::fs::read_to_string(&log).unwrap().contains("a complaint") {
            assert!(Instant::now() < until, "the broker did not write its worker's line");
            std::thread::sleep(Duration::from_millis(10));
        }
        daemon.signal(Signal::TERM);
        assert_eq!(daemon.wait().code(), Some(0));
        assert!(!std::fs::read_to_string(&log).unwrap().contains("again_in"), "nothing was started anew");
        std::fs::remove_file(log).unwrap();
    }),
    ("what_a_broker_makes_is_its_own_whatever_mask_it_was_started_with", || {
        for mask in ["000", "077"] {
            let mut daemon = Daemon::start_under(&["sh", "-c", &format!("umask {mask}; exec \"$@\""), "sh"], &[]);
            let (broker, _) = daemon.pids();
            let status = std::fs::read_to_string(format!("/proc/{}/status", broker.as_raw_nonzero())).unwrap();
            assert!(status.contains("Umask:\t0022"), "{mask}: {status}");
        }
    }),
    ("limits_lower_than_the_profiles_stay_and_are_no_error", || {
        let mut daemon = Daemon::start_under(&["prlimit", "--nofile=128:128", "--as=300000000:300000000"], &[]);
        assert!(daemon.line("broker uid=").contains("limits=yes"));
        daemon.line("ready");
    }),
    ("a_panic_ends_the_worker_with_a_line_and_the_pair_is_restarted", || {
        let mut daemon = Daemon::start(&["--panic"]);
        let line = daemon.line("panicked");
        assert!(line.starts_with("trio-worker| ERROR worker"), "{line}");
        assert!(line.contains("told to"), "{line}");
        daemon.line("again_in=100ms");
        daemon.line("again_in=200ms");
    }),
    ("the_last_words_of_a_worker_are_heard_by_a_broker_that_was_busy", || {
        let mut daemon = Daemon::start(&["--oneshot", "--once", "--hang", "--panic", "--linger"]);
        assert!(daemon.line("panicked").starts_with("trio-worker| ERROR worker"));
    }),
    ("a_worker_of_another_build_is_not_spoken_to", || {
        let mut daemon = Daemon::start(&["--other-build"]);
        daemon.line("the worker speaks protocol 7, the broker 8");
    }),
    ("a_worker_that_is_confined_otherwise_is_granted_nothing", || {
        let mut daemon = Daemon::start(&["--other-worker"]);
        assert_eq!(daemon.wait().code(), Some(77));
        daemon.line("error: the worker is not confined");
        daemon.line("caused by: not as required: user or group");
    }),
    ("without_landlock_it_says_so_and_goes_on", || {
        let mut daemon = Daemon::start(&["--without-landlock"]);
        daemon.line("WARN broker weaker sandbox: Landlock is not fully enforced broker=absent worker=absent");
        assert!(daemon.line("worker uid=").contains("landlock=absent"));
        daemon.line("ready");
    }),
    ("without_landlock_it_ends_where_that_is_required", || {
        let mut daemon = Daemon::start(&["--without-landlock", "--require-landlock"]);
        assert_eq!(daemon.wait().code(), Some(77));
        daemon.line("error: Landlock is required, and in the broker it is absent");
        daemon.line("help: run a kernel with CONFIG_SECURITY_LANDLOCK");
    }),
    ("a_one_shot_run_ends_with_the_code_of_its_broker", || {
        assert_eq!(Daemon::start(&["--oneshot"]).wait().code(), Some(0));
        assert_eq!(Daemon::start(&["--refused"]).wait().code(), Some(76));
        assert_eq!(Daemon::start(&["--oneshot", "--unmet"]).wait().code(), Some(1));
        assert_eq!(Daemon::start(&["--oneshot", "--mistaken"]).wait().code(), Some(2));
    }),
    ("the_end_of_its_worker_is_none_for_the_broker_of_a_single_run", || {
        let line = ["--oneshot", "--end", "--linger"];
        assert_eq!(Daemon::start(&[&line[..], &["--once"]].concat()).wait().code(), Some(0));
        Daemon::start(&line).line("broker and worker have ended broker=signal 9");
    }),
    ("children_are_heard_of_by_a_supervisor_that_was_told_to_ignore_them", || {
        let mut daemon = Daemon::start_under(&["env", "--ignore-signal=CHLD"], &["--oneshot", "--unmet"]);
        assert_eq!(daemon.wait().code(), Some(1));
    }),
    ("a_result_is_no_end_for_a_service", || {
        Daemon::start(&["--unmet"]).line("broker and worker have ended broker=exit 1");
    }),
    ("an_applier_is_attested_then_handed_files", || {
        let mut daemon = Daemon::start(&["--appliers"]);
        let net = daemon.line("trio-net uid=");
        for part in [
            "uid=64098 gid=64098 groups=0 capabilities=NET_ADMIN bounding=NET_ADMIN",
            "no_new_privs=yes filtered=yes filters=3 allowed=11",
            "root=empty limits=yes threads=1 open_files=4",
        ] {
            assert!(net.contains(part), "{part:?} is not in {net:?}");
        }
        assert!(daemon.line("trio-root uid=").contains("uid=0 gid=0 groups=0 capabilities=none bounding=none"));
        daemon.line("broker keeps capabilities=none bounding=none");
        assert_eq!(daemon.line("supervisor"), "supervisor effective=KILL,SETGID,SETUID,SETPCAP,SYS_CHROOT");
        daemon.line("trio-net read \"content\" and may not open a file: Function not implemented");
        daemon.line("trio-root read \"content\" and may not open a file: Function not implemented");
        daemon.line("ready");
    }),
    ("a_lent_capability_that_nobody_granted_is_not_missed", || {
        let mut daemon = Daemon::start_under(&["setpriv", "--bounding-set=-net_admin"], &["--appliers"]);
        daemon.line("trio-net has no capability to run with");
        daemon.line("trio-root read \"content\"");
        daemon.line("ready");
    }),
    ("an_applier_that_dies_ends_alone", || {
        let mut daemon = Daemon::start(&["--appliers", "--kill-applier"]);
        daemon.line("trio-net: the peer is gone");
        daemon.line("trio-root read \"content\"");
        daemon.line("ready");
    }),
    ("appliers_end_with_their_broker_or_if_they_are_stopped_with_its_supervisor", || {
        for stopped in [false, true] {
            let mut daemon = Daemon::start(&["--appliers"]);
            let (broker, _) = daemon.pids();
            daemon.line("ready");
            let appliers = children(broker);
            assert_eq!(appliers.len(), 2, "{appliers:?}");
            for applier in appliers.iter().filter(|_| stopped) {
                kill_process(*applier, Signal::STOP).unwrap();
            }
            kill_process(broker, Signal::KILL).unwrap();
            daemon.line("again_in");
            if stopped {
                let adopted = children(daemon.supervisor());
                assert!(appliers.iter().all(|applier| adopted.contains(applier)), "{adopted:?}");
                daemon.signal(Signal::TERM);
                assert_eq!(daemon.wait().code(), Some(0));
            }
            gone(&appliers);
        }
    }),
    ("more_jobs_than_there_is_room_for_wait_for_an_answer", || {
        let mut daemon = Daemon::start(&["--appliers", "--many-jobs"]);
        let line = daemon.line("jobs answered in order");
        assert!(line.contains("1000 jobs") && !line.contains(" 0 times full"), "{line}");
        daemon.line("ready");
    }),
    ("a_one_shot_run_ends_even_if_its_broker_does_not", || {
        let mut daemon = Daemon::start(&["--oneshot", "--hang"]);
        let (broker, worker) = daemon.pids();
        assert_eq!(daemon.wait().code(), Some(69));
        gone(&[broker, worker]);
    }),
    ("a_worker_that_cannot_confine_itself_says_why_and_ends_the_daemon", || {
        // No empty directory, and no place to make one: in a mount namespace of its own.
        let bare = "mount -t tmpfs none /var; mount -t tmpfs -o ro none /run; exec \"$@\"";
        let mut daemon = Daemon::start_under(&["unshare", "--mount", "sh", "-c", bare, "sh"], &[]);
        assert_eq!(daemon.wait().code(), Some(77));
        let line = daemon.line("error: ");
        assert!(line.starts_with("trio-worker| error: there is no empty directory"), "{line}");
        daemon.line("trio-worker|   help: put into the image:");
        let mut daemon = Daemon::start_under(&["unshare", "--mount", "sh", "-c", bare, "sh"], &["--appliers"]);
        assert_eq!(daemon.wait().code(), Some(77));
        daemon.line("error: there is no empty directory");
        daemon.line("error: trio-root did not lock itself in");
    }),
    ("a_missing_capability_is_answered_with_the_line_that_grants_it", || {
        let mut daemon = Daemon::start_under(&["setpriv", "--bounding-set=-setuid"], &[]);
        assert_eq!(daemon.wait().code(), Some(77));
        daemon.line("error: this process lacks CAP_SETUID");
        // And what this process has besides, so that it takes nothing away.
        let help = "capabilities: [CAP_SETUID, CAP_SETGID, CAP_SETPCAP, CAP_SYS_CHROOT, CAP_KILL, ";
        daemon.line(help);
    }),
    ("an_optional_worker_comes_when_it_is_asked_for_and_is_started_again_alone", || {
        let mut daemon = Daemon::start(&["--crew", "--lone"]);
        let (broker, first) = daemon.pids();
        let lone = daemon.newborn("newborn 1 generation=1 restarts=0 last=\"none\"");
        assert!(daemon.line("worker 1 ").contains("uid=64097"));
        daemon.line("lone Next(42)");
        kill_process(lone, Signal::KILL).unwrap();
        daemon.line("INFO supervisor a worker has ended worker=\"trio-lone\" ended=signal 9");
        daemon.line("WARN supervisor a worker is started again ended=signal 9 after=100ms");
        let next = daemon.newborn("newborn 1 generation=2 restarts=1 last=\"signal 9\"");
        daemon.line("lone Next(42)");
        kill_process(next, Signal::KILL).unwrap();
        daemon.line("a worker is started again ended=signal 9 after=200ms");
        daemon.newborn("newborn 1 generation=3 restarts=2 last=\"signal 9\"");
        for pid in [broker, first] {
            rustix::process::test_kill_process(pid).expect("nobody else was started anew");
        }
    }),
    ("nobody_comes_who_was_not_asked_for", || {
        let mut daemon = Daemon::start(&["--crew"]);
        daemon.line("ready");
        assert_eq!(children(daemon.supervisor()).len(), 2, "the broker and its first worker");
    }),
    ("two_that_are_joined_speak_with_each_other_and_share_one_fate", || {
        let mut daemon = Daemon::start(&["--crew", "--pair"]);
        let (broker, _) = daemon.pids();
        let (left, right) = (daemon.newborn("newborn 2 generation=1"), daemon.newborn("newborn 3 generation=1"));
        assert!(daemon.line("worker 3 ").contains("uid=64095 gid=64095 groups=0 capabilities=none bounding=none"));
        daemon.line("right Pass(7)");
        daemon.line("left Pass(8)");
        kill_process(left, Signal::KILL).unwrap();
        gone(&[left, right]);
        daemon.newborn("newborn 2 generation=2");
        daemon.newborn("newborn 3 generation=2");
        daemon.line("right Pass(7)");
        daemon.line("left Pass(8)");
        rustix::process::test_kill_process(broker).expect("the broker was not started anew");
    }),
    ("an_optional_worker_that_cannot_be_confined_never_ends_the_daemon", || {
        let mut daemon = Daemon::start(&["--crew", "--hopeless"]);
        let (broker, _) = daemon.pids();
        daemon.newborn("newborn 4 generation=1");
        daemon.line("trio-hopeless| error: it cannot be confined here");
        daemon.line("worker 4 is not confined");
        daemon.line("a worker has ended worker=\"trio-hopeless\" ended=exit 77");
        std::thread::sleep(Duration::from_millis(300));
        rustix::process::test_kill_process(broker).expect("the broker was not started anew");
        assert_eq!(children(daemon.supervisor()).len(), 2, "nobody has asked again");
        let mut daemon = Daemon::start(&["--crew", "--hopeless", "--again"]);
        daemon.newborn("newborn 4 generation=2 restarts=1 last=\"exit 77\"");
        daemon.newborn("newborn 4 generation=3 restarts=2 last=\"exit 77\"");
    }),
    ("one_that_has_done_its_work_comes_again_only_when_it_is_asked_for", || {
        let mut daemon = Daemon::start(&["--crew", "--fleeting"]);
        daemon.newborn("newborn 5 generation=1 restarts=0");
        daemon.line("a worker has ended worker=\"trio-fleeting\" ended=exit 0");
        let mut daemon = Daemon::start(&["--crew", "--fleeting", "--again"]);
        daemon.newborn("newborn 5 generation=2 restarts=0 last=\"exit 0\"");
    }),
    ("a_broker_that_does_not_read_its_roster_is_ended_with_all_the_others", || {
        let mut daemon = Daemon::start(&["--crew", "--deaf"]);
        daemon.line("cannot start a worker cause=the broker does not hear of its workers: the peer does not read");
        daemon.line("broker and worker have ended broker=signal 9");
        daemon.line("restarts=1");
    }),
    ("a_killed_broker_takes_every_worker_with_it", || {
        let mut daemon = Daemon::start(&["--crew", "--lone", "--pair"]);
        let (broker, first) = daemon.pids();
        let workers = [1, 2, 3].map(|at| daemon.newborn(&format!("newborn {at} generation=1")));
        daemon.line("left Pass(8)");
        kill_process(workers[0], Signal::STOP).unwrap();
        kill_process(broker, Signal::KILL).unwrap();
        gone(&[broker, first]);
        gone(&workers);
        daemon.line("restarts=1");
        daemon.newborn("newborn 1 generation=2 restarts=1 last=\"signal 9\"");
    }),
    ("told_to_end_it_ends_with_every_worker", || {
        let mut daemon = Daemon::start(&["--crew", "--lone", "--pair"]);
        let workers = [1, 2, 3].map(|at| daemon.newborn(&format!("newborn {at} generation=1")));
        daemon.line("left Pass(8)");
        daemon.signal(Signal::TERM);
        assert_eq!(daemon.wait().code(), Some(0));
        gone(&workers);
    }),
    ("who_waits_until_the_daemon_is_ready_reads_one_byte", || {
        let mut daemon = Daemon::start_under(&["sh", "-c", "exec \"$@\" 7>&1", "sh"], &["--ready"]);
        daemon.line("ready");
        // The byte is the end of an empty line among the others.
        daemon.whole_line("");
        let mut daemon = Daemon::start(&["--ready"]);
        assert_eq!(daemon.wait().code(), Some(64));
        daemon.line("error: descriptor 7 is not open");
    }),
    ("a_broker_started_by_hand_says_what_to_run_instead", || {
        let own = std::env::current_exe().unwrap();
        let output = std::process::Command::new(own)
            .args(["--broker-of=trio", "--started-at=1", "--restarts=0"])
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(64));
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(text.contains("help: --broker-of is for the supervisor's own use"), "{text}");
    }),
];
