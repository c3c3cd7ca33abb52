//! Patterns, as glob(7) describes them: `*`, `?`, `[...]`, `\` before a character that stands for itself.
//!
//! A pattern is a path like any other, and each of its names is matched with one name: nothing in it ever matches a `/`. A
//! name that begins with a dot is matched by a dot only.

/// Stars in one pattern, at most. No setting of Linux is deeper than six names, so that none needs more than a few; the
/// bound makes the longest search for a match short.
const MAX_STARS: usize = 32;

/// Whether `path` is a pattern at all, and not a key.
pub(crate) fn is_pattern(path: &str) -> bool {
    path.contains(['*', '?', '['])
}

/// Whether each name of `pattern` can be understood.
pub(crate) fn is_sound(pattern: &str) -> bool {
    pattern.bytes().filter(|byte| *byte == b'*').count() <= MAX_STARS && pattern.split('/').all(is_sound_name)
}

/// Whether `path` matches `pattern`, name by name.
pub(crate) fn matches(pattern: &str, path: &str) -> bool {
    let (mut patterns, mut names) = (pattern.split('/'), path.split('/'));
    loop {
        match (patterns.next(), names.next()) {
            (None, None) => return true,
            (Some(pattern), Some(name)) if matches_name(pattern, name) => {}
            (Some(_), Some(_) | None) | (None, Some(_)) => return false,
        }
    }
}

/// Whether one name matches one name of a pattern.
///
/// Takes one comparison for each character of the name and each of the pattern at most, whatever the stars: when the part
/// after a star does not fit, only that star can help, and it takes one more character.
pub(crate) fn matches_name(pattern: &str, name: &str) -> bool {
    if name.starts_with('.') && !pattern.starts_with('.') && !pattern.starts_with("\\.") {
        return false;
    }
    let (mut pattern, mut name) = (pattern, name);
    // The last star: what follows it, and the name from the first character that it has not taken.
    let mut star: Option<(&str, &str)> = None;
    loop {
        match (Token::first(pattern), split_first(name)) {
            (Some((Token::Star, rest)), _) => {
                star = Some((rest, name));
                pattern = rest;
            }
            (Some((token, rest)), Some((c, tail))) if token.takes(c) => (pattern, name) = (rest, tail),
            (None, None) if pattern.is_empty() => return true,
            (Some(_) | None, Some(_) | None) => {
                let Some((rest, taken)) = star else { return false };
                let Some((_, tail)) = split_first(taken) else { return false };
                star = Some((rest, tail));
                (pattern, name) = (rest, tail);
            }
        }
    }
}

fn is_sound_name(mut pattern: &str) -> bool {
    while let Some((_, rest)) = Token::first(pattern) {
        pattern = rest;
    }
    pattern.is_empty()
}

#[derive(Debug, Clone, Copy)]
enum Token<'a> {
    Just(char),
    /// `?`
    Any,
    /// `*`
    Star,
    /// `[...]`: what is between the brackets, without the `!`.
    OneOf {
        negated: bool,
        members: &'a str,
    },
}

impl<'a> Token<'a> {
    /// The first token of a pattern, and the rest. Nothing at the end, and where the pattern cannot be understood.
    fn first(pattern: &'a str) -> Option<(Self, &'a str)> {
        let (c, rest) = split_first(pattern)?;
        match c {
            '*' => Some((Self::Star, rest.trim_start_matches('*'))),
            '?' => Some((Self::Any, rest)),
            '[' => Self::bracket(rest),
            '\\' => split_first(rest).map(|(c, rest)| (Self::Just(c), rest)),
            other => Some((Self::Just(other), rest)),
        }
    }

    fn bracket(text: &'a str) -> Option<(Self, &'a str)> {
        let (negated, body) = text.strip_prefix(['!', '^']).map_or((false, text), |body| (true, body));
        let mut rest = body;
        // At the start, a `]` is a member.
        let mut first = true;
        loop {
            if !first && rest.starts_with(']') {
                let members = body.get(..body.len().checked_sub(rest.len())?)?;
                return Some((Self::OneOf { negated, members }, rest.get(1..)?));
            }
            // Classes such as [:digit:] are not for names of settings, and must not be taken for their letters.
            if ["[:", "[.", "[="].iter().any(|class| rest.starts_with(class)) {
                return None;
            }
            rest = member(rest)?.1;
            first = false;
        }
    }

    fn takes(self, c: char) -> bool {
        match self {
            Self::Just(own) => own == c,
            Self::Any | Self::Star => true,
            Self::OneOf { negated, members } => is_member(members, c) != negated,
        }
    }
}

fn is_member(mut members: &str, c: char) -> bool {
    while let Some((low, rest)) = member(members) {
        // A hyphen between two members makes them a range; at either end it is one of them.
        let range = rest.strip_prefix('-').and_then(member);
        let (high, rest) = range.unwrap_or((low, rest));
        if (low..=high).contains(&c) {
            return true;
        }
        members = rest;
    }
    false
}

/// A character of a bracket, and the rest.
fn member(text: &str) -> Option<(char, &str)> {
    match split_first(text)? {
        ('\\', rest) => split_first(rest),
        other => Some(other),
    }
}

fn split_first(text: &str) -> Option<(char, &str)> {
    let mut chars = text.chars();
    chars.next().map(|c| (c, chars.as_str()))
}

#[cfg(test)]
mod tests;
