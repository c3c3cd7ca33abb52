//! The words by which a user names where metadata come from: LinuxKit's, and ours beside them.

use std::ffi::OsString;
use std::path::PathBuf;

use orlop_broker::command_line::mistake;
use orlop_metadata_contract::Provider;
use orlop_sandbox::fatal::{Fatal, nearest};

/// What the words said so far.
#[derive(Debug, Default)]
pub(super) struct Words {
    /// Nothing when no word was one of a source.
    pub(super) providers: Option<Vec<Provider>>,
    pub(super) file: Option<PathBuf>,
    pub(super) refused: Vec<(String, &'static str)>,
}

/// LinuxKit's, which are nothing here.
const REFUSED: [(&str, &str); 4] = [
    ("equinixmetal", "Equinix Metal was closed in 2026, and its service spoke only TLS"),
    ("packet", "Equinix Metal was closed in 2026, and its service spoke only TLS"),
    ("metaldata", "its service is found by a name that any server of names could answer for"),
    ("vmware", "its words come through a port of the processor, which no process here may use"),
];

impl Words {
    pub(super) fn add(&mut self, word: OsString) -> Result<(), Fatal> {
        let text = word.to_str().ok_or_else(|| mistake(format!("{} is no provider", word.display()), "see --help"))?;
        if let Some(path) = text.strip_prefix("file=") {
            if path.is_empty() || self.file.is_some() {
                return Err(mistake("file= needs one path", "file=/etc/userdata"));
            }
            self.file = Some(path.into());
            self.providers.get_or_insert_default();
            return Ok(());
        }
        if let Some((name, why)) = REFUSED.iter().find(|(name, _)| *name == text) {
            self.refused.push(((*name).to_owned(), why));
            self.providers.get_or_insert_default();
            return Ok(());
        }
        let Some(provider) = Provider::ALL.into_iter().find(|provider| provider.name() == text) else {
            let names: Vec<&str> =
                Provider::ALL.iter().map(|provider| provider.name()).chain(["status", "get"]).collect();
            let help = match nearest(text, &names) {
                Some(name) => format!("did you mean: orlop-metadata {name}?"),
                None => format!("a provider is one of {}, or file=PATH", names[..Provider::ALL.len()].join(", ")),
            };
            return Err(mistake(format!("'{text}' is no provider"), help));
        };
        let providers = self.providers.get_or_insert_default();
        if !providers.contains(&provider) {
            providers.push(provider);
        }
        Ok(())
    }
}
