//! The end of a run: what was found is put into place, the machine gets its name, and everybody is told.

use std::path::Path;

use orlop_broker::folder::Output;
use orlop_broker::hostname::Hostname;
use orlop_broker::metrics;
use orlop_broker::moment::Now;
use orlop_broker::netfacts;
use orlop_broker::posture::Postures;
use orlop_broker::print::print;
use orlop_broker::ready::Ready;
use orlop_broker::status::Writer;
use orlop_metadata_profiles::DAEMON;
use orlop_sandbox::clock;
use orlop_sandbox::fatal::{Exit, Fatal};
use orlop_sandbox::posture::Posture;
use orlop_sandbox::supervisor::Birth;
use serde_json::{Value, json};
use tracing::{info, warn};

use super::{Awaited, Found};
use crate::OWN_FOLDER;
use crate::command_line::Run;
use crate::status::{Outcome, Report, Status, Tried};
use crate::tree::Tree;

/// How a search ended.
pub(super) enum Ended<'t> {
    Found(Box<Found<'t>>),
    Nothing,
    Late,
}

/// What others see of the run.
pub(super) struct Outputs<'r> {
    run: &'r Run,
    own: Output,
    metrics: Output,
    status: Status,
    writer: Writer<Status>,
    /// What a run that writes nothing would have written, for a program.
    would_write: Option<Value>,
}

impl<'r> Outputs<'r> {
    /// Opens the folders of what others see.
    pub(super) fn open(run: &'r Run, birth: &Birth, report: Report) -> Self {
        let Birth { started, restarts } = *birth;
        let own = Output::open(Path::new(OWN_FOLDER), "the status");
        let metrics = Output::open(Path::new(metrics::FOLDER), "the metrics");
        let status = Status { started, restarts, postures: Postures::default(), report };
        Self { run, own, metrics, status, writer: Writer::new(&DAEMON), would_write: None }
    }

    /// The processes are confined like this, and the search begins.
    pub(super) fn begin(&mut self, postures: Postures) {
        self.status.postures = postures;
        self.leave();
    }

    /// These workers came, and are restricted by this.
    pub(super) fn met(&mut self, postures: Vec<(&'static str, Posture)>) {
        postures.into_iter().for_each(|(name, posture)| self.status.postures.insert(name, posture));
    }

    /// It does not begin.
    pub(super) fn fail(&mut self) {
        self.status.report.outcome = Outcome::Failed;
        self.leave();
    }

    /// Leaves the status for others, unless the run writes nothing.
    fn leave(&mut self) {
        if !self.run.writes() {
            return;
        }
        let _when_to_come_again = self.writer.update(&mut self.own, &mut self.metrics, &self.status, Now::read());
    }

    /// Ends the run, however it has ended, with its exit code.
    pub(super) fn finish(
        &mut self,
        ended: Result<Ended<'_>, Fatal>,
        tried: Vec<Tried>,
        awaited: Option<Awaited>,
        tree: Option<&Tree>,
        hostname: Option<&Hostname>,
        ready: Ready,
    ) -> Result<Exit, Fatal> {
        self.status.report.tried = tried;
        let end = ended.and_then(|ended| self.judge(ended, awaited, hostname));
        self.status.report.outcome = match (&end, self.status.report.outcome) {
            (Err(_), Outcome::Running) => Outcome::Failed,
            (_, outcome) => outcome,
        };
        // Nobody else removes what was made ready and is not in its place.
        if self.status.report.outcome != Outcome::Found
            && let Some(Err(cause)) = tree.map(Tree::clear)
        {
            warn!(%cause, "what was made ready in /run/config stays there");
        }
        self.status.report.took_ms =
            u64::try_from(clock::now().since(self.status.started).as_millis()).unwrap_or(u64::MAX);
        self.leave();
        if self.run.json {
            let mut said = json!(self.status.report);
            if let Some(would_write) = self.would_write.take() {
                said["would_write"] = would_write;
            }
            print(&format!("{said:#}\n"))?;
        }
        if end == Ok(Exit::Done) {
            ready.say();
        }
        end
    }

    fn judge(
        &mut self,
        ended: Ended<'_>,
        awaited: Option<Awaited>,
        hostname: Option<&Hostname>,
    ) -> Result<Exit, Fatal> {
        let Run { timeout, require, .. } = self.run;
        let tried = &self.status.report.tried;
        let reasons =
            tried.iter().map(|Tried { source, why }| format!("{source}: {why}")).collect::<Vec<_>>().join("; ");
        match ended {
            Ended::Found(found) => self.put(*found, hostname),
            Ended::Late => {
                self.status.report.outcome = Outcome::Late;
                let late = Fatal::new(Exit::Unconfigured, format!("no metadata within {} s", timeout.as_secs()));
                Err(match awaited {
                    Some(Awaited::Route(addr)) => late.cause(format_args!("no route to {addr}")).help(
                        "give the machine an address before this (a DHCP client above it in onboot:), or wait longer: --timeout SECS; on a \
                         network without a router: ip route add 169.254.0.0/16 dev eth0",
                    ),
                    Some(Awaited::Server) => late
                        .cause(format_args!("no DHCP client says in {} who its server is", netfacts::FOLDER))
                        .help("run the DHCP client before this or beside it, or wait longer: --timeout SECS"),
                    None if reasons.is_empty() => late.help("--log debug tells what was waited for"),
                    None => late.cause(reasons),
                })
            }
            Ended::Nothing if reasons.is_empty() => {
                self.status.report.outcome = Outcome::Nothing;
                if *require {
                    let help = "name where they come from: orlop-metadata aws, or orlop-metadata --help";
                    return Err(Fatal::new(Exit::Unconfigured, "no metadata found").help(help));
                }
                info!("no metadata found");
                Ok(Exit::Done)
            }
            Ended::Nothing => {
                self.status.report.outcome = Outcome::Failed;
                Err(Fatal::new(Exit::Refused, "no metadata that can be used").cause(reasons))
            }
        }
    }

    /// Puts what was found into place.
    fn put(&mut self, found: Found<'_>, kernel: Option<&Hostname>) -> Result<Exit, Fatal> {
        let Found { provider, mut haul, left_out } = found;
        let name = haul.hostname.take();
        let report = &mut self.status.report;
        report.leave_out(&left_out);
        report.hostname = name.as_ref().map(|name| name.as_str().to_owned());
        report.provider = Some(provider.clone());
        if self.run.dry_run && self.run.json {
            self.would_write = Some(haul.described());
        } else if self.run.dry_run {
            print(&haul.listed())?;
        } else if let Some(written) = haul.commit(&provider)? {
            (report.entries, report.changed) = (written.entries, written.changed);
        }
        if let (Some(name), Some(kernel)) = (&name, kernel)
            && kernel.current().ok().as_deref() != Some(name.as_str())
        {
            match kernel.set(name.as_str()) {
                Ok(()) => info!(hostname = name.as_str(), "machine named"),
                Err(cause) => warn!(hostname = name.as_str(), %cause, "the machine keeps its name"),
            }
        }
        report.outcome = Outcome::Found;
        if left_out.total() > 0 {
            warn!(times = left_out.total(), "some of it was left out; orlop-metadata status says what");
        }
        if self.run.dry_run {
            info!(%provider, "metadata found, and not written");
        } else {
            info!(%provider, entries = report.entries, changed = report.changed, "metadata written");
        }
        Ok(Exit::Done)
    }
}
