//! What the next process has to know: the crystal's rate, the last good time, and what of the policy is spent.

use std::path::Path;

use orlop_broker::folder::Output;
use orlop_ntp_contract::{MAX_STATE, State};
use rustix::fs::{Access, AtFlags, CWD, Mode, accessat};
use tracing::warn;

use crate::{OWN_FOLDER, STATE_FOLDER};

/// The file, in the folder that somebody keeps, or else where it lasts as long as the machine runs.
#[derive(Debug)]
pub struct StateFile {
    folder: Output,
    written: Option<State>,
}

const NAME: &str = "state";

/// Where the state is kept.
#[must_use]
pub fn folder() -> &'static Path {
    let (kept, own) = (Path::new(STATE_FOLDER), Path::new(OWN_FOLDER));
    // The image has the folder, for a bind: without one it is on a read-only file system.
    let can_be_written = accessat(CWD, kept, Access::WRITE_OK, AtFlags::EACCESS).is_ok();
    if can_be_written { kept } else { own }
}

impl StateFile {
    /// Holds the folder. To be done before the sandbox narrows.
    #[must_use]
    pub fn open() -> Self {
        Self { folder: Output::open(folder(), "what the next process has to know"), written: None }
    }

    /// What an earlier process left; nothing where that is none of ours.
    pub fn load(&mut self) -> State {
        let Some(folder) = self.folder.folder() else { return State::default() };
        let read = orlop_wholefile::read(folder, NAME, MAX_STATE);
        let text = match read {
            Ok(text) => text,
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return State::default(),
            Err(cause) => {
                warn!(%cause, "the state of before cannot be read; starting afresh");
                return State::default();
            }
        };
        State::parse(&text).unwrap_or_else(|error| {
            warn!(%error, "the state of before is not ours; starting afresh");
            State::default()
        })
    }

    /// Writes it down, if it is news.
    pub fn store(&mut self, state: State) {
        if self.written.as_ref() == Some(&state) {
            return;
        }
        let text = state.render();
        let mode = Mode::from_raw_mode(0o600);
        if self.folder.attempt(|folder| orlop_wholefile::replace(folder, NAME, text.as_bytes(), mode)).is_some() {
            self.written = Some(state);
        }
    }
}
