//! The broker: finds out where the machine runs, narrows itself, has its workers read disks or ask a service, and writes what
//! they found.

mod crew;
mod finish;
mod gear;
mod haul;
mod media;
mod network;

use std::fs::File;
use std::io::{self, Read as _};
use std::net::IpAddr;
use std::path::Path;

use orlop_broker::confine::{confine_alone, in_a_loop};
use orlop_broker::netfacts::NetworkFacts;
use orlop_broker::print::print;
use orlop_broker::ready::Ready;
use orlop_machine::Instant;
use orlop_metadata_contract::{Counters, Document, Finding, Location, MAX_RESPONSE, Plan, detect};
use orlop_metadata_profiles::{BROKER, DAEMON, MEDIA_WORKER, NETWORK_WORKER};
use orlop_sandbox::broker::Broker;
use orlop_sandbox::fatal::{Exit, Fatal};
use orlop_sandbox::multicast::Multicast;
use orlop_sandbox::supervisor::Birth;
use orlop_sandbox::timer::BootTimer;
use orlop_sandbox::{clock, log};
use tracing::level_filters::LevelFilter;
use tracing::{info, warn};

use crate::command_line::Run;
use crate::disks::{Disk, Disks};
use crate::evidence::Evidence;
use crate::route::Routes;
use crate::status::{Report, Tried};
use crate::tree::Tree;
use crew::Crew;
use finish::{Ended, Outputs};
use gear::Gear;
use haul::Haul;

/// Does what `run` says.
///
/// # Errors
/// What made it impossible. That nothing was found is no error, unless the user says so.
pub fn run(run: &Run, birth: &Birth) -> Result<Exit, Fatal> {
    log::init("metadata", LevelFilter::from_level(run.log));
    in_a_loop(&DAEMON, serve(run, birth))
}

async fn serve(run: &Run, birth: &Birth) -> Result<Exit, Fatal> {
    let mut broker = Broker::start(&DAEMON, &BROKER)?;
    let ready = Ready::of(&mut broker);
    let Evidence { signs, is_masked, user_data } = Evidence::below(Path::new("/"));
    let findings = detect(&signs);
    let mut outputs = Outputs::open(run, birth, Report::new(&findings, is_masked));
    let opened = run.file.as_deref().map(document).transpose().and_then(|document| Ok((document, Gear::open(run)?)));
    let (document, gear) = opened.inspect_err(|_| outputs.fail())?;
    let Gear { tree, hostname, routes, devices, disks, netfacts, named, deadline, pause } = gear;
    let seed = signs.seed().and_then(|seed| {
        seed.map_err(|(url, why)| warn!(url, "the files that this machine is told of are not asked for: {why}")).ok()
    });
    let keep = gear::Kept::of(run, seed.as_ref());
    let (narrow, mut postures) = confine_alone(broker, keep.keep())?;
    let mut crew = Crew::new(&narrow);
    if run.posture {
        for place in [NETWORK_WORKER, MEDIA_WORKER] {
            let _came = crew.start(place).await?;
        }
        crew.into_postures().into_iter().for_each(|(name, posture)| postures.insert(name, posture));
        print(&postures.show(run.json))?;
        return Ok(Exit::Done);
    }
    // Who names others means nothing else.
    let firmware = user_data.filter(|_| run.wishes.providers.is_none());
    tell(run, &findings, is_masked, firmware.as_ref());
    let until = birth.started.after(run.timeout);
    let plan = Plan::of(&run.wishes, &findings);
    let plan = if seed.is_some() { plan.seeded(&run.wishes) } else { plan };
    let mut search = Search {
        plan,
        seed,
        netfacts,
        allow_imdsv1: run.allow_imdsv1,
        until,
        document,
        firmware,
        tree: tree.as_ref(),
        crew,
        routes,
        devices,
        disks,
        named,
        pause,
        tried: Vec::new(),
        awaited: None,
        is_late: false,
    };
    outputs.begin(postures);
    let cannot_wait = |cause: io::Error| Fatal::os("cannot set the timer", cause);
    deadline.set(Some(until)).map_err(cannot_wait)?;
    search.pause.set(Some(birth.started.after(run.timeout / 2))).map_err(cannot_wait)?;
    let ended = tokio::select! {
        biased;
        found = search.everywhere() => found.map(|found| match found {
            Some(found) => Ended::Found(Box::new(found)),
            None if search.is_late => Ended::Late,
            None => Ended::Nothing,
        }),
        expired = deadline.expired() => expired.map(|()| Ended::Late).map_err(cannot_wait),
    };
    let Search { tried, awaited, crew, .. } = search;
    outputs.met(crew.into_postures());
    outputs.finish(ended, tried, awaited, tree.as_ref(), hostname.as_ref(), ready)
}

/// A broker at work.
struct Search<'t> {
    plan: Plan,
    /// Where NoCloud's files are to be had, if somebody says so.
    seed: Option<Location>,
    /// What the DHCP client says.
    netfacts: NetworkFacts,
    allow_imdsv1: bool,
    /// When the time is up.
    until: Instant,
    /// User data in a file that the user has named.
    document: Option<Document>,
    /// User data in the firmware.
    firmware: Option<Document>,
    /// Where it is written; nothing for a run that only says what would be.
    tree: Option<&'t Tree>,
    crew: Crew<'t>,
    routes: Routes,
    devices: Multicast,
    disks: Disks,
    /// The disk that the user has named instead of all others.
    named: Option<Disk>,
    /// Expires when no more is waited for disks where there is somebody to ask; after that, for what the DHCP client says.
    pause: BootTimer,
    tried: Vec<Tried>,
    /// What others have to bring about before somebody can be asked.
    awaited: Option<Awaited>,
    /// Whether somebody was asked for as long as there was time, and was not heard.
    is_late: bool,
}

/// What others have to bring about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Awaited {
    /// A route to this service.
    Route(IpAddr),
    /// A DHCP client that says who its server is: that is where the service is.
    Server,
}

/// What was found, ready to be put into place.
struct Found<'t> {
    /// What stands in `provider`.
    provider: String,
    haul: Haul<'t>,
    left_out: Counters,
}

impl<'t> Search<'t> {
    /// What is in the firmware, which was put there for this; disks, which need nobody; then who is to be asked; then the file.
    async fn everywhere(&mut self) -> Result<Option<Found<'t>>, Fatal> {
        if let Some(document) = self.firmware.take()
            && let Some(found) = self.read_document(document).await?
        {
            return Ok(Some(found));
        }
        if let Some(found) = self.on_disks().await? {
            return Ok(Some(found));
        }
        let providers = self.plan.providers.clone();
        // The file at the end needs a share of the time as well.
        let last = usize::from(self.document.is_some());
        for (provider, left) in providers.iter().zip((1 + last..=providers.len() + last).rev()) {
            let now = clock::now();
            // Whoever is asked in vain leaves as much time for each of the others.
            let share = self.until.since(now) / u32::try_from(left).unwrap_or(u32::MAX);
            if let Some(found) = self.ask(*provider, now.after(share)).await? {
                return Ok(Some(found));
            }
        }
        match self.document.take() {
            Some(document) => self.read_document(document).await,
            None => Ok(None),
        }
    }

    /// Takes down that a source gave nothing.
    fn failed(&mut self, source: impl Into<String>, why: impl ToString) {
        let (source, why) = (source.into(), why.to_string());
        warn!(%source, "no metadata: {why}");
        self.tried.push(Tried { source, why });
    }
}

/// Says what is known before anybody is asked.
fn tell(run: &Run, findings: &[Finding], is_masked: bool, firmware: Option<&Document>) {
    for (name, why) in &run.refused {
        warn!(provider = %name, "not asked: {why}");
    }
    for found in findings {
        info!(platform = %found.platform, by = found.sign.name(), "this machine says where it runs");
    }
    if is_masked {
        info!("some of what firmware says could not be read: a container runtime covers /sys/firmware");
    }
    if let Some(Document { source, .. }) = firmware {
        info!(%source, "user data in the firmware");
    } else if findings.is_empty() && run.wishes.providers.is_none() && !run.wishes.probe {
        info!(
            "this machine does not say where it runs, so nobody is asked; in an OpenStack that hides itself, say --probe"
        );
    }
}

/// Reads the file that a user has named.
fn document(path: &Path) -> Result<Document, Fatal> {
    let failed = |cause: io::Error| {
        Fatal::new(Exit::Config, format!("cannot read {}", path.display()))
            .cause(cause)
            .help("file= names a file of user data")
    };
    let mut content = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MAX_RESPONSE as u64 + 1).read_to_end(&mut content));
    if read.map_err(failed)? > MAX_RESPONSE {
        return Err(failed(io::Error::other("it is longer than 1 MiB")));
    }
    Ok(Document { source: path.display().to_string(), content, is_base64: false })
}
