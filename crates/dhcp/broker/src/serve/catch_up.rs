//! Between two events: is a one-shot run over, what do others see, and when must we look again?

use core::time::Duration;

use orlop_broker::moment::Now;
use orlop_broker::print::print;
use orlop_machine::Instant;
use orlop_sandbox::fatal::{Exit, Fatal};
use tracing::{info, warn};

use super::equipment::Equipment;
use super::link::OurLink;
use super::server::Server;
use crate::config::Pattern;
use crate::settings::Mode;
use crate::status::{LinkStatus, Status};
use crate::verdict::{Achievement, Limits, Standing, Verdict, judge};

/// Until a server has granted or confirmed a lease, or this long, no status is written: nothing may delay the boot.
const QUIET_START: Duration = Duration::from_secs(1);

impl Server {
    /// Brings everything up to date, and gives the exit code when the work is done.
    pub(super) fn catch_up(&mut self, now: Instant) -> Result<Option<Exit>, Fatal> {
        let soon = now.after(self.equipment.resolv_conf.poll_after());
        self.next_claim_check = self.next_claim_check.min(soon);
        if now >= self.next_claim_check {
            self.poll_resolv_conf();
            self.next_claim_check = now.after(self.equipment.resolv_conf.poll_after());
            self.retry_outputs();
            self.tell_unanswered(now);
            self.add_left_alone()?;
        }
        let mut wakes = vec![self.next_claim_check];
        wakes.extend(self.look_after_leases(now));
        let outcome = match self.run.mode {
            Mode::Service => None,
            Mode::OneShot => match self.judge(now) {
                Verdict::Wait(until) => {
                    wakes.push(until);
                    None
                }
                Verdict::Ended(outcome) => Some(outcome),
            },
        };
        let quiet_until = self.started.after(QUIET_START);
        if outcome.is_some() || now >= quiet_until || self.links.values().any(OurLink::is_leased) {
            wakes.extend(self.write_status(outcome.as_ref()));
        } else {
            wakes.push(quiet_until);
        }
        if let Some(outcome) = outcome {
            return self.finish(outcome).map(Some);
        }
        let wake = wakes.into_iter().min();
        self.equipment.timer.set(wake).map_err(|cause| Fatal::os("cannot set the timer", cause))?;
        Ok(None)
    }

    /// A service without a server is not silent.
    fn tell_unanswered(&mut self, now: Instant) {
        for our in self.links.values_mut().filter(|our| our.link.carrier) {
            if let Some(asked) = our.story.unanswered(now) {
                let asked = asked.as_secs();
                warn!(interface = %our.link.name, asked_for_seconds = asked, "no lease yet: no server answers, or none grants one");
            }
        }
    }

    fn judge(&self, now: Instant) -> Verdict {
        let limits =
            Limits { started: self.started, deadline: self.config.deadline, carrier_wait: self.config.carrier_wait };
        let end = limits.started.after(limits.deadline);
        // The kernel is still telling what there is.
        if !self.listed && now < end {
            return Verdict::Wait(end);
        }
        let named = self.run.settings.overrides.interfaces.iter().filter_map(Pattern::name);
        let absent = named.filter(|name| self.equipment.interfaces.links().all(|link| link.name.as_str() != *name));
        let absent = absent.map(|name| Standing::absent(name, self.started));
        let standings: Vec<_> = self.links.values().map(OurLink::standing).chain(absent).collect();
        judge(&standings, limits, now)
    }

    fn finish(&self, outcome: Achievement) -> Result<Exit, Fatal> {
        if self.run.json
            && let Err(Fatal { cause, .. }) = print(&format!("{}\n", outcome.to_json()))
        {
            // The work is done all the same; to do it once more would not make room.
            warn!(?cause, "the outcome is not printed");
        }
        let outcome = outcome.into_result()?;
        info!("{outcome}");
        Ok(outcome.exit())
    }

    /// Gives the moment at which there is more to write.
    fn write_status(&mut self, outcome: Option<&Achievement>) -> Option<Instant> {
        let status = Status {
            mode: self.run.mode,
            started: self.started,
            restarts: self.restarts,
            links: self.links.values().map(OurLink::status).collect(),
            outcome: outcome.cloned(),
            postures: self.postures.clone(),
        };
        let Equipment { own, metrics, .. } = &mut self.equipment;
        self.status.update(own, metrics, &status, Now::read())
    }
}

impl OurLink {
    fn status(&self) -> LinkStatus {
        LinkStatus {
            name: self.link.name.clone(),
            index: self.index(),
            hardware: self.link.hardware,
            carrier: self.link.carrier,
            metric: self.config.metric.on(self.index()),
            progress: self.progress,
            lease: self.lease.clone(),
            refused: self.refused,
            conflict_detection: self.config.conflict_detection,
        }
    }
}
