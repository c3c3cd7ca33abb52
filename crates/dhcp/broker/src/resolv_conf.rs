//! What the resolv.conf of this host says about the networks that have leases, and when: not while a resolver
//! [claims](orlop_broker::resolv_conf) it, and again when the claim ends, whichever way.

use std::path::Path;
use std::time::Duration;

use orlop_broker::resolv_conf::{self as file, Claims};
use orlop_netfacts::Facts;

mod render;

pub use orlop_broker::resolv_conf::{CLAIMS, ResolvConfError};
pub use render::{render, render_nothing};

/// The file, and what is to be in it.
#[derive(Debug)]
pub struct ResolvConf {
    file: file::ResolvConf,
    claims: Claims,
    /// What it should say; `None` until we have something to say.
    wanted: Option<String>,
    /// What was there before we wrote for the first time, unless we wrote that too.
    before: Option<Vec<u8>>,
    /// The file must be looked at again: it was claimed, or writing it failed.
    is_due: bool,
}

/// What became of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Update {
    /// It says something new.
    Written,
    /// It said that already.
    Unchanged,
    /// A resolver owns it; it will be written when the claim ends.
    Claimed,
    /// There is nothing to say, so it was left alone.
    Untouched,
}

impl ResolvConf {
    /// The file in `folder`, which is made when it is missing, as the file is; it may be claimed in the folder `claims`. To be
    /// done before the sandbox narrows. What fails is told by [`ResolvConf::tell`]; it costs name servers and nothing else.
    #[must_use]
    pub fn open(folder: &Path, claims: &Path) -> Self {
        let claims = Claims::open(claims);
        Self { file: file::ResolvConf::open(folder), claims, wanted: None, before: None, is_due: false }
    }

    /// Says why the file is not as it should be, if that is news.
    pub fn tell(&mut self, failed: Option<&ResolvConfError>) {
        self.file.tell(failed);
    }

    /// Makes the file say what all interfaces know together. When nobody knows a name server any more, what was there
    /// before us comes back.
    ///
    /// # Errors
    /// The file cannot be written, or is not a plain file. It is tried again by [`ResolvConf::poll`].
    pub fn update(&mut self, facts: &[Facts]) -> Result<Update, ResolvConfError> {
        match (render(facts), &self.wanted) {
            (Some(text), _) => self.wanted = Some(text),
            // Nothing of ours is in the file, as far as we know: a predecessor's text is better than none.
            (None, None) => return Ok(Update::Untouched),
            (None, Some(_)) => {
                let before = self.before.take().and_then(|bytes| String::from_utf8(bytes).ok());
                self.wanted = Some(before.unwrap_or_else(render_nothing));
            }
        }
        self.write_wanted()
    }

    /// When to look after the claim again: soon while it may end any moment, because until then names are not resolved.
    #[must_use]
    pub const fn poll_after(&self) -> Duration {
        if self.is_due { POLL_CLAIMED } else { POLL }
    }

    /// Looks after the claim; to be called after [`ResolvConf::poll_after`].
    ///
    /// # Errors
    /// As [`ResolvConf::update`].
    pub fn poll(&mut self) -> Result<Update, ResolvConfError> {
        if self.wanted.is_none() {
            return Ok(Update::Untouched);
        }
        if self.is_due {
            return self.write_wanted();
        }
        match self.claims.look()? {
            Some(_free) => Ok(Update::Unchanged),
            None => {
                self.is_due = true;
                Ok(Update::Claimed)
            }
        }
    }

    fn write_wanted(&mut self) -> Result<Update, ResolvConfError> {
        self.is_due = true;
        let Some(wanted) = self.wanted.clone() else { return Ok(Update::Untouched) };
        // Held while writing: a resolver that comes now waits until we are done.
        let Some(_free) = self.claims.look()? else { return Ok(Update::Claimed) };
        let outcome = self.write(wanted.as_bytes())?;
        self.is_due = false;
        Ok(outcome)
    }

    fn write(&mut self, text: &[u8]) -> Result<Update, ResolvConfError> {
        let old = self.file.content()?;
        let whole = old.length == old.bytes.len();
        if self.before.is_none() && whole && !old.bytes.is_empty() && !old.bytes.starts_with(render::MARK.as_bytes()) {
            self.before = Some(old.bytes.clone());
        }
        let written = self.file.put(&old, text)?;
        Ok(if written { Update::Written } else { Update::Unchanged })
    }
}

/// How often to look whether a claim began.
pub const POLL: Duration = Duration::from_secs(2);
/// How often to look whether it has ended: as long as a resolver that ends may leave names unresolved.
const POLL_CLAIMED: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests;
