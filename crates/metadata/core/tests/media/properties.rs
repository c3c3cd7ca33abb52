//! What holds for any document.

use std::collections::BTreeMap;

use orlop_metadata_core::json::{Json, MAX_NESTING};
use orlop_metadata_core::yaml;
use proptest::prelude::*;

use crate::targets;

/// Any value, with numbers and such as JSON writes them.
fn value() -> impl Strategy<Value = Json> {
    let text = prop_oneof!["[ -~]{0,20}", any::<String>(), "[-:#&*!|>'\"%@`\\[\\]{}, \n\t]{0,6}"];
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::Bool),
        any::<i64>().prop_map(|number| Json::Number(number.to_string())),
        text.clone().prop_map(Json::Text),
    ];
    leaf.prop_recursive(5, 60, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Json::List),
            prop::collection::btree_map(text.clone(), inner, 0..6).prop_map(Json::Object),
        ]
    })
}

proptest! {
    #[test]
    fn yaml_says_what_was_written_in_blocks(value in value()) {
        let document = targets::as_yaml(&value);
        prop_assert_eq!(yaml::parse(document.as_bytes()), Ok(targets::as_texts(value)), "{}", document);
    }

    #[test]
    fn json_is_yaml_and_says_the_same(fields in prop::collection::btree_map(any::<String>(), value(), 0..5)) {
        let document = Json::Object(BTreeMap::from([("a".to_owned(), Json::Object(fields))])).to_string();
        let json = Json::parse(document.as_bytes(), MAX_NESTING).unwrap();
        prop_assert_eq!(yaml::parse(document.as_bytes()), Ok(json.clone()));
        let in_a_line = format!("b: {document}\n");
        prop_assert_eq!(yaml::parse(in_a_line.as_bytes()), Ok(Json::Object(BTreeMap::from([("b".to_owned(), json)]))));
    }

    #[test]
    fn no_bytes_are_too_strange(bytes: Vec<u8>, text in "[-a:#&|>'\" \n\t{}\\[\\]<>/=!?;x0-9]{0,80}") {
        for data in [bytes.as_slice(), text.as_bytes()] {
            targets::yaml(data);
            targets::xml(data);
            targets::disk(data);
        }
    }
}
