//! A service: it stays, listens for interfaces and modules, and looks now and then whether everything is still in force.

use orlop_broker::posture::Postures;
use orlop_sandbox::broker::Narrow;
use orlop_sandbox::clock;
use orlop_sandbox::fatal::{Exit, Fatal};
use orlop_sysctl_contract::{Policy, Rules, Schedule};
use tracing::info;

use super::crew::Crew;
use super::outputs::Outputs;
use super::{PLAN_WITHIN, talk};
use crate::follow::{Care, Ears, Event};
use crate::report::Report;
use crate::tree::Tree;

/// Everything that it works with after the first run.
pub(super) struct Service {
    pub(super) narrow: Narrow,
    pub(super) channel: talk::Channel,
    pub(super) tree: Tree,
    pub(super) crew: Crew,
    pub(super) ears: Ears,
    pub(super) outputs: Outputs,
    pub(super) postures: Postures,
    pub(super) rules: Rules,
    /// `--lock`.
    pub(super) lock: bool,
    pub(super) report: Report,
    pub(super) care: Care,
    pub(super) schedule: Schedule,
}

impl Service {
    /// Serves until it is told to end.
    ///
    /// # Errors
    /// A process of the daemon has ended, or the worker says what ours never says: the supervisor starts all of them anew, and
    /// everything is put in force once more.
    pub(super) async fn serve(mut self) -> Result<Exit, Fatal> {
        let mut came = Vec::new();
        loop {
            let event = tokio::select! {
                biased;
                event = self.ears.next(self.schedule.next()) => event?,
                spoken = self.channel.recv() => {
                    return Err(spoken.map_or_else(talk::worker_ended, |_| talk::unheard_of("it speaks unasked")));
                }
            };
            let now = clock::now();
            match event {
                Event::End => {
                    info!("stopping: settings stay as they are");
                    return Ok(Exit::Done);
                }
                Event::Came(name) => {
                    if !came.contains(&name) {
                        came.push(name);
                    }
                    self.schedule.interface_changed(now);
                }
                Event::Changed => self.schedule.interface_changed(now),
                Event::Module => self.schedule.module_changed(now),
                Event::Time => self.look(&std::mem::take(&mut came)).await?,
            }
        }
    }

    async fn look(&mut self, came: &[String]) -> Result<(), Fatal> {
        let mut policy = Policy::new(&self.rules, self.lock);
        let plan = talk::again(&self.channel, &self.tree, self.report.names.len(), &mut policy);
        let plan = self.narrow.within(PLAN_WITHIN, plan).await?;
        let plan = plan.unwrap_or_else(|| Err(talk::too_slow(PLAN_WITHIN)))?;
        let Self { report, tree, crew, .. } = self;
        let different = self.care.look(report, tree, crew, plan, came, clock::now());
        self.schedule.looked(clock::now());
        if self.crew.is_short() {
            return Err(Fatal::new(Exit::Software, "an applier has ended: everything is put in force anew"));
        }
        if different {
            self.report.followed(self.care.followed);
            self.outputs.renew(&self.report, &self.postures);
        }
        Ok(())
    }
}
