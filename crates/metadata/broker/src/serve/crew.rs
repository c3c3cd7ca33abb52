//! The workers. Each is started when there is something for it to do: most runs need one of them, and some none.

use orlop_broker::optional::{News, Optional};
use orlop_metadata_contract::{Notice, PROTOCOL, Request};
use orlop_sandbox::broker::Narrow;
use orlop_sandbox::channel::BrokerChannel;
use orlop_sandbox::fatal::Fatal;
use orlop_sandbox::posture::Posture;

/// The workers of one run.
pub(super) struct Crew<'n> {
    workers: Optional<'n, Notice, Request>,
    /// What those that came are restricted by.
    postures: Vec<(&'static str, Posture)>,
}

impl<'n> Crew<'n> {
    pub(super) fn new(narrow: &'n Narrow) -> Self {
        Self { workers: Optional::new(narrow, PROTOCOL), postures: Vec::new() }
    }

    /// Has the worker in this place started, unless it is there. `false` when it will not be.
    pub(super) async fn start(&mut self, place: usize) -> Result<bool, Fatal> {
        if self.channel(place).is_some() {
            return Ok(true);
        }
        self.workers.ask(place);
        loop {
            match self.next().await? {
                News::Came { index, .. } if index == place => return Ok(true),
                News::Gone { index } if index == place => return Ok(false),
                // The other one, which had an errand that was given up.
                News::Came { .. } | News::Gone { .. } | News::Said { .. } => {}
            }
        }
    }

    /// The channel to the worker in this place, while it is there.
    pub(super) fn channel(&self, place: usize) -> Option<&BrokerChannel<Notice, Request>> {
        self.workers.channel(place)
    }

    /// What the worker in this place says next; `None` when it is gone, and its errand with it. Cancelling loses nothing.
    pub(super) async fn hear(&mut self, place: usize) -> Result<Option<Request>, Fatal> {
        loop {
            match self.next().await? {
                News::Said { index, message } if index == place => return Ok(Some(message)),
                News::Gone { index } if index == place => return Ok(None),
                News::Came { .. } | News::Gone { .. } | News::Said { .. } => {}
            }
        }
    }

    /// What those that came are restricted by, by the names of their profiles.
    pub(super) fn into_postures(self) -> Vec<(&'static str, Posture)> {
        self.postures
    }

    async fn next(&mut self) -> Result<News<Request>, Fatal> {
        let news = self.workers.next().await?;
        if let News::Came { name, posture, .. } = &news {
            self.postures.push((name, posture.clone()));
        }
        Ok(news)
    }
}
