//! What must be true of every daemon, whoever else is on the machine and whatever the kernel refuses.

use rustix::process::{Signal, kill_process};

use crate::neighbour::CROWDED;
use crate::run::{Case, Daemon};

pub(crate) const CASES: &[Case] =
    &[("descriptors_arrive_however_many_others_of_root_have_under_way", crowded)];

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
