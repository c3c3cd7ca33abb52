//! dhcpcd's options, and what they ask for.

use std::ffi::OsString;
use std::fmt::Display;
use std::os::fd::RawFd;

use orlop_sandbox::daemon::Daemon;
use orlop_sandbox::fatal::{Exit, Fatal};

use super::Directive;
use super::draft::{Draft, Problem};
use super::option::{self, Line, Means};
use crate::config::Pattern;
use crate::settings::{Leaves, Mode, Overrides, Run, Settings, Source};

/// What a command line of dhcpcd asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wish {
    /// Configure interfaces.
    Run(Run),
    /// Write this text to standard output.
    Print(String),
}

/// Understands dhcpcd's options, without the name by which `program` was started.
///
/// # Errors
/// An option that does not exist here, lacks its value, or has one that cannot be: [`Exit::Usage`].
pub fn parse(daemon: &Daemon, options: impl IntoIterator<Item = OsString>) -> Result<Wish, Fatal> {
    let Line { options, names } = Line::read(options).map_err(|error| {
        let fatal = usage(&error);
        match error.meant() {
            Some(meant) => fatal.help(format!("did you mean --{meant}? dhcpcd --help lists the options")),
            None => fatal,
        }
    })?;
    let (mut mode, mut path, mut ready, mut directives) = (Mode::Service, None, None, Vec::new());
    let mut leaves = Leaves::WhenBound;
    for (means, value) in options {
        match means {
            Means::Help => return Ok(Wish::Print(option::help())),
            Means::Version => {
                // The first word is what scripts look at, the rest says what it really is.
                return Ok(Wish::Print(format!("dhcpcd ({})\n", orlop_broker::version_line(daemon).trim_end())));
            }
            Means::OneShot => mode = Mode::OneShot,
            Means::File => path = Some(value.into()),
            // To stay counts more, wherever it stands: that is how the one in the background is started.
            Means::Leaves(when) if leaves != Leaves::Never => leaves = when,
            Means::Leaves(_) => {}
            Means::Ready => {
                let number: RawFd =
                    value.parse().map_err(|error| usage(&format_args!("option --ready-fd: {error}")))?;
                ready = Some(number);
            }
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
    if mode == Mode::OneShot {
        leaves = Leaves::Never;
    }
    if ready.is_some() && leaves != Leaves::Never {
        // Whoever starts one in the background waits for its end.
        return Err(usage(&"--ready-fd goes with --nobackground or --oneshot"));
    }
    Ok(Wish::Run(Run { mode, leaves, json: false, ready, settings }))
}

fn usage(error: &dyn Display) -> Fatal {
    Fatal::new(Exit::Usage, error.to_string())
        .help("dhcpcd --help lists the options that orlop-dhcp understands in dhcpcd's place")
}
