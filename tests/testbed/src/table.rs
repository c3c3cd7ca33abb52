//! Pages that explain a JSON document field by field, held against a document.

use std::collections::BTreeSet;

use serde_json::Value;

/// The fields of a JSON document by their paths: `interfaces[].lease.address`. The keys of the objects called `maps` are
/// data, and stand as `*`. A moment, which has its own rows once, is a field like a number.
///
/// # Panics
/// `json` is none.
#[must_use]
pub fn fields(json: &str, maps: &[&str]) -> BTreeSet<String> {
    let mut fields = BTreeSet::new();
    let document = serde_json::from_str(json).expect("the document is JSON");
    collect(&document, "", maps, &mut fields);
    fields
}

fn collect(value: &Value, path: &str, maps: &[&str], fields: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) if !object.contains_key("boottime_ms") && !object.is_empty() => {
            let is_map = maps.contains(&path.rsplit('.').next().unwrap_or(path));
            for (key, value) in object {
                let key = if is_map { "*" } else { key };
                let dot = if path.is_empty() { "" } else { "." };
                collect(value, &format!("{path}{dot}{key}"), maps, fields);
            }
        }
        Value::Array(list) if list.first().is_some_and(Value::is_object) => {
            list.iter().for_each(|one| collect(one, &format!("{path}[]"), maps, fields));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
            fields.insert(path.to_owned());
        }
    }
}

/// The fields that the tables of a page explain: the first cell of each row, where that is quoted.
#[must_use]
pub fn rows(page: &str) -> BTreeSet<String> {
    let cells = page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` |"));
    cells.map(|(field, _)| field.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_have_paths_and_a_page_has_rows() {
        let json = r#"{"a": 1, "list": [{"b": null}, {"c": [1]}], "map": {"x": {"d": 1}, "y": {"d": 2}},
                       "at": {"boottime_ms": 1, "in_ms": 2, "utc": ""}, "none": {}}"#;
        let want = ["a", "at", "list[].b", "list[].c", "map.*.d", "none"].map(str::to_owned);
        assert_eq!(fields(json, &["map"]), want.into());
        assert_eq!(rows("| field | x |\n|---|---|\n| `a.b` | text `c` |\ntext `d` |\n"), ["a.b".to_owned()].into());
    }
}
