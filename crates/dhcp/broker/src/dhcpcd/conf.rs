//! A `dhcpcd.conf` and dhcpcd's options, as a configuration of ours.

use std::path::Path;

use orlop_config::ConfigError;

use super::Directive;
use super::directive;
use super::draft::Draft;
use crate::config::{DEFAULT_PATH, EXAMPLE, Loaded};
use orlop_dhcp_profiles::DAEMON;

/// The file that dhcpcd reads when none is named. It may be absent.
pub const DEFAULT_CONF: &str = "/etc/dhcpcd.conf";
/// Where resolv.conf belongs, when the container has it …
const RESOLV_CONF: &str = "/run/resolvconf";
/// … and where LinuxKit's dhcpcd image has the same folder bound.
const RESOLV_CONF_AS_ETC: &str = "/etc";

/// Reads a configuration in dhcpcd's format, with `directives` from the command line over it.
///
/// # Errors
/// The file was named and cannot be read. What it says is never an error.
pub fn load(path: Option<&Path>, directives: &[Directive]) -> Result<Loaded, ConfigError> {
    let text = match path {
        Some(path) => orlop_config::read(path)?,
        None if Path::new(DEFAULT_CONF).exists() => orlop_config::read(Path::new(DEFAULT_CONF))?,
        None => String::new(),
    };
    let folder = if Path::new(RESOLV_CONF).is_dir() { RESOLV_CONF } else { RESOLV_CONF_AS_ETC };
    let mut loaded = understand(&text, directives, folder);
    loaded.warnings.extend(unread(Path::new(DEFAULT_PATH)));
    Ok(loaded)
}

/// A warning about our own configuration at `path`, when an operator has written one: the image's default command reads only
/// dhcpcd.conf. The image has our example there, which says nothing of its own.
pub(super) fn unread(path: &Path) -> Option<String> {
    let text = orlop_config::read(path).ok()?;
    let program = DAEMON.program;
    (text != EXAMPLE).then(|| {
        format!(
            "{} is not read, because this was started as dhcpcd; to have it read, start {program}: command: [\"/sbin/{program}\"]",
            path.display()
        )
    })
}

/// The configuration that `text` and then `directives` describe, with resolv.conf in `resolv_conf`.
#[must_use]
pub fn understand(text: &str, directives: &[Directive], resolv_conf: &str) -> Loaded {
    let mut draft = Draft::default();
    let mut warnings = Vec::new();
    for directive in directive::read(text) {
        if let Err(problem) = draft.apply(&directive) {
            warnings.push(format!("{directive} is ignored: {problem}"));
        }
    }
    for directive in directives {
        if let Err(problem) = draft.apply_everywhere(directive) {
            warnings.push(format!("{directive} is ignored: {problem}"));
        }
    }
    let more = warnings.len().saturating_sub(MAX_WARNINGS);
    warnings.truncate(MAX_WARNINGS);
    if more > 0 {
        warnings.push(format!("{more} more lines have no effect"));
    }
    Loaded { config: draft.finish(resolv_conf), warnings }
}

/// Warnings that are kept: beyond this it is not a dhcpcd.conf.
pub(super) const MAX_WARNINGS: usize = 32;
