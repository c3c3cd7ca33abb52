//! The conversation with the worker: texts to it, folders when it asks for them, a plan from it.

use std::time::Duration;

use orlop_sandbox::channel::{BrokerChannel, ChannelError};
use orlop_sandbox::fatal::{Exit, Fatal};
use orlop_sysctl_contract::{
    Directory, Finding, MAX_FINDINGS, MAX_LISTS, NAMES_AT_ONCE, Notice, Origin, Permitted, Policy, Request, Rules,
    Step, TEXT_AT_ONCE,
};

use crate::sources::Text;
use crate::tree::Tree;

/// What the worker said, as far as it is permitted.
#[derive(Debug, Default)]
pub(super) struct Said {
    /// The settings, in the order of the plan.
    pub(super) plan: Vec<Permitted>,
    /// What it has to say about the text.
    pub(super) findings: Vec<Finding>,
    /// Findings that there was no room for.
    pub(super) unsaid: u32,
}

pub(super) type Channel = BrokerChannel<Notice, Request>;

/// Has the worker make a plan of `texts`.
///
/// # Errors
/// [`Exit::Software`]: the worker ended, or said what a worker of ours never says.
pub(super) async fn plan(
    channel: &Channel,
    tree: &Tree,
    rules: Rules,
    texts: Vec<Text>,
    policy: &mut Policy,
) -> Result<Said, Fatal> {
    let hearing = Hearing::new(texts.len(), policy);
    // At once: it may have much to say before it has heard everything.
    let ((), said) = tokio::try_join!(tell(channel, rules, texts), hear(channel, tree, hearing))?;
    Ok(said)
}

/// Has the worker make the plan once more, of the `sources` texts that it knows, for the settings that there are now.
///
/// # Errors
/// As [`plan`].
pub(super) async fn again(
    channel: &Channel,
    tree: &Tree,
    sources: usize,
    policy: &mut Policy,
) -> Result<Vec<Permitted>, Fatal> {
    channel.send(&Notice::Again).await.map_err(worker_ended)?;
    Ok(hear(channel, tree, Hearing::new(sources, policy)).await?.plan)
}

async fn tell(channel: &Channel, rules: Rules, texts: Vec<Text>) -> Result<(), Fatal> {
    let send = async |notice: Notice| channel.send(&notice).await.map_err(worker_ended);
    send(Notice::Rules(rules)).await?;
    for (source, text) in (0..).zip(texts) {
        let mut pieces = text.bytes.chunks(TEXT_AT_ONCE).peekable();
        if pieces.peek().is_none() {
            send(Notice::Text { source, bytes: Default::default(), last: true }).await?;
        }
        while let Some(piece) = pieces.next() {
            let last = pieces.peek().is_none();
            send(Notice::Text { source, bytes: piece.iter().copied().collect(), last }).await?;
        }
    }
    send(Notice::EndOfTexts).await
}

async fn hear(channel: &Channel, tree: &Tree, mut hearing: Hearing<'_>) -> Result<Said, Fatal> {
    loop {
        match hearing.take(channel.recv().await.map_err(worker_ended)?.message)? {
            Next::Listen => {}
            Next::Answer(folder) => answer(channel, tree, &folder).await?,
            Next::End => return Ok(hearing.said),
        }
    }
}

/// What has been heard so far, and what may still be said.
#[derive(Debug)]
struct Hearing<'p> {
    /// How many texts there are.
    sources: usize,
    policy: &'p mut Policy,
    lists: usize,
    said: Said,
}

/// What to do after a message of the worker.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    /// Wait for the next one.
    Listen,
    /// Say what is in this folder.
    Answer(Directory),
    /// It has said everything.
    End,
}

impl<'p> Hearing<'p> {
    fn new(sources: usize, policy: &'p mut Policy) -> Self {
        Self { sources, policy, lists: 0, said: Said::default() }
    }

    /// Believes nothing that a worker of ours never says.
    fn take(&mut self, request: Request) -> Result<Next, Fatal> {
        match request {
            Request::List(_) if self.lists == MAX_LISTS => return Err(unheard_of("it asks for too many folders")),
            Request::List(folder) => {
                self.lists += 1;
                return Ok(Next::Answer(folder));
            }
            Request::Finding(_) if self.said.findings.len() == MAX_FINDINGS => {
                return Err(unheard_of("it has too much to say about the text"));
            }
            Request::Finding(Finding { origin, ref problem })
                if ![Some(origin), problem.other()].into_iter().flatten().all(|origin| self.is_ours(origin)) =>
            {
                return Err(unheard_of("it found something in a text that there is not"));
            }
            Request::Finding(finding) => self.said.findings.push(finding),
            Request::Steps(steps) => {
                for step in steps.into_vec() {
                    self.step(step)?;
                }
            }
            Request::Done { unsaid } => {
                self.said.unsaid = unsaid;
                return Ok(Next::End);
            }
        }
        Ok(Next::Listen)
    }

    fn step(&mut self, step: Step) -> Result<(), Fatal> {
        if ![Some(step.origin), step.replaces].into_iter().flatten().all(|origin| self.is_ours(origin)) {
            return Err(unheard_of("it has a setting from a text that there is not"));
        }
        self.said.plan.push(self.policy.permit(step).map_err(unheard_of)?);
        Ok(())
    }

    fn is_ours(&self, origin: Origin) -> bool {
        usize::from(origin.source) < self.sources
    }
}

async fn answer(channel: &Channel, tree: &Tree, folder: &Directory) -> Result<(), Fatal> {
    let names = tree.list(folder);
    let mut pieces = names.chunks(NAMES_AT_ONCE).peekable();
    loop {
        let piece = pieces.next().unwrap_or_default();
        let last = pieces.peek().is_none();
        let notice = Notice::Names { names: piece.iter().cloned().collect(), last };
        channel.send(&notice).await.map_err(worker_ended)?;
        if last {
            return Ok(());
        }
    }
}

/// It has not said everything in time.
pub(super) fn too_slow(limit: Duration) -> Fatal {
    Fatal::new(Exit::Software, "the worker makes no plan: nothing was changed").cause(format!("waited for {limit:?}"))
}

pub(super) fn worker_ended(cause: ChannelError) -> Fatal {
    Fatal::new(Exit::Software, "the conversation with the worker is over").cause(cause)
}

/// A worker of ours never does that: whoever this is, nothing of its plan is carried out.
pub(super) fn unheard_of(cause: impl std::fmt::Display) -> Fatal {
    Fatal::new(Exit::Software, "the worker is not to be believed: nothing was changed").cause(cause)
}

#[cfg(test)]
mod tests;
