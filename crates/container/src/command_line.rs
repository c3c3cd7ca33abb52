//! What runc's command line can say, as far as an init needs it.

use std::path::PathBuf;

use lexopt::{Arg, Parser, ValueExt as _};
use orlop_sandbox::fatal::{Exit, Fatal};

/// What `--help` shows.
const HELP: &str = "\
orlop-container: runs one container from its bundle

Usage: orlop-container [--root DIR] VERB

Verbs:
  create [--bundle DIR] [--pid-file FILE] ID         make the container; its program waits
  start ID                                           let the program of a created container begin
  run --detach [--bundle DIR] [--pid-file FILE] ID   create and start
  delete [--force] ID                                forget a container that has ended; --force ends it first

Options:
  --root DIR       where the state of containers is kept [default: /run/orlop/container]
  --bundle DIR     the folder with config.json [default: the current folder]
  --pid-file FILE  where the process id of the container's first process is written
  --help, --version
";

/// Where state is kept when nothing is said.
const ROOT: &str = "/run/orlop/container";

/// One command line, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Command {
    /// Where the state of containers is kept.
    pub(crate) root: PathBuf,
    /// What to do.
    pub(crate) verb: Verb,
}

/// What to do with one container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verb {
    /// Make it.
    Create(New),
    /// Let its program begin.
    Start(String),
    /// Both.
    Run(New),
    /// Forget it.
    Delete {
        /// Which.
        id: String,
        /// End it first.
        force: bool,
    },
    /// Say this and do nothing.
    Say(String),
}

/// A container that is to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct New {
    /// Its name.
    pub(crate) id: String,
    /// The folder with `config.json`.
    pub(crate) bundle: PathBuf,
    /// Where its process id goes.
    pub(crate) pid_file: Option<PathBuf>,
}

/// Understands the arguments.
///
/// # Errors
/// When runc would not, or when they ask for what is left out here.
pub(crate) fn parse(arguments: Parser) -> Result<Command, Fatal> {
    words(arguments).map_err(|error| {
        Fatal::new(Exit::Usage, "cannot understand the command line").cause(error).help("orlop-container --help")
    })
}

fn words(mut arguments: Parser) -> Result<Command, lexopt::Error> {
    let mut root = PathBuf::from(ROOT);
    let (mut verb, mut id) = (None, None);
    let (mut bundle, mut pid_file) = (PathBuf::from("."), None);
    let (mut detach, mut force) = (false, false);
    while let Some(argument) = arguments.next()? {
        match argument {
            Arg::Long("help") => return Ok(Command { root, verb: Verb::Say(HELP.to_owned()) }),
            Arg::Long("version") => {
                let text = format!("orlop-container {}\n", env!("CARGO_PKG_VERSION"));
                return Ok(Command { root, verb: Verb::Say(text) });
            }
            Arg::Long("root") if verb.is_none() => root = arguments.value()?.into(),
            Arg::Long("bundle") | Arg::Short('b') => bundle = arguments.value()?.into(),
            Arg::Long("pid-file") => pid_file = Some(arguments.value()?.into()),
            Arg::Long("detach") | Arg::Short('d') => detach = true,
            Arg::Long("force") | Arg::Short('f') => force = true,
            Arg::Value(word) if verb.is_none() => verb = Some(word.string()?),
            Arg::Value(word) if id.is_none() => id = Some(word.string()?),
            other @ (Arg::Long(_) | Arg::Short(_) | Arg::Value(_)) => return Err(other.unexpected()),
        }
    }
    let verb = verb.ok_or("a verb is missing")?;
    let id = id.ok_or("the name of the container is missing")?;
    let new = |id| New { id, bundle, pid_file };
    let verb = match verb.as_str() {
        "create" => Verb::Create(new(id)),
        "start" => Verb::Start(id),
        "run" if !detach => return Err("run needs --detach: nothing is run in the foreground".into()),
        "run" => Verb::Run(new(id)),
        "delete" => Verb::Delete { id, force },
        other => return Err(format!("{other} is none of create, start, run, delete").into()),
    };
    Ok(Command { root, verb })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Command, Fatal> {
        parse(Parser::from_args(line.split_whitespace()))
    }

    #[test]
    fn what_an_init_asks_for_is_understood() {
        let new = |bundle: &str, pid_file: Option<&str>| New {
            id: "dhcpcd".into(),
            bundle: bundle.into(),
            pid_file: pid_file.map(Into::into),
        };
        for (line, root, verb) in [
            ("run -d dhcpcd", ROOT, Verb::Run(new(".", None))),
            ("--root /run/x run --detach --bundle /b --pid-file /p dhcpcd", "/run/x", Verb::Run(new("/b", Some("/p")))),
            ("create --bundle=/b dhcpcd", ROOT, Verb::Create(new("/b", None))),
            ("start dhcpcd", ROOT, Verb::Start("dhcpcd".into())),
            ("delete dhcpcd", ROOT, Verb::Delete { id: "dhcpcd".into(), force: false }),
            ("delete --force dhcpcd", ROOT, Verb::Delete { id: "dhcpcd".into(), force: true }),
        ] {
            assert_eq!(parsed(line).unwrap(), Command { root: root.into(), verb }, "{line}");
        }
    }

    #[test]
    fn what_is_left_out_is_refused() {
        for (what, line) in [
            ("in the foreground", "run x"),
            ("no name", "run -d"),
            ("two names", "start x y"),
            ("an unknown verb", "exec x"),
            ("an unknown option", "create --console-socket /s x"),
            ("a global option after the verb", "start --root /r x"),
            ("nothing", ""),
        ] {
            assert_eq!(parsed(line).unwrap_err().exit, Exit::Usage, "{what}");
        }
    }
}
