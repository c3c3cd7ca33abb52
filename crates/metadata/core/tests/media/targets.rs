//! What each fuzz target does with its bytes. `fuzz/` compiles this very file; here the committed seeds and mutations of them
//! run it on stable.

use orlop_metadata_contract::{MAX_RESPONSE, Seed};
use orlop_metadata_core::json::Json;
use orlop_metadata_core::media::{MAX_READS, MediaError};
use orlop_metadata_core::seed;
use orlop_metadata_core::xml::{self, Element};
use orlop_metadata_core::yaml;

use crate::sparse::Sparse;

/// All of them.
const SEEDS: [Seed; 4] = [Seed::NoCloud, Seed::ConfigDrive, Seed::OvfEnv, Seed::Unlabelled];

/// A packed disk, whatever its file system: it is looked at, and everything is read of it that it could hold.
pub(crate) fn disk(data: &[u8]) {
    let mut disk = Sparse::unpacked(data);
    let is = read_with(&mut disk, |disk| seed::on(disk, true));
    if let Ok(Some(is)) = is {
        assert!(read_with(&mut disk, |disk| seed::read(disk, is)).is_ok(), "a seed that cannot be opened again");
    }
    for seed in SEEDS {
        if let Ok(facts) = read_with(&mut disk, |disk| seed::read(disk, seed)) {
            for file in [facts.user_data, facts.vendor_data, facts.network_config].into_iter().flatten() {
                assert!((1..=MAX_RESPONSE).contains(&file.len()), "a file of {} bytes", file.len());
            }
        }
    }
}

/// What `read` makes of a disk, if it does not read it for ever.
fn read_with<T>(disk: &mut Sparse, read: impl FnOnce(&mut Sparse) -> Result<T, MediaError>) -> Result<T, MediaError> {
    disk.reads = 0;
    let result = read(disk);
    assert!(disk.reads <= MAX_READS, "{} reads", disk.reads);
    result
}

/// A document, read as YAML; what it says, written anew, says the same.
pub(crate) fn yaml(data: &[u8]) {
    let Ok(value) = yaml::parse(data) else { return };
    assert!(depth(&value) <= yaml::MAX_NESTED, "deeper than it may be");
    let again = as_yaml(&value);
    if again.len() <= yaml::MAX_DOCUMENT && count(&value) < yaml::MAX_VALUES {
        assert_eq!(yaml::parse(again.as_bytes()), Ok(as_texts(value)), "{again}");
    }
}

/// A document, read as XML; what it says, written anew, says the same.
pub(crate) fn xml(data: &[u8]) {
    let Ok(element) = Element::parse(data) else { return };
    let again = as_xml(&element);
    if again.len() <= xml::MAX_DOCUMENT {
        assert_eq!(Element::parse(again.as_bytes()), Ok(element), "{again}");
    }
}

fn depth(value: &Json) -> usize {
    match value {
        Json::List(items) => 1 + items.iter().map(depth).max().unwrap_or_default(),
        Json::Object(fields) => 1 + fields.values().map(depth).max().unwrap_or_default(),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::Text(_) => 0,
    }
}

fn count(value: &Json) -> usize {
    match value {
        Json::List(items) => items.iter().map(count).sum::<usize>() + 1,
        Json::Object(fields) => fields.values().map(count).sum::<usize>() + 1,
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::Text(_) => 1,
    }
}

/// The value as YAML has it, where a plain scalar is a text.
pub(crate) fn as_texts(value: Json) -> Json {
    match value {
        Json::Bool(bool) => Json::Text(bool.to_string()),
        Json::Number(number) => Json::Text(number),
        Json::List(items) => Json::List(items.into_iter().map(as_texts).collect()),
        Json::Object(fields) => Json::Object(fields.into_iter().map(|(key, value)| (key, as_texts(value))).collect()),
        value @ (Json::Null | Json::Text(_)) => value,
    }
}

/// The value in blocks.
pub(crate) fn as_yaml(value: &Json) -> String {
    let mut text = "---\n".to_owned();
    block(value, 0, &mut text);
    text
}

/// A value that begins at a new line, at column `indent`.
fn block(value: &Json, indent: usize, text: &mut String) {
    let margin = " ".repeat(indent);
    match value {
        Json::List(items) if !items.is_empty() => {
            for item in items {
                text.push_str(&format!("{margin}-"));
                behind(item, indent, text);
            }
        }
        Json::Object(fields) if !fields.is_empty() => {
            for (key, value) in fields {
                text.push_str(&format!("{margin}{}:", quoted(key)));
                behind(value, indent, text);
            }
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::Text(_) | Json::List(_) | Json::Object(_) => {
            text.push_str(&format!("{margin}{}\n", scalar(value)));
        }
    }
}

/// A value behind a dash or a key.
fn behind(value: &Json, indent: usize, text: &mut String) {
    let is_block = match value {
        Json::List(items) => !items.is_empty(),
        Json::Object(fields) => !fields.is_empty(),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::Text(_) => false,
    };
    if is_block {
        text.push('\n');
        block(value, indent + 1, text);
    } else {
        text.push_str(&format!(" {}\n", scalar(value)));
    }
}

fn scalar(value: &Json) -> String {
    match value {
        Json::Text(said) => quoted(said),
        Json::List(_) => "[]".to_owned(),
        Json::Object(_) => "{}".to_owned(),
        Json::Null | Json::Bool(_) | Json::Number(_) => value.to_string(),
    }
}

fn quoted(said: &str) -> String {
    let mut text = "\"".to_owned();
    for c in said.chars() {
        match c {
            '"' | '\\' => text.extend(['\\', c]),
            c if c.is_control() => text.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => text.push(c),
        }
    }
    text + "\""
}

/// The element with a namespace of its own at each tag, its text in front.
fn as_xml(element: &Element) -> String {
    let Element { namespace, name, elements, text } = element;
    let namespace = escaped(namespace.as_deref().unwrap_or_default());
    let inside: String = elements.iter().map(as_xml).collect();
    format!("<{name} xmlns=\"{namespace}\">{}{inside}</{name}>", escaped(text))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}
