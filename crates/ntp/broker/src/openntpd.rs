//! openntpd's words, for images in its place: `ntpd -d` with its `/etc/ntpd.conf`, as LinuxKit runs it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use orlop_broker::command_line::mistake;
use orlop_config::ConfigError;
use orlop_ntp_contract::{Kind, MAX_SOURCES, SourceConduct};
use orlop_sandbox::fatal::Fatal;

use crate::config::{Config, DEFAULT_PATH, Loaded, Place, Source};

/// Where openntpd keeps its configuration.
pub const DEFAULT_CONF: &str = "/etc/ntpd.conf";

/// What openntpd's command line asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wish {
    /// Keep the clock right, as this file says.
    Run {
        /// The configuration; `None` is the usual one, which may be absent.
        conf: Option<PathBuf>,
        /// How many `-v` there were.
        verbose: u8,
    },
    /// Only read the configuration.
    Check(Option<PathBuf>),
}

/// Understands openntpd's options, the program's name apart. That the clock is set at the start (`-s`) is done in any case, and
/// that it stays in the foreground (`-d`) too.
///
/// # Errors
/// An option that openntpd does not have.
pub fn parse(line: impl IntoIterator<Item = OsString>) -> Result<Wish, Fatal> {
    let (mut conf, mut verbose, mut check) = (None, 0_u8, false);
    let mut words = line.into_iter();
    let unknown = |word: &str| {
        mistake(
            format!("ntpd has no option {word}"),
            "ntpd [-dnSsv] [-f FILE]; as orlop-ntp, it has its own: orlop-ntp --help",
        )
    };
    while let Some(word) = words.next() {
        let text = word.to_string_lossy().into_owned();
        let Some(letters) = text.strip_prefix('-').filter(|letters| !letters.is_empty()) else {
            return Err(unknown(&text));
        };
        let mut rest = letters.chars();
        while let Some(letter) = rest.next() {
            match letter {
                'd' | 's' | 'S' => {}
                'n' => check = true,
                'v' => verbose = verbose.saturating_add(1),
                // The file of a process id is of no use in a container.
                'f' | 'p' => {
                    let attached = rest.as_str().to_owned();
                    let value = if attached.is_empty() { words.next() } else { Some(attached.into()) };
                    let value =
                        value.ok_or_else(|| mistake(format!("-{letter} needs a file"), "ntpd -d -f /etc/ntpd.conf"))?;
                    if letter == 'f' {
                        conf = Some(value.into());
                    }
                    break;
                }
                other => return Err(unknown(&format!("-{other}"))),
            }
        }
    }
    Ok(if check { Wish::Check(conf) } else { Wish::Run { conf, verbose } })
}

/// Reads openntpd's configuration at `path`, or the usual one; where that is absent, ours.
///
/// # Errors
/// It cannot be read, or a line is none of openntpd's.
pub fn load(path: Option<&Path>) -> Result<Loaded, ConfigError> {
    let at = path.unwrap_or(Path::new(DEFAULT_CONF));
    match orlop_config::read(at) {
        Ok(text) => understand(&text, at),
        Err(ConfigError::Open { source, .. }) if path.is_none() && source.kind() == std::io::ErrorKind::NotFound => {
            Config::load(Path::new(DEFAULT_PATH), false).map(Loaded::from)
        }
        Err(error) => Err(error),
    }
}

/// What `text` says in openntpd's language; `path` is only for errors and warnings.
///
/// # Errors
/// A line is none of openntpd's.
pub fn understand(text: &str, path: &Path) -> Result<Loaded, ConfigError> {
    let mut config = Config::default();
    let mut warnings = Vec::new();
    for (line, number) in text.lines().zip(1_usize..) {
        let wrong = |message: String| ConfigError::Wrong { path: path.to_owned(), line: Some(number), message };
        let said = line.split('#').next().unwrap_or_default();
        let words: Vec<&str> = said.split_ascii_whitespace().map(|word| word.trim_matches('"')).collect();
        let warning = |what: &str| format!("{}, line {number}: {what}", path.display());
        match words.as_slice() {
            [] => {}
            [keyword @ ("server" | "servers"), name, options @ ..] => {
                let place = name.parse::<Place>().map_err(|error| wrong(error.to_string()))?;
                let Source { place, conduct } =
                    if *keyword == "servers" { Source::pool(place) } else { Source::server(place) };
                if config.sources.len() >= MAX_SOURCES {
                    return Err(wrong(format!("more than {MAX_SOURCES} sources")));
                }
                // openntpd asks every address of such a name.
                let kind = if *keyword == "servers" { conduct.kind } else { Kind::Server };
                config.sources.push(Source { place, conduct: SourceConduct { kind, ..conduct } });
                match options {
                    [] => {}
                    ["trusted"] => warnings.push(warning("`trusted` has no effect: a majority of all decides")),
                    ["weight", _] | ["weight", _, "trusted"] | ["trusted", "weight", _] => {
                        warnings.push(warning("`weight` has no effect: the better measurement counts more"));
                    }
                    [other, ..] => return Err(wrong(format!("nothing is called `{other}` here"))),
                }
            }
            ["listen", "on", ..] => warnings.push(warning("`listen on` has no effect: this is a client only")),
            ["query", "from", ..] => {
                warnings.push(warning("`query from` has no effect: the routes decide where questions come from"));
            }
            ["constraint" | "constraints", "from", ..] => {
                warnings.push(warning(
                    "constraints have no effect: a majority decides, and no clock is set before the build",
                ));
            }
            ["sensor", ..] => warnings.push(warning("`sensor` has no effect: there is no such device here")),
            [other, ..] => return Err(wrong(format!("nothing is called `{other}` here"))),
        }
    }
    Ok(Loaded { config, warnings })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(words: &str) -> Result<Wish, Fatal> {
        parse(words.split_ascii_whitespace().map(OsString::from))
    }

    #[test]
    fn its_options_are_understood_as_it_does() {
        let run = |conf: Option<&str>, verbose| Some(Wish::Run { conf: conf.map(PathBuf::from), verbose });
        for (words, want) in [
            ("-d", run(None, 0)),
            ("-d -s", run(None, 0)),
            ("-dsv -v", run(None, 2)),
            ("-f /a", run(Some("/a"), 0)),
            ("-df/a -p /b", run(Some("/a"), 0)),
            ("-n", Some(Wish::Check(None))),
            ("-x", None),
            ("-f", None),
            ("pool.ntp.org", None),
            ("-", None),
        ] {
            assert_eq!(line(words).ok(), want, "{words}");
        }
    }

    #[test]
    fn its_configuration_is_understood_and_what_has_no_effect_is_told() {
        let text = "# sample\nlisten on *\nservers pool.ntp.org\nserver 192.0.2.1 weight 5\nserver \"time.example\" trusted\n\
                    sensor *\nconstraints from \"https://www.google.com\"\nconstraint from \"9.9.9.9\"\nquery from 192.0.2.7\n";
        let loaded = understand(text, Path::new("ntpd.conf")).unwrap();
        let places: Vec<String> = loaded.config.sources.iter().map(|source| source.place.to_string()).collect();
        assert_eq!(places, ["pool.ntp.org", "192.0.2.1", "time.example"]);
        assert_eq!(loaded.config.sources[0].conduct.kind, Kind::Pool { want: 4 });
        let lines: Vec<&str> = loaded.warnings.iter().map(|warning| warning.split(':').next().unwrap()).collect();
        let told = [2, 4, 5, 6, 7, 8, 9].map(|line| format!("ntpd.conf, line {line}"));
        assert_eq!(lines, told);
    }

    #[test]
    fn what_is_none_of_its_words_is_an_error_with_its_line() {
        for (text, want) in [
            ("\nserveur 192.0.2.1", (2, "nothing is called `serveur` here")),
            ("server 192.0.2.1 iburst", (1, "nothing is called `iburst` here")),
            ("server 224.0.1.1", (1, "'224.0.1.1' is no address")),
            ("server", (1, "nothing is called `server` here")),
        ] {
            let error = understand(text, Path::new("ntpd.conf")).unwrap_err();
            let ConfigError::Wrong { line, message, .. } = error else { panic!("{error}") };
            assert!((line, message.starts_with(want.1)) == (Some(want.0), true), "{text}: {message}");
        }
    }
}
