//! temporary
use super::server::Server;
use crate::command_line::Mode;
use orlop_dhcp_contract::Phase;
use orlop_machine::Instant;
use orlop_sandbox::fatal::{Exit, Fatal};
impl Server {
    pub(super) fn settle(&mut self, now: Instant) -> Result<Option<Exit>, Fatal> {
        self.equipment.timer.set(Some(now.after(std::time::Duration::from_secs(2)))).ok();
        self.poll_resolv_conf();
        if self.run.mode == Mode::OneShot {
            if self.listed
                && !self.links.is_empty()
                && self.links.values().all(|l| l.progress.is_some_and(|p| p.phase == Phase::Bound))
            {
                return Ok(Some(Exit::Done));
            }
            if now >= self.started.after(self.config.deadline) {
                return Ok(Some(Exit::Unconfigured));
            }
        }
        Ok(None)
    }
}
