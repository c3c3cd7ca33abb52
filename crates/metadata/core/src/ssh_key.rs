//! Lines of `authorized_keys` (sshd(8), "AUTHORIZED_KEYS FILE FORMAT") out of what strangers call SSH keys.

use crate::base64;
use crate::json::Json;

/// Key types that OpenSSH takes from users. DSA keys are not among them any more.
const TYPES: [&str; 7] = [
    "ssh-ed25519",
    "ssh-rsa",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
];

/// Bytes of a line, at most: an RSA key of 16,384 bits has 2,800.
const MAX_LINE: usize = 8 << 10;

/// Every line of every text in the value at the end of a path; none where there is no such value.
#[must_use]
pub fn lines_at(document: &Json, path: &[&str]) -> Vec<String> {
    document.at(path).map(lines).unwrap_or_default()
}

/// Every line of every text in a value. Keys come as a text, a list of them, a map from names to them, or a map of maps.
fn lines(value: &Json) -> Vec<String> {
    let mut lines = Vec::new();
    let mut values = vec![value];
    while let Some(value) = values.pop() {
        match value {
            Json::Text(text) => {
                lines.extend(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned));
            }
            Json::List(items) => values.extend(items.iter().rev()),
            Json::Object(fields) => values.extend(fields.values().rev()),
            Json::Null | Json::Bool(_) | Json::Number(_) => {}
        }
    }
    lines
}

/// `line` without blanks around it, if it is one key of a known type: type, key, comment. The key has to be base64 of something
/// that names the same type. Options before the type are refused: who hands out keys has no business with `command=`.
#[must_use]
pub fn validated(line: &str) -> Option<&str> {
    let line = line.trim();
    let mut words = line.split_ascii_whitespace();
    let (kind, key) = (words.next()?, words.next()?);
    let is_fine = line.len() <= MAX_LINE
        && !line.chars().any(|char| char.is_control() && char != '\t')
        && TYPES.contains(&kind)
        && names(&base64::decode(key.as_bytes())?, kind);
    is_fine.then_some(line)
}

/// Whether the key is one of this type, by its own first field (RFC 4253 section 6.6), and has something behind it.
fn names(key: &[u8], kind: &str) -> bool {
    let Some((length, rest)) = key.split_first_chunk() else { return false };
    let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
    rest.split_at_checked(length).is_some_and(|(name, material)| name == kind.as_bytes() && !material.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ED25519: &str = "AAAAC3NzaC1lZDI1NTE5AAAAIA8fDw8PDw8PDw8PDw8PDw8PDw8PDw8PDw8PDw8PDw8P";

    #[test]
    fn a_key_is_one_line_of_a_known_type() {
        for (what, line) in [
            ("with a comment", format!("ssh-ed25519 {ED25519} me@example.com")),
            ("without", format!("ssh-ed25519 {ED25519}")),
            ("a comment with blanks", format!("ssh-ed25519 {ED25519} my old laptop é")),
        ] {
            assert_eq!(validated(&format!(" {line}\r\n")), Some(line.as_str()), "{what}");
        }
        for (what, line) in [
            ("nothing", String::new()),
            ("no key", "ssh-ed25519".to_owned()),
            ("an option", format!("command=\"/bin/sh\" ssh-ed25519 {ED25519}")),
            ("an unknown type", format!("ssh-dss {ED25519}")),
            ("another type than the key says", format!("ssh-rsa {ED25519}")),
            ("no base64", "ssh-ed25519 me@example.com".to_owned()),
            ("a type and no material", "ssh-rsa AAAAB3NzaC1yc2E=".to_owned()),
            ("two lines", format!("ssh-ed25519 {ED25519}\nssh-ed25519 {ED25519}")),
            ("a return in it", format!("ssh-ed25519 {ED25519} a\rb")),
            ("a NUL in it", format!("ssh-ed25519 {ED25519} a\0b")),
            ("too long", format!("ssh-ed25519 {ED25519} {}", "x".repeat(MAX_LINE))),
        ] {
            assert_eq!(validated(&line), None, "{what}");
        }
    }
}
