//! A `dhcpcd.conf` and dhcpcd's options, as a configuration of ours.

use std::path::Path;

use orlop_config::ConfigError;

use super::Directive;
use super::directive;
use super::draft::Draft;
use crate::config::Loaded;

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
    Ok(understand(&text, directives, folder))
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
