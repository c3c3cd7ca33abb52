//! dhcpcd's options, in the forms that getopt takes: `-tN`, `-t N`, `-Bd`, `--timeout N`, `--timeout=N`.

use std::ffi::OsString;
use std::fmt::Write as _;

use orlop_sandbox::fatal::nearest;

use crate::settings;
use Means::{File, Help, Leaves, OneShot, Ready, Says, Version};
use Value::{Maybe, Must, Never};

/// What an option stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Means {
    /// What this directive says in a file.
    Says(&'static str),
    /// End when the interfaces are configured.
    OneShot,
    /// Read this file.
    File,
    /// When the user's process ends.
    Leaves(settings::Leaves),
    /// Tell through this descriptor that the first lease is in force: ours, not dhcpcd's.
    Ready,
    /// Show the options.
    Help,
    /// Show the version.
    Version,
}

/// Whether an option has a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Value {
    /// No.
    Never,
    /// Yes.
    Must,
    /// Only in the form `--name=value`.
    Maybe,
}

/// Short form (a space where there is none), long form, value, meaning.
const OPTIONS: &[(char, &str, Value, Means)] = &[
    ('1', "oneshot", Never, OneShot),
    ('4', "ipv4only", Never, Says("ipv4only")),
    ('A', "noarp", Never, Says("noarp")),
    ('B', "nobackground", Never, Leaves(settings::Leaves::Never)),
    ('C', "nohook", Must, Says("nohook")),
    ('D', "duid", Maybe, Says("duid")),
    ('G', "nogateway", Never, Says("nogateway")),
    ('I', "clientid", Must, Says("clientid")),
    ('J', "broadcast", Never, Says("broadcast")),
    ('K', "nolink", Never, Says("nolink")),
    ('L', "noipv4ll", Never, Says("noipv4ll")),
    ('M', "manager", Never, Says("manager")),
    ('O', "nooption", Must, Says("nooption")),
    ('Q', "require", Must, Says("require")),
    ('Z', "denyinterfaces", Must, Says("denyinterfaces")),
    ('b', "background", Never, Leaves(settings::Leaves::AtOnce)),
    ('d', "debug", Never, Says("debug")),
    ('e', "env", Must, Says("env")),
    ('f', "config", Must, File),
    ('h', "hostname", Must, Says("hostname")),
    ('i', "vendorclassid", Must, Says("vendorclassid")),
    ('j', "logfile", Must, Says("logfile")),
    ('l', "leasetime", Must, Says("leasetime")),
    ('m', "metric", Must, Says("metric")),
    ('o', "option", Must, Says("option")),
    ('p', "persistent", Never, Says("persistent")),
    ('q', "quiet", Never, Says("quiet")),
    ('t', "timeout", Must, Says("timeout")),
    ('w', "waitip", Maybe, Says("waitip")),
    ('y', "reboot", Must, Says("reboot")),
    ('z', "allowinterfaces", Must, Says("allowinterfaces")),
    (' ', "nodelay", Never, Says("nodelay")),
    (' ', "noipv6", Never, Says("noipv6")),
    (' ', "noipv6rs", Never, Says("noipv6rs")),
    (' ', "ready-fd", Must, Ready),
    (' ', "help", Never, Help),
    (' ', "version", Never, Version),
];

/// A command line of dhcpcd, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// The options with their values (empty when there is none), in order.
    pub(super) options: Vec<(Means, String)>,
    /// The interfaces.
    pub(super) names: Vec<String>,
}

impl Line {
    /// Takes the options and names apart, in any order, as getopt does.
    pub(super) fn read(words: impl IntoIterator<Item = OsString>) -> Result<Self, OptionError> {
        let mut line = Self { options: Vec::new(), names: Vec::new() };
        let mut words = words.into_iter().map(|word| word.into_string().map_err(OptionError::NotText));
        while let Some(word) = words.next().transpose()? {
            if word == "--" {
                line.names.extend(words.by_ref().collect::<Result<Vec<_>, _>>()?);
            } else if let Some(long) = word.strip_prefix("--") {
                line.long(long, &mut words)?;
            } else if let Some(cluster) = word.strip_prefix('-').filter(|cluster| !cluster.is_empty()) {
                line.short(cluster, &mut words)?;
            } else {
                line.names.push(word);
            }
        }
        Ok(line)
    }

    fn long(&mut self, word: &str, words: &mut dyn Iterator<Item = Word>) -> Result<(), OptionError> {
        let (name, given) = word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value)));
        let shown = format!("--{name}");
        let row = OPTIONS.iter().find(|(_, long, ..)| *long == name);
        let (_, _, takes, means) = *row.ok_or_else(|| OptionError::Unknown(shown.clone()))?;
        let value = match (takes, given) {
            (Never, Some(_)) => return Err(OptionError::NoValue(shown)),
            (Never | Maybe, None) => String::new(),
            (Must | Maybe, Some(value)) => value.to_owned(),
            (Must, None) => words.next().transpose()?.ok_or(OptionError::NeedsValue(shown))?,
        };
        self.options.push((means, value));
        Ok(())
    }

    fn short(&mut self, cluster: &str, words: &mut dyn Iterator<Item = Word>) -> Result<(), OptionError> {
        let mut letters = cluster.chars();
        while let Some(letter) = letters.next() {
            let shown = format!("-{letter}");
            let row = OPTIONS.iter().find(|(short, ..)| *short == letter && letter != ' ');
            let (_, _, takes, means) = *row.ok_or_else(|| OptionError::Unknown(shown.clone()))?;
            if takes != Must {
                self.options.push((means, String::new()));
                continue;
            }
            let rest = letters.as_str();
            let value = if rest.is_empty() {
                words.next().transpose()?.ok_or(OptionError::NeedsValue(shown))?
            } else {
                rest.to_owned()
            };
            self.options.push((means, value));
            break;
        }
        Ok(())
    }
}

type Word = Result<String, OptionError>;

/// What `--help` shows.
pub(super) fn help() -> String {
    let mut text = "orlop-dhcp in dhcpcd's place: dhcpcd [OPTION]... [IFACE]...\n\nOptions:\n".to_owned();
    for (short, long, value, _) in OPTIONS {
        let short = if *short == ' ' { "    ".to_owned() } else { format!("-{short}, ") };
        let value = match value {
            Never => "",
            Must => " VALUE",
            Maybe => "[=VALUE]",
        };
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {short}--{long}{value}");
    }
    text.push_str(
        "\nThey mean what they mean to dhcpcd, as far as a client without hooks and IPv6 can do it; what has no effect\n\
         is named in a warning. A one-shot run always ends: after --timeout, else 10 s.\n\
         orlop-dhcp --help shows the program's own options and its exit codes.\n",
    );
    text
}

/// Why a command line is not one of dhcpcd's.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum OptionError {
    /// An option that is not in the table.
    #[error("the option {0} of dhcpcd is not known to orlop-dhcp")]
    Unknown(String),
    /// An option at the end, without the value it needs.
    #[error("the option {0} needs a value")]
    NeedsValue(String),
    /// An option with a value that it does not take.
    #[error("the option {0} takes no value")]
    NoValue(String),
    /// A word that is not UTF-8.
    #[error("{0:?} is not UTF-8 text")]
    NotText(OsString),
}

impl OptionError {
    /// The long option that one which is not in the table is nearly.
    pub(super) fn meant(&self) -> Option<&'static str> {
        let Self::Unknown(word) = self else { return None };
        let known: Vec<&str> = OPTIONS.iter().map(|(_, long, ..)| *long).collect();
        word.strip_prefix("--").and_then(|word| nearest(word, &known))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Line, OptionError> {
        Line::read(text.split(' ').filter(|word| !word.is_empty()).map(OsString::from))
    }

    #[test]
    fn options_are_taken_in_every_form_that_getopt_takes() {
        let timeout = |value: &str| (Says("timeout"), value.to_owned());
        let flag = |means| (means, String::new());
        for (what, text, options, names) in [
            ("nothing", "", vec![], &[][..]),
            ("value apart", "-t 5", vec![timeout("5")], &[]),
            ("value joined", "-t5", vec![timeout("5")], &[]),
            (
                "cluster with a value at its end",
                "-Bdt5",
                vec![flag(Leaves(settings::Leaves::Never)), flag(Says("debug")), timeout("5")],
                &[],
            ),
            ("long", "--timeout 5", vec![timeout("5")], &[]),
            ("long with a sign", "--timeout=5", vec![timeout("5")], &[]),
            ("value only with a sign", "--waitip eth0", vec![flag(Says("waitip"))], &["eth0"]),
            ("names between and after", "eth0 -1 eth1 -- -odd", vec![flag(OneShot)], &["eth0", "eth1", "-odd"]),
        ] {
            let names = names.iter().map(|name| (*name).to_owned()).collect();
            assert_eq!(read(text), Ok(Line { options, names }), "{what}");
        }
    }

    #[test]
    fn an_option_that_is_not_dhcpcds_or_not_ours_is_named() {
        for (what, text, want) in [
            ("unknown long", "--frob=1", OptionError::Unknown("--frob".into())),
            ("unknown short in a cluster", "-B6", OptionError::Unknown("-6".into())),
            ("a space is no option", "- ", OptionError::Unknown("".into())),
            ("value missing", "-t", OptionError::NeedsValue("-t".into())),
            ("long value missing", "--timeout", OptionError::NeedsValue("--timeout".into())),
            ("value too many", "--oneshot=1", OptionError::NoValue("--oneshot".into())),
        ] {
            if what == "a space is no option" {
                let words = [OsString::from("-B ")];
                assert_eq!(Line::read(words), Err(OptionError::Unknown("- ".into())), "{what}");
            } else {
                assert_eq!(read(text), Err(want), "{what}");
            }
        }
    }

    #[test]
    fn no_option_stands_in_the_table_twice() {
        for (at, (short, long, ..)) in OPTIONS.iter().enumerate() {
            for (other_short, other_long, ..) in OPTIONS.iter().skip(at + 1) {
                assert!(long != other_long && (short != other_short || *short == ' '), "--{long}");
            }
        }
    }

    #[test]
    fn help_shows_every_option() {
        let help = help();
        assert!(OPTIONS.iter().all(|(_, long, ..)| help.contains(&format!("--{long}"))), "{help}");
    }
}
