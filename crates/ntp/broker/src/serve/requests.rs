//! What the worker asks for, each through the policy.

use std::io;
use std::os::fd::AsFd as _;

use orlop_machine::Instant;
use orlop_ntp_contract::{Asked, Notice, Permitted, Refusal, Request, Step, StepReason};
use orlop_sandbox::datagram::open_connected;
use orlop_sandbox::fatal::{Exit, Fatal};
use rustix::io::Errno;
use tracing::{debug, info, warn};

use super::server::{Server, worker_ended};
use crate::status::Stepped;

impl Server<'_> {
    /// Decides one request, and does it or says why not.
    pub(super) fn request(&mut self, now: Instant, request: Request) -> Result<(), Fatal> {
        let what = Asked::of(&request);
        match self.policy.permit(now, self.equipment.clock.now(), request) {
            Ok(permitted) => self.apply(now, permitted),
            Err(Refusal::TooManyDenials) => {
                let fatal = Fatal::new(Exit::Software, "the NTP worker is not to be trusted any more");
                Err(fatal.cause(Refusal::TooManyDenials))
            }
            Err(why) => self.refuse(what, why),
        }
    }

    /// Does what the policy has permitted.
    pub(super) fn apply(&mut self, now: Instant, permitted: Permitted) -> Result<(), Fatal> {
        let request = permitted.into_request();
        let what = Asked::of(&request);
        match request {
            Request::Step(step) => return self.step(now, step),
            Request::Frequency { drift, slew } => {
                if let Some(rate) = drift.plus(slew) {
                    match self.equipment.clock.pace(rate) {
                        Ok(()) => self.drift = drift,
                        Err(cause) => return self.refuse(what, refused_by_kernel(&cause)),
                    }
                    self.tell_mock()?;
                }
            }
            Request::Synchronised { est_error, max_error, leap } => {
                match self.equipment.clock.vouch(est_error, max_error, leap) {
                    Ok(()) => self.became_right(),
                    Err(cause) => return self.refuse(what, refused_by_kernel(&cause)),
                }
            }
            Request::Unsynchronised => {
                self.synchronised = false;
                if let Err(cause) = self.equipment.clock.doubt() {
                    return self.refuse(what, refused_by_kernel(&cause));
                }
            }
            Request::Read { peer } => {
                let read = self.equipment.hardware.as_ref().map(|hardware| hardware.read(&self.equipment.clock));
                return self.notify(&match read.unwrap_or_else(|| Err(io::ErrorKind::NotFound.into())) {
                    Ok(reading) => Notice::Reading { peer, reading },
                    Err(cause) => {
                        debug!(%cause, "the hardware clock cannot be read");
                        Notice::Refused { what, why: refused_by_kernel(&cause) }
                    }
                });
            }
            Request::Connect { peer, source: _, server } => {
                // A hardware clock has no socket: it is read here.
                let socket = match server.socket_addr().map(open_connected).transpose() {
                    Ok(socket) => socket,
                    Err(cause) => {
                        debug!(%server, %cause, "no way to the server");
                        return self.notify(&Notice::Refused { what, why: refused_by_kernel(&cause) });
                    }
                };
                self.peers.insert(peer, server);
                let connected = Notice::Connected { peer, server };
                match socket {
                    Some(socket) => self.channel.send_with(&connected, socket.as_fd()).map_err(worker_ended)?,
                    None => self.notify(&connected)?,
                }
            }
            Request::Exchange { source, at } => self.exchanges.want(source, at),
            Request::Report(status) => {
                self.warn_of_interception(&status);
                self.said = Some(status);
            }
        }
        Ok(())
    }

    fn step(&mut self, now: Instant, step: Step) -> Result<(), Fatal> {
        let Step { offset, why, agreed } = step;
        // Written down first: whoever makes this process die has spent it all the same.
        self.keep_state();
        let from = self.equipment.clock.now();
        if let Err(cause) = self.equipment.clock.step(offset) {
            return self.refuse(Asked::Step, refused_by_kernel(&cause));
        }
        let to = self.equipment.clock.now();
        let agreed: Vec<String> =
            agreed.iter().filter_map(|peer| self.peers.get(peer)).map(ToString::to_string).collect();
        info!(%from, %to, by = %offset, why = why.name(), agreed = agreed.join(" "), "clock set");
        if matches!(why, StepReason::LoneAnswer(_)) {
            warn!(server = agreed.join(" "), "only one of several servers has answered, and is believed");
        }
        self.last_step = Some(Stepped { at: now, by: offset, why, agreed });
        self.refused = None;
        self.tell_mock()?;
        self.notify(&Notice::Stepped { by: offset })
    }

    fn tell_mock(&self) -> Result<(), Fatal> {
        match self.equipment.clock.mock() {
            Some(mock) => self.notify(&Notice::MockClock(mock)),
            None => Ok(()),
        }
    }

    fn refuse(&mut self, what: Asked, why: Refusal) -> Result<(), Fatal> {
        if what == Asked::Step {
            warn!(%why, "the clock is not set");
            self.refused = Some(format!("a step: {why}"));
        } else {
            debug!(?what, %why, "refused");
        }
        self.notify(&Notice::Refused { what, why })
    }
}

fn refused_by_kernel(cause: &io::Error) -> Refusal {
    let errno = cause.raw_os_error().unwrap_or(Errno::IO.raw_os_error());
    Refusal::Kernel { errno }
}
