//! Values that are understood here and of another kind than LinuxKit's tool takes: `mode: 0644`, `readonly: yes`, `env: [5]`.

use serde_json::{Map, Value};

/// Lists of a spec, for which LinuxKit's tool wants a list where they are named at all.
const LISTS: [&str; 6] = ["init", "onboot", "onshutdown", "services", "files", "volumes"];

/// What of the file `typed`, as its text is by itself, is of another kind than in `understood`, in words.
pub(super) fn differences(typed: &Value, understood: &Value) -> Vec<String> {
    let mut said = Vec::new();
    if typed.is_null() {
        said.push("the spec is empty, and LinuxKit's tool takes no empty file".to_owned());
    }
    for name in LISTS.into_iter().filter(|name| typed.get(name).is_some_and(Value::is_null)) {
        said.push(format!("{name} is empty, where LinuxKit's tool takes only a list: {name}: []"));
    }
    compare("", typed, understood, &mut said);
    said
}

fn compare(at: &str, typed: &Value, understood: &Value, said: &mut Vec<String>) {
    match (typed, understood) {
        (Value::Object(typed), Value::Object(understood)) => compare_all(at, typed, understood, said),
        (Value::Array(typed), Value::Array(understood)) => {
            for (index, (typed, understood)) in typed.iter().zip(understood).enumerate() {
                compare(&format!("{at}[{index}]"), typed, understood, said);
            }
        }
        _ if typed.is_null() || understood.is_null() || kind(typed) == kind(understood) => {}
        _ => said.push(format!(
            "{at} is {}, where LinuxKit's tool takes only {}: {}",
            kind(typed),
            kind(understood),
            understood
        )),
    }
}

fn compare_all(at: &str, typed: &Map<String, Value>, understood: &Map<String, Value>, said: &mut Vec<String>) {
    let dot = if at.is_empty() { "" } else { "." };
    for (key, typed) in typed {
        if let Some(understood) = understood.get(key) {
            compare(&format!("{at}{dot}{key}"), typed, understood, said);
        }
    }
}

const fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a mapping",
    }
}
