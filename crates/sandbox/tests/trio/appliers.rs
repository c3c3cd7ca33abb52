//! The daemon's appliers: they read the file that they are handed, and try what they may not.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use orlop_sandbox::applier::{Applier, Forked};
use orlop_sandbox::base;
use orlop_sandbox::capability::Capability;
use orlop_sandbox::channel::ChannelError;
use orlop_sandbox::fatal::Fatal;
use orlop_sandbox::posture::Posture;
use orlop_sandbox::privileges::is_permitted;
use orlop_sandbox::profile::{Ids, Profile};
use orlop_wire::{MaxSize, Str};
use rustix::fs::{Mode, OFlags};
use serde::{Deserialize, Serialize};

use crate::daemon::say;

pub(crate) const LENT: [Capability; 1] = [Capability::NetAdmin];

const ROOT: Profile = Profile { name: "trio-root", ..base::APPLIER };

const NET: Profile = Profile { name: "trio-net", ids: Ids { uid: 64_098, gid: 64_098 }, keep: &LENT, ..ROOT };

#[derive(Debug, Clone, Copy, Serialize, Deserialize, MaxSize)]
enum Job {
    Read,
    Echo(u32),
    Panic,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
enum Answer {
    Read {
        content: Str<16>,
        /// Why it may not open a file.
        errno: i32,
    },
    Echoed(u32),
    Nothing,
}

fn work(job: Job, fd: Option<OwnedFd>) -> Answer {
    match (job, fd) {
        (Job::Read, Some(fd)) => {
            let mut content = [0; 16];
            let len = rustix::io::pread(&fd, &mut content, 0).unwrap();
            let open = rustix::fs::open("/", OFlags::RDONLY, Mode::empty());
            Answer::Read {
                content: Str::new(core::str::from_utf8(&content[..len]).unwrap()).unwrap(),
                errno: open.map_or_else(rustix::io::Errno::raw_os_error, |_| 0),
            }
        }
        (Job::Echo(number), _) => Answer::Echoed(number),
        (Job::Panic, _) => panic!("told to"),
        (Job::Read, None) => Answer::Nothing,
    }
}

/// Those that were started, and what they will be handed.
#[derive(Default)]
pub(crate) struct Appliers {
    forked: Vec<(&'static str, Forked<Job, Answer>)>,
    file: Option<OwnedFd>,
}

impl Appliers {
    pub(crate) fn fork() -> Result<Self, Fatal> {
        let mut forked = vec![(ROOT.name, Applier::fork(&ROOT, work)?)];
        if is_permitted(Capability::NetAdmin)? {
            forked.push((NET.name, Applier::fork(&NET, work)?));
        } else {
            say(&format!("{} has no capability to run with", NET.name));
        }
        Ok(Self { forked, file: Some(content()) })
    }

    /// What the broker does with them, under its own filter.
    pub(crate) fn play(self, broker: &Posture, has: &impl Fn(&str) -> bool) -> Result<(), Fatal> {
        let Self { forked, file } = self;
        for (name, forked) in forked {
            let mut applier = forked.attest(false)?;
            say(&format!("{name} {}", applier.posture()));
            assert_eq!(applier.observe().unwrap(), applier.posture().status);
            if has("--kill-applier") && name == NET.name {
                applier.send(&Job::Panic, None).unwrap();
            }
            if has("--many-jobs") {
                many(&mut applier);
            }
            match ask(&mut applier, Job::Read, file.as_ref().map(AsFd::as_fd)) {
                Ok(Answer::Read { content, errno }) => {
                    let errno = io::Error::from_raw_os_error(errno);
                    say(&format!("{name} read {:?} and may not open a file: {errno}", &*content));
                }
                Ok(other) => panic!("{other:?}"),
                Err(error) => say(&format!("{name}: {error}")),
            }
            core::mem::forget(applier);
        }
        let status = &broker.status;
        say(&format!("broker keeps capabilities={} bounding={}", status.permitted, status.bounding));
        Ok(())
    }
}

fn ask(applier: &mut Applier<Job, Answer>, job: Job, fd: Option<BorrowedFd<'_>>) -> Result<Answer, ChannelError> {
    applier.send(&job, fd)?;
    applier.recv()
}

/// Far more jobs than there is room for: whenever there is none, an answer is collected.
fn many(applier: &mut Applier<Job, Answer>) {
    let (mut full, mut answered) = (0, 0);
    let collect = |applier: &mut Applier<Job, Answer>, want: u32| {
        assert_eq!(applier.recv().unwrap(), Answer::Echoed(want));
        want + 1
    };
    for number in 0..MANY {
        while let Err(error) = applier.send(&Job::Echo(number), None) {
            assert!(matches!(error, ChannelError::Full), "{error}");
            full += 1;
            answered = collect(applier, answered);
        }
    }
    while answered < MANY {
        answered = collect(applier, answered);
    }
    say(&format!("{MANY} jobs answered in order, {full} times full"));
}

/// A socket has room for some hundred small messages each way.
const MANY: u32 = 1000;

/// A file without a name, with something in it.
fn content() -> OwnedFd {
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    let file = rustix::fs::open(std::env::temp_dir(), flags, Mode::RUSR).unwrap();
    rustix::io::write(&file, b"content").unwrap();
    file
}
