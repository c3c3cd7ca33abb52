//! The clock of a machine, set in earnest: this machine's must not be touched. Whether it is right says a client of a few lines in
//! the machine itself, which asks the same server.

mod interrupted;

use std::net::Ipv4Addr;
use std::process::Command;

use orlop_test_ntp::{Chrony, Lie};
use orlop_test_vm::{Line, Network, RIGHT, Report, Step};
use orlop_testbed::Running;
use serde_json::Value;

use crate::stage::{Seen, Stage, status_of};

const SOON: u32 = 60;
/// Where the machine's one server is, of addresses and of the time.
const SERVER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const PORT: u16 = 123;

/// The demo's machine, whose clock is set right once in onboot, beside the server of [`SERVER`].
struct Kept {
    stage: Stage,
    _server: Running,
}

impl Kept {
    /// With a hardware clock that says this, and a server that lies like that; `None` where there are no means.
    fn new(name: &str, clock: &str, lie: Option<Lie>, steps: &[Step]) -> Option<Self> {
        let mut stage = Stage::new(name, Line::V6_12, steps)?.card(0).clock(clock);
        stage.network.serve(&Network::server(0).option(&format!("option:ntp-server,{SERVER}"))).unwrap();
        let server = Chrony::at(SERVER, PORT);
        let server = lie.map_or(server.clone(), |lie| server.lying(lie));
        let server = server.start(stage.network.host()).unwrap();
        Some(Self { stage, _server: server })
    }

    /// Boots it, and looks whether onboot has set the clock and the service has left it alone.
    fn right_before_its_first_service(self) -> Seen {
        let seen = self.stage.boot();
        let console = &seen.console;
        assert!(console.contains(&format!("asking source={SERVER} origin=Network")), "{console}");
        assert!(console.contains("4 of 4 containers ended with 0"), "{console}");
        assert_eq!(console.matches(" why=\"one-shot\"").count(), 1, "{console}");
        let [_, clock, _, service, later] = &seen.record[..] else { unreachable!() };
        is_right(clock);
        let document = status(service);
        assert_eq!(document["synchronised"], true, "{document}");
        // It found the clock right, but for what the first answer is wrong by when the emulator has to wait for a processor.
        let again = document["last_step"]["by_ns"].as_i64().unwrap_or(0);
        assert!(again.abs() < 1_000_000_000, "{document}");
        is_right(later);
        seen
    }
}

/// What is looked at in a machine until its service says this.
fn steps_until(wanted: &str) -> [Step; 5] {
    [
        Step::wait("/run/orlop/boot.json", "\"onboot_done_ms\": ", SOON),
        right_clock(),
        Step::wait(&status_of("ntp"), "\"mode\": \"service\"", SOON),
        Step::wait(&status_of("ntp"), wanted, SOON),
        right_clock(),
    ]
}

/// It has found the clock right itself.
const SYNCHRONISED: &str = "\"synchronised\": true";
/// It has had all eight answers of its burst.
const EIGHT_ANSWERS: &str = "\"reach\": 255,";

fn right_clock() -> Step {
    Step::Clock(format!("{SERVER}:{PORT}"), SOON)
}

/// What [`right_clock`] has found.
fn is_right(clock: &Report) {
    let off: i64 = clock.out.trim().parse().unwrap_or_else(|error| panic!("{error}: {clock:?}"));
    assert!(clock.code == 0 && u128::from(off.unsigned_abs()) <= RIGHT.as_nanos(), "{clock:?}");
}

fn status(of: &Report) -> Value {
    serde_json::from_str(&of.out).unwrap_or_else(|error| panic!("{error}: {of:?}"))
}

/// The whole chain: DHCP's option 42, what its client leaves for others, a real server, the kernel's clock.
#[test]
fn a_machine_that_believes_in_1970_is_right_before_its_first_service_starts_and_stays_so() {
    let Some(kept) = Kept::new("1970", "1970-01-01T00:00:00", None, &steps_until(EIGHT_ANSWERS)) else { return };
    let before = at("now");
    let seen = kept.right_before_its_first_service();
    assert!(seen.console.contains("clock set from=1970-01-01T"), "{}", seen.console);
    // In the status is what the machine's own clock says.
    let written = status(&seen.record[3])["written"]["utc"].as_str().unwrap().to_owned();
    let (at_least, at_most) = (before.as_str(), at("now"));
    assert!(at_least <= &*written && &written[..at_most.len()] <= at_most.as_str(), "{before}, {written}, {at_most}");
}

#[test]
fn a_clock_that_is_an_hour_ahead_is_set_back() {
    let Some(kept) = Kept::new("ahead", &at("now + 1 hour"), None, &steps_until(SYNCHRONISED)) else { return };
    let seen = kept.right_before_its_first_service();
    assert!(seen.console.contains(" by=-35"), "{}", seen.console);
}

#[test]
fn a_clock_that_is_an_hour_behind_is_set_forwards() {
    let Some(kept) = Kept::new("behind", &at("now - 1 hour"), None, &steps_until(SYNCHRONISED)) else { return };
    let seen = kept.right_before_its_first_service();
    assert!(seen.console.contains(" by=+36") || seen.console.contains(" by=36"), "{}", seen.console);
}

/// Seconds since 1970 no longer fit into 31 bits on 2038-01-19, and since 1900 not into 32 from 2036 on.
#[test]
fn a_clock_of_2037_is_set_to_2038() {
    let secs = |when: &str| date(&["-d", when, "+%s"]).parse::<i64>().unwrap();
    let ahead = secs("2038-01-19T04:00:00Z") - secs("now");
    let Some(kept) = Kept::new("2038", "2037-12-31T23:59:00", Some(Lie::Fake(ahead)), &steps_until(SYNCHRONISED))
    else {
        return;
    };
    let seen = kept.right_before_its_first_service();
    assert!(seen.console.contains("clock set from=2037-12-31T23:59:"), "{}", seen.console);
    assert!(seen.console.contains(" to=2038-01-19T04:0"), "{}", seen.console);
}

/// A moment by this machine's clock, to the second, as RFC 3339 begins and as QEMU takes it.
fn at(when: &str) -> String {
    date(&["-d", when, "+%Y-%m-%dT%H:%M:%S"])
}

fn date(args: &[&str]) -> String {
    let date = Command::new("date").arg("-u").args(args).output().unwrap();
    String::from_utf8(date.stdout).unwrap().trim().to_owned()
}
