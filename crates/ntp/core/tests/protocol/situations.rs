//! One clock in many situations.

use crate::world::{Scene, Server};

#[test]
fn a_clock_that_is_right_stays_right() {
    let world = Scene::new(vec![Server::wan(), Server::wan(), Server::wan()]).run(3 * 3600);
    println!("rms {} worst {} status {:?}", world.rms(3600.0), world.worst(3600.0), world.status);
    assert_eq!(world.steps, []);
    assert!(world.worst(3600.0) < 0.005);
}
