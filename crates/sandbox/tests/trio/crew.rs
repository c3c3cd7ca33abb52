//! The same daemon with more than one worker: one that it cannot do without, and three that its broker asks for, two of which
//! are joined.

use std::pin::pin;
use std::task::Poll;

use orlop_machine::Instant;
use orlop_sandbox::broker::{Attested, Broker, Keep, Narrow};
use orlop_sandbox::channel::ChannelError;
use orlop_sandbox::daemon::{Daemon, Service, Worker};
use orlop_sandbox::fatal::{Exit, Fatal};
use orlop_sandbox::profile::{BROKER_SLOTS, Ids, Profile, Slot, join, request_slot};
use orlop_sandbox::roster::Newborn;
use orlop_sandbox::signals::Signals;
use orlop_sandbox::supervisor::Birth;
use orlop_sandbox::worker::{self, Context};
use orlop_sandbox::{base, clock, log};
use orlop_wire::MaxSize;
use serde::{Deserialize, Serialize};

use crate::daemon::{PROGRAM, SIMPLE, WORKER, say};

const LONE: Profile = Profile { name: "trio-lone", ids: Ids { uid: 64_097, gid: 64_097 }, ..base::WORKER };
const LEFT: Profile = Profile { name: "trio-left", ids: Ids { uid: 64_096, gid: 64_096 }, ..base::JOINED_WORKER };
const RIGHT: Profile = Profile { name: "trio-right", ids: Ids { uid: 64_095, gid: 64_095 }, ..base::JOINED_WORKER };
/// It ends with 77 before it has locked itself in.
const HOPELESS: Profile = Profile { name: "trio-hopeless", ids: Ids { uid: 64_094, gid: 64_094 }, ..base::WORKER };
/// It ends with 0 before it has locked itself in.
const FLEETING: Profile = Profile { name: "trio-fleeting", ids: Ids { uid: 64_093, gid: 64_093 }, ..base::WORKER };

pub(crate) const PROFILES: [&Profile; 5] = [&LONE, &LEFT, &RIGHT, &HOPELESS, &FLEETING];

const fn optional(profile: &'static Profile) -> Worker {
    Worker { program: PROGRAM, profile, service: Service::Optional, grants: &[] }
}

const WORKERS: [Worker; 6] = [
    Worker { program: PROGRAM, profile: &WORKER, service: Service::Vital, grants: &[] },
    optional(&LONE),
    optional(&LEFT),
    optional(&RIGHT),
    optional(&HOPELESS),
    optional(&FLEETING),
];
/// Their places.
const FIRST: usize = 0;
const LONE_ONE: usize = 1;
const LEFT_ONE: usize = 2;
const RIGHT_ONE: usize = 3;
const HOPELESS_ONE: usize = 4;
const FLEETING_ONE: usize = 5;

const SLOTS: [Slot; BROKER_SLOTS.len() + 5] =
    join(&[&BROKER_SLOTS, &[request_slot(0), request_slot(1), request_slot(2), request_slot(3), request_slot(4)]]);
const BROKER: Profile = Profile { name: "trio-broker", slots: &SLOTS, ..base::BROKER };

pub(crate) static DAEMON: Daemon = Daemon { broker: &BROKER, workers: &WORKERS, joined: &[(2, 3)], ..SIMPLE };

/// As much as the workers of this daemon have to say, to their broker and to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
enum Word {
    /// To be answered with the next number.
    Next(u32),
    /// To be passed on to the partner, who tells the broker.
    Pass(u32),
}

const PROTOCOL: u32 = 7;

type Link = Attested<Word, Word>;

pub(crate) async fn serve(birth: &Birth, has: &impl Fn(&str) -> bool) -> Result<Exit, Fatal> {
    let own = std::process::id();
    let broker = Broker::start(&DAEMON, &BROKER)?;
    let signals = Signals::open().unwrap();
    let narrow = broker.narrow(Keep::default())?;
    let first = narrow.newborn().await?;
    say(&format!("pids broker={own} worker={}", first.pid));
    say(&format!("restarts={}", birth.restarts));
    assert_eq!(first.index, FIRST);
    let mut links: [Option<Link>; WORKERS.len()] = [const { None }; WORKERS.len()];
    let asked = clock::now();
    for (flag, place) in [
        ("--lone", LONE_ONE),
        ("--pair", LEFT_ONE),
        ("--pair", RIGHT_ONE),
        ("--hopeless", HOPELESS_ONE),
        ("--fleeting", FLEETING_ONE),
    ] {
        if has(flag) {
            narrow.ask(place).unwrap();
        }
    }
    assert!(narrow.ask(FIRST).is_err(), "it comes by itself");
    if has("--deaf") {
        // It never looks at the roster again.
        loop {
            narrow.ask(FLEETING_ONE).unwrap();
        }
    }
    say("ready");
    // The first worker of this daemon is never spoken to; it waits, and that it is there is all that is wanted.
    let _first = first;
    loop {
        let mut newborn = pin!(narrow.newborn());
        let mut signal = pin!(signals.recv());
        let event = std::future::poll_fn(|context| match signal.as_mut().poll(context) {
            Poll::Ready(_) => Poll::Ready(None),
            Poll::Pending => newborn.as_mut().poll(context).map(Some),
        });
        let Some(newborn) = event.await.transpose()? else { return Ok(Exit::Done) };
        welcome(&narrow, newborn, &mut links, has("--again"), asked).await?;
    }
}

/// Drops what was there before, attests the newcomer, and speaks with it.
async fn welcome(
    narrow: &Narrow,
    newborn: Newborn,
    links: &mut [Option<Link>],
    again: bool,
    asked: Instant,
) -> Result<(), Fatal> {
    let Newborn { index, generation, pid, restarts, last, .. } = &newborn;
    let (index, pid) = (*index, *pid);
    let last = last.map_or_else(|| "none".to_owned(), |last| last.to_string());
    say(&format!("newborn {index} generation={generation} restarts={restarts} last={last:?} pid={pid}"));
    // With a worker goes the one that it is joined to.
    match index {
        LEFT_ONE | RIGHT_ONE if links[index].is_some() => (links[LEFT_ONE], links[RIGHT_ONE]) = (None, None),
        _ => links[index] = None,
    }
    let attested: Link = match narrow.attest(newborn, PROTOCOL).await {
        Ok(attested) => attested,
        Err(fatal) => {
            say(&format!("worker {index} is not confined: {}", fatal.problem));
            if again {
                narrow.ask(index).unwrap();
            }
            return Ok(());
        }
    };
    let since = clock::now().since(asked);
    say(&format!("worker {index} {} confined_us={}", attested.posture, since.as_micros()));
    let lost = |cause: ChannelError| Fatal::os("the worker is lost", cause);
    if index == LONE_ONE {
        attested.channel.send(&Word::Next(41)).await.map_err(lost)?;
        say(&format!("lone {:?}", attested.channel.recv().await.map_err(lost)?.message));
    }
    links[index] = Some(attested);
    if let [_, _, Some(left), Some(right), ..] = links
        && (index == LEFT_ONE || index == RIGHT_ONE)
    {
        left.channel.send(&Word::Pass(7)).await.map_err(lost)?;
        say(&format!("right {:?}", right.channel.recv().await.map_err(lost)?.message));
        right.channel.send(&Word::Pass(8)).await.map_err(lost)?;
        say(&format!("left {:?}", left.channel.recv().await.map_err(lost)?.message));
    }
    Ok(())
}

pub(crate) fn work(profile: &'static Profile) -> Result<(), Fatal> {
    log::init("worker", tracing::level_filters::LevelFilter::INFO);
    if profile == &HOPELESS {
        return Err(Fatal::new(Exit::Permission, "it cannot be confined here"));
    }
    if profile == &FLEETING {
        return Ok(());
    }
    let is_joined = profile != &LONE;
    let locked = worker::Worker::open(profile)?
        .prepare(|preparation| {
            let joint = preparation.joint::<Word, Word>();
            if is_joined {
                return joint.map(Some);
            }
            assert!(joint.is_err(), "nobody has joined it to another one: what has that number is the loop's");
            Ok(None)
        })?
        .drop_user()?
        .lock()?;
    locked.enter(PROTOCOL, async |context: Context<Word, Word, _>| {
        let Context { channel, resources: joint, .. } = context;
        loop {
            let event = std::future::poll_fn(|context| {
                if let Some(joint) = &joint
                    && let Poll::Ready(word) = joint.poll_recv(context)
                {
                    return Poll::Ready((true, word));
                }
                channel.poll_recv(context).map(|word| (false, word))
            });
            let (from_partner, Ok(received)) = event.await else { return };
            let answered = match (received.message, &joint) {
                (Word::Next(number), _) => channel.send(&Word::Next(number + 1)).await,
                (word @ Word::Pass(_), Some(joint)) if !from_partner => joint.send(&word).await,
                (word @ Word::Pass(_), _) => channel.send(&word).await,
            };
            answered.unwrap();
        }
    })
}
