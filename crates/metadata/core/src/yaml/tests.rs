use serde_json::json;

use super::*;
use crate::json::MAX_VALUES as MAX_JSON_VALUES;

fn problem(document: &str) -> (usize, Problem) {
    let error = parse(document.as_bytes()).expect_err(document);
    (error.line, error.problem)
}

#[test]
fn documents_of_clouds_are_read() {
    for (what, document, value) in [
        ("nothing", "", json!(null)),
        ("a comment", "# nothing\n\n", json!(null)),
        (
            "meta-data of NoCloud",
            "---\n# who it is\ninstance-id: i-1 # mine\nlocal-hostname: 'web-1'\n\nempty:\nnone: ~\n",
            json!({"instance-id": "i-1", "local-hostname": "web-1", "empty": null, "none": null}),
        ),
        (
            "lists, at the column of the key and deeper",
            "a:\n- x\n- \"y\"\nb:\n    - z\nc: 1\n",
            json!({"a": ["x", "y"], "b": ["z"], "c": "1"}),
        ),
        (
            "maps in lists",
            "version: 1\nconfig:\n  - type: physical\n    name: eth0\n    subnets:\n      - type: dhcp\n  -\n    type: x\n  - - 1\n    - 2\n",
            json!({"version": "1", "config": [
                {"type": "physical", "name": "eth0", "subnets": [{"type": "dhcp"}]}, {"type": "x"}, ["1", "2"],
            ]}),
        ),
        ("a value on the next line", "a:\n  b\n", json!({"a": "b"})),
        (
            "literal blocks",
            "a: |\n  one\n    two\n\n  # three\n\nb: |-\n  x\n\nc: |+\n  y\n\nd: |2\n    z\ne: |\nf: 1\n",
            json!({"a": "one\n  two\n\n# three\n", "b": "x", "c": "y\n\n", "d": "  z\n", "e": "", "f": "1"}),
        ),
        (
            "literal blocks of empty lines",
            "a: |\n\n\nb: |-\n\nc: |+\n\n\nd: 1\n",
            json!({"a": "", "b": "", "c": "\n\n", "d": "1"}),
        ),
        ("a literal block in a list", "- |\n  x\n- k: |\n    y\n", json!(["x\n", {"k": "y\n"}])),
        (
            "quotes",
            r#""a b": "x\n\t\"\\\u00e9\x41"
'it''s': 'no \n escape' # said
c: "a: b"
"#,
            json!({"a b": "x\n\t\"\\éA", "it's": "no \\n escape", "c": "a: b"}),
        ),
        (
            "colons and number signs in text",
            "url: http://x/#y\nmac: 00:11:22\n",
            json!({"url": "http://x/#y", "mac": "00:11:22"}),
        ),
        (
            "keys of secure shells",
            "public-keys:\n  - ssh-ed25519 AAAA me@there\n",
            json!({"public-keys": ["ssh-ed25519 AAAA me@there"]}),
        ),
        ("JSON", "{\n\"instance-id\": \"iid-local01\",\n\"n\": 1\n}\n", json!({"instance-id": "iid-local01", "n": 1})),
        (
            "JSON in a line",
            "keys: [\"a\", \"b\"]\nnone: []\nmap: {}\n",
            json!({"keys": ["a", "b"], "none": [], "map": {}}),
        ),
        ("a scalar", "hello\n", json!("hello")),
        (
            "line ends of Windows, a byte order mark, the end of the document",
            "\u{feff}a: b\r\n...\r\n",
            json!({"a": "b"}),
        ),
    ] {
        let value = Json::parse(value.to_string().as_bytes(), MAX_NESTED).unwrap();
        assert_eq!(parse(document.as_bytes()), Ok(value), "{what}");
    }
}

#[test]
fn what_is_not_read_is_an_error_with_its_line() {
    for (what, document, line, why) in [
        ("an anchor", "a: 1\nb: &x 2\n", 2, Problem::Unsupported),
        ("an alias", "a: *x\n", 1, Problem::Unsupported),
        ("a merge", "a:\n  <<: *x\n", 2, Problem::Unsupported),
        ("a tag", "a: !!str b\n", 1, Problem::Unsupported),
        ("a folded block", "a: >\n  b\n", 1, Problem::Unsupported),
        ("a complex key", "? a\n: b\n", 1, Problem::Unsupported),
        ("a directive", "%YAML 1.2\n---\na: b\n", 1, Problem::Unsupported),
        ("a second document", "a: b\n---\nc: d\n", 2, Problem::Unsupported),
        ("flow style", "a: b\nc: [x, y]\n", 2, Problem::Flow),
        ("flow style as the document", "{a: b}\n", 1, Problem::Flow),
        ("a tab", "a:\n\tb: c\n", 2, Problem::Tab),
        ("a scalar of two lines", "a: b\n  c\n", 2, Problem::Indentation),
        ("a key that is deeper than its map", "a: b\n c: d\n", 2, Problem::Indentation),
        ("a key that is less deep than its map", "  a: b\nc: d\n", 2, Problem::Indentation),
        ("an item in a map", "a: b\n- c\n", 2, Problem::NotAKey),
        ("two keys in a line", "a: b: c\n", 1, Problem::NotAKey),
        ("a line without a colon", "a: b\nc\n", 2, Problem::NotAKey),
        ("a key twice", "a: b\nc: d\na: e\n", 3, Problem::Twice),
        ("a quote without its end", "a: \"b\n", 1, Problem::Quotes),
        ("something behind a quote", "a: 'b' c\n", 1, Problem::Quotes),
        ("a number sign right behind a quote", "a: 'b'#c\n", 1, Problem::Quotes),
        ("an escape that does not exist", "a: \"\\q\"\n", 1, Problem::Quotes),
        ("half a surrogate", "a: \"\\ud800\"\n", 1, Problem::Quotes),
        ("a signed escape", "a: \"\\x+1\"\n", 1, Problem::Quotes),
        ("a NUL", "a: b\nc: \0\n", 2, Problem::NotText),
    ] {
        assert_eq!(problem(document), (line, why), "{what}");
    }
    assert_eq!(parse(b"a: \xff").unwrap_err().problem, Problem::NotText);
}

#[test]
fn a_document_may_have_many_ends() {
    let document = format!("a: b\n{}", "...\n".repeat(65_000));
    assert_eq!(parse(document.as_bytes()).map(|value| value.to_string()), Ok(r#"{"a":"b"}"#.to_owned()));
    assert_eq!(problem(&format!("{document}c: d\n")), (65_002, Problem::Indentation));
}

/// Not in the square of its length, which took half a minute.
#[test]
fn colons_in_a_long_comment_are_read_in_no_time() {
    let text = "a".repeat(130_000);
    assert_eq!(parse(format!("{text} #{}", ": ".repeat(60_000)).as_bytes()), Ok(Json::Text(text)));
}

#[test]
fn nothing_grows_without_end() {
    let deep = |n: usize| (0..n).fold(String::new(), |text, n| text + &" ".repeat(n) + "a:\n");
    assert!(parse(deep(MAX_NESTED - 1).as_bytes()).is_ok());
    assert_eq!(problem(&deep(MAX_NESTED + 1)).1, Problem::Deep);
    assert_eq!(problem(&"- ".repeat(100_000)).1, Problem::Deep);
    assert_eq!(problem(&format!("a: {}{}", "[".repeat(60), "]".repeat(60))).1, Problem::Large);
    assert_eq!(problem(&format!("{{\"a\":{}{}}}", "[".repeat(60), "]".repeat(60))).1, Problem::Large);
    assert_eq!(problem(&"[".repeat(100_000)).1, Problem::Large);
    assert!(parse("- a\n".repeat(MAX_VALUES - 1).as_bytes()).is_ok());
    assert_eq!(problem(&"- a\n".repeat(MAX_VALUES + 1)).1, Problem::Large);
    assert_eq!(problem(&format!("a: [{}1]", "1,".repeat(MAX_JSON_VALUES))).1, Problem::Large);
    assert!(parse("#".repeat(MAX_DOCUMENT).as_bytes()).is_ok());
    assert_eq!(problem(&"#".repeat(MAX_DOCUMENT + 1)).1, Problem::Large);
}

#[test]
fn each_escape_of_a_quoted_scalar_stands_for_its_character() {
    for (escape, stands_for) in [
        ("\\n", "\n"),
        ("\\t", "\t"),
        ("\\r", "\r"),
        ("\\0", "\0"),
        ("\\b", "\u{8}"),
        ("\\e", "\u{1b}"),
        ("\\f", "\u{c}"),
        ("\\/", "/"),
        ("\\ ", " "),
        ("\\\"", "\""),
        ("\\\\", "\\"),
        ("\\x41", "A"),
        ("\\u00e9", "é"),
        ("\\U0001f600", "😀"),
    ] {
        let document = format!("a: \"x{escape}y\"\n");
        let value = parse(document.as_bytes()).expect(escape);
        assert_eq!(value.text(&["a"]), Some(format!("x{stands_for}y").as_str()), "{escape}");
    }
}
