use super::{Problem, is_nothing};
use crate::json::{Json, JsonError};

/// The key that a line begins with, and what stands behind its colon. `None` when the line is no entry of a map.
pub(super) fn key(text: &str) -> Result<Option<(String, &str)>, Problem> {
    if text.starts_with(['"', '\'']) {
        let (key, rest) = quoted(text)?;
        return Ok(behind_colon(rest.trim_start()).map(|rest| (key, rest)));
    }
    if text.starts_with(INDICATORS) {
        return Ok(None);
    }
    let comment = text.find(" #").unwrap_or(text.len());
    let colons = text.match_indices(':').map(|(at, _)| at).take_while(|at| *at < comment);
    let mut keys = colons.map(|at| text.split_at(at)).filter_map(|(key, rest)| Some((key, behind_colon(rest)?)));
    Ok(keys.next().map(|(key, rest)| (key.trim_end().to_owned(), rest)))
}

/// What stands behind the colon of a key: that is followed by a blank, or by nothing.
fn behind_colon(text: &str) -> Option<&str> {
    let rest = text.strip_prefix(':')?;
    (rest.is_empty() || rest.starts_with([' ', '\t'])).then(|| rest.trim_start())
}

/// What a plain scalar cannot begin with (YAML 1.2.2 §5.3), but for `-`, `?` and `:`, which it can if no blank follows.
const INDICATORS: [char; 16] = ['&', '*', '!', '|', '>', '%', '@', '`', '[', ']', '{', '}', ',', '#', '"', '\''];

/// The value of one line that `text` is, with up to `depth` values in each other.
pub(super) fn value(text: &str, depth: usize) -> Result<Json, Problem> {
    if text.starts_with(['"', '\'']) {
        let (value, rest) = quoted(text)?;
        let behind = rest.trim_start();
        let is_comment = is_nothing(behind) && (behind.is_empty() || rest.len() > behind.len());
        return if is_comment { Ok(Json::Text(value)) } else { Err(Problem::Quotes) };
    }
    if text.starts_with(['[', '{']) {
        return Json::parse(text.as_bytes(), depth).map_err(|error| match error {
            JsonError::Syntax { .. } => Problem::Flow,
            JsonError::TooLarge => Problem::Large,
        });
    }
    if text.starts_with(INDICATORS) || text == "?" || text.starts_with("? ") {
        return Err(Problem::Unsupported);
    }
    let text = text.split_once(" #").map_or(text, |(text, _)| text).trim_end();
    if text.contains(": ") || text.ends_with(':') {
        return Err(Problem::NotAKey);
    }
    Ok(match text {
        "~" | "null" | "Null" | "NULL" => Json::Null,
        _ => Json::Text(text.to_owned()),
    })
}

/// The quoted scalar that `text` begins with, and what stands behind it.
fn quoted(text: &str) -> Result<(String, &str), Problem> {
    let mut chars = text.chars();
    let quote = chars.next().ok_or(Problem::Quotes)?;
    let mut value = String::new();
    while let Some(c) = chars.next() {
        match c {
            '\'' if quote == '\'' && chars.as_str().starts_with('\'') => {
                value.push('\'');
                let _second = chars.next();
            }
            c if c == quote => return Ok((value, chars.as_str())),
            '\\' if quote == '"' => value.push(escaped(&mut chars).ok_or(Problem::Quotes)?),
            c => value.push(c),
        }
    }
    Err(Problem::Quotes)
}

/// The character that an escape stands for (YAML 1.2.2 §5.7): those that JSON has as well, and a few more.
fn escaped(chars: &mut std::str::Chars<'_>) -> Option<char> {
    let digits = match chars.next()? {
        'x' => 2,
        'u' => 4,
        'U' => 8,
        'n' => return Some('\n'),
        't' => return Some('\t'),
        'r' => return Some('\r'),
        '0' => return Some('\0'),
        'b' => return Some('\u{8}'),
        'e' => return Some('\u{1b}'),
        'f' => return Some('\u{c}'),
        c @ ('"' | '\\' | '/' | ' ') => return Some(c),
        _ => return None,
    };
    let rest = chars.as_str();
    let number = rest.get(..digits)?;
    *chars = rest.get(digits..)?.chars();
    // `from_str_radix` takes a sign as well.
    let number =
        number.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| u32::from_str_radix(number, 16).ok())??;
    char::from_u32(number)
}

/// What stands behind the `|` of a literal block (YAML 1.2.2 §8.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    /// By how much its lines are indented, where it says so.
    pub(super) indent: Option<usize>,
    chomping: Chomping,
}

/// What becomes of the line ends at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Chomping {
    /// One stays.
    Clip,
    /// None stays.
    Strip,
    /// All stay.
    Keep,
}

impl Header {
    pub(super) fn read(text: &str) -> Option<Self> {
        let text = text.split_once(" #").map_or(text, |(text, _)| text).trim_end();
        let mut header = Self { indent: None, chomping: Chomping::Clip };
        for c in text.chars() {
            match (c, header) {
                ('-', Self { chomping: Chomping::Clip, .. }) => header.chomping = Chomping::Strip,
                ('+', Self { chomping: Chomping::Clip, .. }) => header.chomping = Chomping::Keep,
                ('1'..='9', Self { indent: None, .. }) => header.indent = usize::try_from(c.to_digit(10)?).ok(),
                _ => return None,
            }
        }
        Some(header)
    }

    /// The text of a block of these lines.
    pub(super) fn chomp(self, lines: &[&str]) -> String {
        let mut text = String::new();
        for line in lines {
            text.push_str(line);
            text.push('\n');
        }
        let content = text.trim_end_matches('\n').len();
        match self.chomping {
            Chomping::Keep => {}
            Chomping::Strip => text.truncate(content),
            Chomping::Clip if content == 0 => text.clear(),
            Chomping::Clip => text.truncate(content.saturating_add(1)),
        }
        text
    }
}
