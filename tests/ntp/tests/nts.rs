//! NTS: keys from real chronyd servers, and from others that are slow, wrong or hostile.
#![allow(clippy::unwrap_used, reason = "a test says what failed by panicking")]

use std::time::Duration;

use orlop_test_ntp::{Authority, CA, Chrony, Clock, Days, RIGHT, Scene, ntp, steps, testbed};

const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn a_clock_is_set_by_a_server_that_proves_who_it_is() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new(Clock::behind(HOUR / 2)).unwrap();
    let authority = Authority::new().unwrap();
    authority.trusted_on(&scene.host).unwrap();
    let identity = authority.certify(&["127.0.0.1"], Days::USUAL).unwrap();
    let _server = Chrony::on(1121).secured(4461, &identity).start(&scene.host).unwrap();
    let config = format!("log = \"debug\"\nnts-ca = \"{CA}\"\nsources = [{{ server = \"127.0.0.1:4461\", nts = true }}]\n");
    let daemon = scene.service(&ntp().config(&config)).unwrap();
    assert_eq!(steps(&daemon), 1, "{}", daemon.text());
    assert!(scene.clock().unwrap().error().abs() < RIGHT, "{}", daemon.text());
}
