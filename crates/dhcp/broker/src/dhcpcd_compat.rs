//! Being `dhcpcd`: its command line and its `dhcpcd.conf`, understood as far as LinuxKit and its users write them.
//!
//! Both say the same things in two forms, so an option becomes the [`Directive`] that a file would have. What has no
//! meaning here is named in one warning with its line, and ignored: a machine must not lose its network over a line
//! that another program understood. Only an unknown *option* is an error, as it is for dhcpcd itself.
//!
//! Where dhcpcd and Orlop differ on purpose: a one-shot run ends by a deadline (`timeout`, else 10 s), interface
//! configuration always persists, and nothing is ever handed to a shell.

mod conf;
mod draft;
mod option;

use std::ffi::OsString;
use std::path::Path;

use orlop_sandbox::fatal::{Exit, Fatal};

pub use conf::Directive;

use crate::command_line::{Invocation, Mode, Run};
use crate::config::{self, ConfigError, Pattern};
use crate::settings::{Loaded, Overrides, Settings, Source};
use draft::{Draft, Problem};
use option::{Line, Means};

/// The file that dhcpcd reads when none is named. It may be absent.
pub const DEFAULT_CONF: &str = "/etc/dhcpcd.conf";
/// Where resolv.conf belongs, when the container has it …
const RESOLV_CONF: &str = "/run/resolvconf";
/// … and where LinuxKit's dhcpcd image has the same folder bound.
const RESOLV_CONF_AS_ETC: &str = "/etc";

/// Understands dhcpcd's options, without the program's name.
///
/// # Errors
/// An option that does not exist here, lacks its value, or has one that cannot be: [`Exit::Usage`].
pub fn parse(options: impl IntoIterator<Item = OsString>) -> Result<Invocation, Fatal> {
    let Line { options, names } = Line::read(options).map_err(|error| usage(&error))?;
    let (mut mode, mut path, mut directives) = (Mode::Service, None, Vec::new());
    for (means, value) in options {
        match means {
            Means::Help => return Ok(Invocation::Print(option::help())),
            Means::Version => {
                // The first word is what scripts look at, the rest says what it really is.
                return Ok(Invocation::Print(format!("dhcpcd (orlop-dhcp {})\n", env!("CARGO_PKG_VERSION"))));
            }
            Means::OneShot => mode = Mode::OneShot,
            Means::File => path = Some(value.into()),
            Means::Says(word) => directives.push(Directive { line: None, word: word.to_owned(), value }),
        }
    }
    // A value that cannot be is an error here, where its author sees it, and not a warning.
    let mut draft = Draft::default();
    for directive in &directives {
        if let Err(problem @ Problem::Value { .. }) = draft.apply_everywhere(directive) {
            return Err(usage(&format_args!("{directive}: {problem}")));
        }
    }
    let interfaces = names.iter().map(|name| Pattern::new(name)).collect::<Result<_, _>>();
    let interfaces = interfaces.map_err(|error| usage(&error))?;
    let overrides = Overrides { interfaces, ..Overrides::default() };
    let settings = Settings { source: Source::Dhcpcd { path, directives }, overrides };
    Ok(Invocation::Run(Run { mode, json: false, settings }))
}

fn usage(error: &dyn std::fmt::Display) -> Fatal {
    Fatal::new(Exit::Usage, error.to_string())
        .help("dhcpcd --help lists the options that orlop-dhcp understands in dhcpcd's place")
}

/// Reads a configuration in dhcpcd's format, with `directives` from the command line over it.
///
/// # Errors
/// The file was named and cannot be read. What it says is never an error.
pub fn load(path: Option<&Path>, directives: &[Directive]) -> Result<Loaded, ConfigError> {
    let text = match path {
        Some(path) => config::read(path)?,
        None if Path::new(DEFAULT_CONF).exists() => config::read(Path::new(DEFAULT_CONF))?,
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
    for directive in conf::read(text) {
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
const MAX_WARNINGS: usize = 32;

#[cfg(test)]
mod tests;
