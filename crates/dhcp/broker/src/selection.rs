//! Which interfaces are ours, by name.

use orlop_wire::InterfaceName;

use crate::config::{Config, Pattern};

/// At least one pattern of `allow` fits and none of `deny` does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// Wanted.
    pub allow: Vec<Pattern>,
    /// Not wanted, whatever `allow` says.
    pub deny: Vec<Pattern>,
}

impl From<&Config> for Selection {
    fn from(config: &Config) -> Self {
        Self { allow: config.interfaces.clone(), deny: config.deny_interfaces.clone() }
    }
}

impl Selection {
    /// Whether the interface of this name is ours.
    #[must_use]
    pub fn wants(&self, name: &InterfaceName) -> bool {
        let fits = |pattern: &Pattern| fits(pattern.as_str(), name.as_str());
        self.allow.iter().any(fits) && !self.deny.iter().any(fits)
    }
}

/// Matches with one point to come back to: after a later `*`, no earlier one need be tried again. So the time is
/// bounded by pattern times name, also for `*a*a*a*a*`.
fn fits(pattern: &str, name: &str) -> bool {
    let (mut pattern, mut name) = (pattern, name);
    let mut come_back: Option<(&str, &str)> = None;
    loop {
        let step = match split_token(pattern) {
            Some((Token::Anything, tail)) => {
                come_back = Some((tail, name));
                pattern = tail;
                continue;
            }
            Some((token, tail)) => split_char(name).filter(|(c, _)| token.takes(*c)).map(|(_, rest)| (tail, rest)),
            None if name.is_empty() => return true,
            None => None,
        };
        (pattern, name) = match (step, come_back) {
            (Some(next), _) => next,
            (None, Some((tail, from))) => {
                let Some((_, later)) = split_char(from) else { return false };
                come_back = Some((tail, later));
                (tail, later)
            }
            (None, None) => return false,
        };
    }
}

enum Token<'p> {
    Anything,
    AnyCharacter,
    Class { inverted: bool, members: &'p str },
    Just(char),
}

impl Token<'_> {
    fn takes(&self, c: char) -> bool {
        match *self {
            Self::Anything | Self::AnyCharacter => true,
            Self::Class { inverted, members } => is_member(members, c) != inverted,
            Self::Just(own) => own == c,
        }
    }
}

/// The first token of a pattern and what follows; `None` at its end, or for a bracket that is never closed.
fn split_token(pattern: &str) -> Option<(Token<'_>, &str)> {
    let (first, rest) = split_char(pattern)?;
    Some(match first {
        '*' => (Token::Anything, rest),
        '?' => (Token::AnyCharacter, rest),
        '[' => {
            let (inverted, body) = match rest.strip_prefix(['!', '^']) {
                Some(body) => (true, body),
                None => (false, rest),
            };
            // A bracket right at the start is a member, not the end (POSIX.1 section 2.13.1).
            let end = body.char_indices().skip(1).find(|(_, c)| *c == ']')?.0;
            let (members, tail) = body.split_at_checked(end)?;
            (Token::Class { inverted, members }, tail.strip_prefix(']')?)
        }
        other => (Token::Just(other), rest),
    })
}

fn is_member(members: &str, c: char) -> bool {
    let mut rest = members;
    while let Some((from, tail)) = split_char(rest) {
        let range = tail.strip_prefix('-').and_then(split_char);
        let (to, after) = range.unwrap_or((from, tail));
        if (from..=to).contains(&c) {
            return true;
        }
        rest = after;
    }
    false
}

fn split_char(text: &str) -> Option<(char, &str)> {
    let mut chars = text.chars();
    chars.next().map(|first| (first, chars.as_str()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name(text: &str) -> InterfaceName {
        InterfaceName::new(text).unwrap()
    }

    #[test]
    fn a_pattern_fits_the_names_it_should() {
        for (pattern, text, want) in [
            ("eth*", "eth0", true),
            ("eth*", "eth", true),
            ("eth*", "veth0", false),
            ("eth0", "eth0", true),
            ("eth0", "eth01", false),
            ("eth?", "eth1", true),
            ("eth?", "eth10", false),
            ("eth?", "eth", false),
            ("*", "anything", true),
            ("en[ox]*", "eno1", true),
            ("en[ox]*", "enp1s0", false),
            ("eth[0-3]", "eth2", true),
            ("eth[0-3]", "eth4", false),
            ("eth[!0]", "eth1", true),
            ("eth[!0]", "eth0", false),
            ("eth[^0]", "eth0", false),
            ("eth[]]", "eth]", true),
            ("eth[a-]", "eth-", true),
            ("*.100", "eth0.100", true),
            ("*.100", "eth0.1000", false),
            ("e*0*0", "eth00", true),
            ("*a*a*a*a*b", "aaaaaaaaaaaaaaa", false),
        ] {
            assert_eq!(fits(pattern, text), want, "{pattern} and {text}");
        }
    }

    #[test]
    fn denying_wins_over_allowing() {
        let patterns = |list: &[&str]| list.iter().map(|text| Pattern::new(text).unwrap()).collect();
        let selection = Selection { allow: patterns(&["eth*", "en*"]), deny: patterns(&["eth9"]) };
        for (text, want) in [("eth0", true), ("enp0s1", true), ("eth9", false), ("wlan0", false)] {
            assert_eq!(selection.wants(&name(text)), want, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_plain_name_fits_itself_and_nothing_longer(text in "[a-z0-9.-]{1,14}") {
            prop_assert!(fits(&text, &text));
            let longer = format!("{text}x");
            prop_assert!(!fits(&text, &longer));
        }

        #[test]
        fn every_accepted_pattern_is_made_of_tokens(pattern in "[*?a\\[\\]!^-]{1,40}", text in "[a-c]{1,15}") {
            if Pattern::new(&pattern).is_ok() {
                let mut rest = &pattern[..];
                while !rest.is_empty() {
                    rest = split_token(rest).expect("accepted, so every bracket is closed").1;
                }
                // The slowest case still answers.
                let _answer: bool = fits(&pattern, &text);
            }
        }
    }
}
