//! What runc's command line can say, as far as an init needs it.

use std::path::PathBuf;

use lexopt::{Arg, Parser, ValueExt as _};
use orlop_sandbox::fatal::{Exit, Fatal};

/// What `--help` shows.
const HELP: &str = "\
orlop-container: runs one container from its bundle

Usage: orlop-container [--root DIR] VERB

Verbs:
  exec [OPTIONS] ID PROGRAM [ARGUMENT]...            run a program in a container that runs, as its own would, and end as it does
  create [--bundle DIR] [--pid-file FILE] ID         make the container; its program waits
  start ID                                           let the program of a created container begin
  run --detach [--bundle DIR] [--pid-file FILE] ID   create and start
  delete [--force] ID                                forget a container that has ended; --force ends it first

Options:
  --root DIR              where the state of containers is kept [default: /run/orlop/container; of exec: where orlop-init
                          keeps that of a machine's containers, and ID may then be the name of a service]
  --bundle DIR            the folder with config.json [default: the current folder]
  --pid-file FILE         where the process id of the container's first process is written
  -u, --user UID[:GID]    exec: as this user [default: the container's]
  -e, --env NAME=VALUE    exec: with this beside or instead of what the container's program has; may be given again
  --cwd DIR               exec: in this folder [default: the container's]
  -h, --help, -V, --version

exec needs pid: host and capabilities: [all]. It ends with the program's code, or with 128 and the number of the signal that
ended it. There are no terminals.
";

/// Where state is kept when nothing is said.
pub(crate) const ROOT: &str = "/run/orlop/container";

/// The verb whose words are mostly not ours.
const EXEC: &str = "exec";

/// One command line, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Command {
    /// Where the state of containers is kept, if it was said.
    pub(crate) root: Option<PathBuf>,
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
    /// Run a program in it.
    Exec(Program),
    /// Say this and do nothing.
    Say(String),
}

/// A program that is to run in a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Program {
    /// The container's name, or a service's.
    pub(crate) id: String,
    /// The program and its arguments: one word at least.
    pub(crate) words: Vec<String>,
    /// The numbers of another user, and of another group, than the container's.
    pub(crate) user: Option<(u32, Option<u32>)>,
    /// What it has in its environment beside, or instead of what the container's program has: names and values.
    pub(crate) environment: Vec<(String, String)>,
    /// Its folder, if it is another than the container's: a path from the root.
    pub(crate) folder: Option<PathBuf>,
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
    let mut root = None;
    let (mut verb, mut id) = (None::<String>, None);
    let mut program =
        Program { id: String::new(), words: Vec::new(), user: None, environment: Vec::new(), folder: None };
    let (mut bundle, mut pid_file) = (PathBuf::from("."), None);
    let (mut detach, mut force) = (false, false);
    while let Some(argument) = arguments.next()? {
        match argument {
            Arg::Long("help") | Arg::Short('h') => return Ok(Command { root, verb: Verb::Say(HELP.to_owned()) }),
            Arg::Long("version") | Arg::Short('V') => {
                let text = format!("orlop-container {}\n", env!("CARGO_PKG_VERSION"));
                return Ok(Command { root, verb: Verb::Say(text) });
            }
            Arg::Long("root") if verb.is_none() => root = Some(arguments.value()?.into()),
            Arg::Long("bundle") | Arg::Short('b') => bundle = arguments.value()?.into(),
            Arg::Long("pid-file") => pid_file = Some(arguments.value()?.into()),
            Arg::Long("detach") | Arg::Short('d') => detach = true,
            Arg::Long("force") | Arg::Short('f') => force = true,
            Arg::Long("user") | Arg::Short('u') if is_exec(verb.as_deref()) => {
                program.user = Some(arguments.value()?.parse_with(user)?);
            }
            Arg::Long("env") | Arg::Short('e') if is_exec(verb.as_deref()) => {
                program.environment.push(arguments.value()?.parse_with(variable)?);
            }
            Arg::Long("cwd") if is_exec(verb.as_deref()) => {
                program.folder = Some(arguments.value()?.parse_with(folder)?);
            }
            Arg::Long("tty") | Arg::Short('t') if is_exec(verb.as_deref()) => {
                return Err("exec has no terminals: leave the option out".into());
            }
            Arg::Value(word) if verb.is_none() => verb = Some(word.string()?),
            Arg::Value(word) if id.is_none() => {
                id = Some(word.string()?);
                if is_exec(verb.as_deref()) {
                    // What follows is the program's, also what looks like an option.
                    program.words = arguments.raw_args()?.map(|word| word.string()).collect::<Result<_, _>>()?;
                }
            }
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
        EXEC if program.words.is_empty() => return Err("the program is missing".into()),
        EXEC => Verb::Exec(Program { id, ..program }),
        other => return Err(format!("{other} is none of create, start, run, exec, delete").into()),
    };
    Ok(Command { root, verb })
}

fn is_exec(verb: Option<&str>) -> bool {
    verb == Some(EXEC)
}

fn user(text: &str) -> Result<(u32, Option<u32>), String> {
    let number = |text: &str| text.parse().map_err(|_| format!("{text:?} is not the number of a user or a group"));
    Ok(match text.split_once(':') {
        Some((user, group)) => (number(user)?, Some(number(group)?)),
        None => (number(text)?, None),
    })
}

fn variable(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or("it is not NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

fn folder(text: &str) -> Result<PathBuf, String> {
    if text.starts_with('/') { Ok(text.into()) } else { Err("the folder has to begin with /".to_owned()) }
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
            ("run -d dhcpcd", None, Verb::Run(new(".", None))),
            (
                "--root /run/x run --detach --bundle /b --pid-file /p dhcpcd",
                Some("/run/x"),
                Verb::Run(new("/b", Some("/p"))),
            ),
            ("create --bundle=/b dhcpcd", None, Verb::Create(new("/b", None))),
            ("start dhcpcd", None, Verb::Start("dhcpcd".into())),
            ("delete dhcpcd", None, Verb::Delete { id: "dhcpcd".into(), force: false }),
            ("delete --force dhcpcd", None, Verb::Delete { id: "dhcpcd".into(), force: true }),
        ] {
            assert_eq!(parsed(line).unwrap(), Command { root: root.map(PathBuf::from), verb }, "{line}");
        }
    }

    #[test]
    fn what_follows_the_container_of_a_program_is_the_programs() {
        let program = |words: &[&str]| Program {
            id: "dhcpcd".into(),
            words: words.iter().map(|&word| word.to_owned()).collect(),
            user: None,
            environment: Vec::new(),
            folder: None,
        };
        for (what, line, want) in [
            ("a program", "exec dhcpcd /sbin/x status", program(&["/sbin/x", "status"])),
            ("with options", "exec dhcpcd /x --help -u 1 --", program(&["/x", "--help", "-u", "1", "--"])),
            ("as a user", "exec --user 1000 dhcpcd /x", Program { user: Some((1000, None)), ..program(&["/x"]) }),
            (
                "as a user and a group, elsewhere",
                "exec -u 1000:1001 --cwd /tmp dhcpcd /x",
                Program { user: Some((1000, Some(1001))), folder: Some("/tmp".into()), ..program(&["/x"]) },
            ),
            (
                "with variables",
                "exec -e A=b=c --env D= dhcpcd /x",
                Program {
                    environment: vec![("A".into(), "b=c".into()), ("D".into(), String::new())],
                    ..program(&["/x"])
                },
            ),
        ] {
            assert_eq!(parsed(line).unwrap().verb, Verb::Exec(want), "{what}");
        }
    }

    #[test]
    fn help_and_version_are_said_by_either_name() {
        for (long, short) in [("--help", "-h"), ("--version", "-V")] {
            let said = parsed(long).unwrap();
            assert!(matches!(&said.verb, Verb::Say(text) if text.contains("orlop-container")), "{long}");
            assert_eq!(parsed(short).unwrap(), said, "{short}");
        }
    }

    #[test]
    fn what_is_left_out_is_refused() {
        for (what, line) in [
            ("in the foreground", "run x"),
            ("no name", "run -d"),
            ("two names", "start x y"),
            ("an unknown verb", "pause x"),
            ("no program", "exec x"),
            ("a terminal", "exec -t x /bin/sh"),
            ("a user by name", "exec -u root x /y"),
            ("a group by name", "exec -u 0:root x /y"),
            ("a variable without a value", "exec -e A x /y"),
            ("a variable without a name", "exec -e =a x /y"),
            ("a folder from nowhere", "exec --cwd tmp x /y"),
            ("a user of another verb", "start -u 0 x"),
            ("an unknown option", "create --console-socket /s x"),
            ("a global option after the verb", "start --root /r x"),
            ("nothing", ""),
        ] {
            assert_eq!(parsed(line).unwrap_err().exit, Exit::Usage, "{what}");
        }
    }
}
