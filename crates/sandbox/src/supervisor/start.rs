//! Starting one process, and telling its broker.

use std::ffi::{CStr, CString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{Mode, OFlags};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::Pid;

use super::birth::{BROKER_OF, RESTARTS, STARTED_AT};
use super::seat::Seat;
use super::{Plan, Supervisor};
use crate::channel::ChannelError;
use crate::fatal::Fatal;
use crate::joint;
use crate::privileges;
use crate::profile::{CHANNEL_SLOT, FIRST_REQUEST_SLOT, JOINT_SLOT, Layers, READY_SLOT, ROSTER_SLOT};
use crate::roster::Announcer;
use crate::sys::{self, Spawn};

impl Supervisor {
    /// Starts the broker, who is told how often all were started anew.
    pub(super) fn start_broker(
        &self,
        plan: &Plan,
        restarts: u32,
        roster: BorrowedFd<'_>,
        ready: BorrowedFd<'_>,
        requests: &[OwnedFd],
    ) -> io::Result<Pid> {
        let ours = [
            CString::new(format!("{BROKER_OF}={}", self.daemon.name))?,
            CString::new(format!("{STARTED_AT}={}", self.started.as_nanos()))?,
            CString::new(format!("{RESTARTS}={restarts}"))?,
        ];
        let (name, rest) = plan.broker_args.split_first().ok_or(io::ErrorKind::InvalidInput)?;
        let arguments: Vec<&CStr> = [name].into_iter().chain(&ours).chain(rest).map(CString::as_c_str).collect();
        let (stdin, stdout, log) = (io::stdin(), io::stdout(), io::stderr());
        let first = [stdin.as_fd(), stdout.as_fd(), log.as_fd()].into_iter().zip(0..);
        let requests = requests.iter().map(AsFd::as_fd).zip(FIRST_REQUEST_SLOT..);
        let descriptors = first.chain([(roster, ROSTER_SLOT), (ready, READY_SLOT)]).chain(requests);
        sys::spawn(&Spawn {
            program: self.broker.as_fd(),
            arguments: &arguments,
            descriptors: &descriptors.collect::<Vec<_>>(),
        })
    }

    /// Starts the workers in these places, joins those that are to be, and announces each. When one cannot be started, none
    /// is left.
    ///
    /// # Errors
    /// [`NotStarted`].
    pub(super) fn start_workers(
        &self,
        places: &[usize],
        announcer: &Announcer,
        seats: &mut [Seat],
    ) -> Result<Vec<(usize, Pid)>, NotStarted> {
        let mut joints = Vec::new();
        for place in places {
            if let Some(partner) = self.daemon.partner(*place).filter(|partner| place < partner) {
                let (one, other) = joint::pair()?;
                refuse_descriptors(&one);
                refuse_descriptors(&other);
                joints.extend([(*place, one), (partner, other)]);
            }
        }
        let mut started = Vec::with_capacity(places.len());
        for place in places {
            let joint = joints.iter().find(|(of, _)| of == place).map(|(_, joint)| joint.as_fd());
            match self.start_worker(*place, joint, announcer, seats) {
                Ok(pid) => started.push((*place, pid)),
                Err(error) => {
                    started.iter().for_each(|(_, pid)| kill(*pid));
                    return Err(error);
                }
            }
        }
        Ok(started)
    }

    fn start_worker(
        &self,
        place: usize,
        joint: Option<BorrowedFd<'_>>,
        announcer: &Announcer,
        seats: &mut [Seat],
    ) -> Result<Pid, NotStarted> {
        let missing = || NotStarted::Refused(io::ErrorKind::NotFound.into());
        let worker = self.daemon.workers.get(place).ok_or_else(missing)?;
        let (program, seat) = self.workers.get(place).zip(seats.get_mut(place)).ok_or_else(missing)?;
        let (ours, theirs) = joint::pair()?;
        // Only our end does not wait: a worker whose log is not read yet does.
        let (log, stderr) = pipe_with(PipeFlags::CLOEXEC).map_err(io::Error::from)?;
        rustix::fs::fcntl_setfl(&log, OFlags::NONBLOCK).map_err(io::Error::from)?;
        refuse_descriptors(&ours);
        let null = self.null.as_fd();
        let fixed = [(null, 0), (null, 1), (stderr.as_fd(), 2), (theirs.as_fd(), CHANNEL_SLOT)];
        let kept = worker.profile.kept_numbers().map(|fd| (null, fd));
        let pid = sys::spawn(&Spawn {
            program: program.as_fd(),
            arguments: &[&CString::new(worker.profile.name).map_err(io::Error::from)?],
            descriptors: &fixed
                .into_iter()
                .chain(joint.map(|joint| (joint, JOINT_SLOT)))
                .chain(kept)
                .collect::<Vec<_>>(),
        })?;
        let number = pid.as_raw_nonzero().get();
        let announced = self.status(number).map_err(NotStarted::Refused).and_then(|status| {
            let entry = seat.taken(place, number);
            let descriptors = [ours.as_fd(), log.as_fd(), status.as_fd()];
            // Root's account is everybody's: who has more under way there than we may have would keep us from saying it.
            let said = match self.daemon.broker.layers {
                Layers::UNPRIVILEGED => announcer.announce(&entry, descriptors),
                _ => privileges::charged_to(self.daemon.account(), || announcer.announce(&entry, descriptors))?,
            };
            said.map_err(NotStarted::Unheard)
        });
        if announced.is_err() {
            kill(pid);
        }
        announced.map(|()| pid)
    }

    /// `/proc/PID/status` of a process that was just started. One that has ended by now still has it until it is collected.
    fn status(&self, pid: i32) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        Ok(rustix::fs::openat(&self.processes, format!("{pid}/status"), flags, Mode::empty())?.into())
    }
}

/// Why a worker was not started.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotStarted {
    /// The kernel refused; trying again may help.
    #[error(transparent)]
    Refused(#[from] io::Error),
    /// It could not be said in the daemon's own name.
    #[error(transparent)]
    Uncharged(#[from] Fatal),
    /// The broker does not hear of it: it does not read its roster, or has closed it.
    #[error("the broker does not hear of its workers: {0}")]
    Unheard(#[source] ChannelError),
}

/// Of a worker nobody takes descriptors. Before Linux 6.16 the kernel cannot refuse them; they are dropped then, because
/// neither a broker nor who is joined to it asks for them.
fn refuse_descriptors(end: &OwnedFd) {
    let _best_effort = sys::pass_rights(end.as_fd(), false);
}

/// Kills a process of ours. One that is gone, but not yet collected, does not mind.
pub(super) fn kill(pid: Pid) {
    let _gone = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
}
