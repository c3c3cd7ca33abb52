use super::*;
use crate::base;
use crate::profile::{BROKER_SLOTS, Ids, JOINT, JOINT_SLOT, Slot, join, request_slot};

const BROKER: Profile = Profile { name: "some-broker", ..base::BROKER };
const ASKS: [Slot; BROKER_SLOTS.len() + 2] = join(&[&BROKER_SLOTS, &[request_slot(0), request_slot(1)]]);
const ASKING_BROKER: Profile = Profile { slots: &ASKS, ..BROKER };
const PARSER: Profile = Profile { name: "some-worker", ids: Ids { uid: 64_199, gid: 64_199 }, ..base::WORKER };
const LEFT: Profile = Profile { name: "some-left", ids: Ids { uid: 64_198, gid: 64_198 }, ..base::JOINED_WORKER };
const RIGHT: Profile = Profile { name: "some-right", ids: Ids { uid: 64_197, gid: 64_197 }, ..base::JOINED_WORKER };

const VITAL: Worker = Worker { program: "some-worker", profile: &PARSER, service: Service::Vital, grants: &[] };
const ONE: [Worker; 1] = [VITAL];
const THREE: [Worker; 3] = [
    VITAL,
    Worker { program: "some-pair", profile: &LEFT, service: Service::Optional, grants: &[] },
    Worker { program: "some-pair", profile: &RIGHT, service: Service::Optional, grants: &[] },
];

const SIMPLE: Daemon = Daemon {
    name: "some",
    title: "some daemon",
    program: "orlop-some",
    aliases: &[],
    broker: &BROKER,
    workers: &ONE,
    joined: &[],
    appliers: &[],
    lent: &[],
    capabilities: &[],
    binds: &[],
    processes: Processes::Own,
    settings: &[],
};
const JOINED: Daemon = Daemon { broker: &ASKING_BROKER, workers: &THREE, joined: &[(1, 2)], ..SIMPLE };

#[test]
fn what_is_whole_has_nothing_missing() {
    assert_eq!(SIMPLE.incomplete(), None);
    assert_eq!(JOINED.incomplete(), None);
}

#[test]
fn what_cannot_run_is_said_before_it_is_started() {
    const NAMELESS: [Worker; 1] =
        [Worker { program: "x", profile: &base::WORKER, service: Service::Vital, grants: &[] }];
    const NO_WORKER: [Worker; 1] = [Worker { program: "x", profile: &BROKER, service: Service::Vital, grants: &[] }];
    const NEVER: [Worker; 1] = [Worker { program: "x", profile: &PARSER, service: Service::Optional, grants: &[] }];
    const MANY: [Worker; 9] =
        [const { Worker { program: "x", profile: &PARSER, service: Service::Vital, grants: &[] } }; 9];
    const MIXED: [Worker; 2] = [
        Worker { program: "x", profile: &LEFT, service: Service::Vital, grants: &[] },
        Worker { program: "x", profile: &RIGHT, service: Service::Optional, grants: &[] },
    ];
    const ASKS_ONE: [Slot; BROKER_SLOTS.len() + 1] = join(&[&BROKER_SLOTS, &[request_slot(0)]]);
    const ASKS_FOR_ONE: Profile = Profile { slots: &ASKS_ONE, ..BROKER };
    for (what, daemon, want) in [
        ("no worker", Daemon { workers: &[], ..SIMPLE }, "it has no worker"),
        ("too many", Daemon { workers: &MANY, ..SIMPLE }, "it has more workers than a broker looks after"),
        ("none vital", Daemon { broker: &ASKS_FOR_ONE, workers: &NEVER, ..SIMPLE }, "it can do without every worker"),
        ("a worker's profile", Daemon { broker: &PARSER, ..SIMPLE }, "its broker is none"),
        ("a broker's profile", Daemon { workers: &NO_WORKER, ..SIMPLE }, "a worker is none"),
        ("an incomplete profile", Daemon { workers: &NAMELESS, ..SIMPLE }, "it has no name"),
        ("joined to itself", Daemon { joined: &[(1, 1)], ..JOINED }, "workers are joined that cannot share one fate"),
        ("joined to nobody", Daemon { joined: &[(1, 7)], ..JOINED }, "workers are joined that cannot share one fate"),
        (
            "two fates",
            Daemon { broker: &ASKS_FOR_ONE, workers: &MIXED, joined: &[(0, 1)], ..SIMPLE },
            "workers are joined that cannot share one fate",
        ),
        (
            "a slot too many",
            Daemon { joined: &[], ..JOINED },
            "a worker has a slot for a joint and no joint, or the other way round",
        ),
        (
            "no request slot",
            Daemon { broker: &BROKER, ..JOINED },
            "the broker has not one request slot for each worker that it asks for",
        ),
    ] {
        assert_eq!(daemon.incomplete(), Some(want), "{what}");
    }
    assert_eq!(JOINT.fd, JOINT_SLOT);
}

#[test]
fn a_program_that_two_workers_share_is_named_once() {
    assert_eq!(JOINED.programs().collect::<Vec<_>>(), ["orlop-some", "some-worker", "some-pair"]);
}

#[test]
fn who_is_joined_knows_its_partner() {
    assert_eq!([0, 1, 2].map(|at| JOINED.partner(at)), [None, Some(2), Some(1)]);
    assert_eq!(JOINED.asked_for().collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn what_it_leaves_for_others_lies_in_a_folder_of_its_name() {
    assert_eq!(SIMPLE.published("status.json"), "/run/orlop/some/status.json");
}
