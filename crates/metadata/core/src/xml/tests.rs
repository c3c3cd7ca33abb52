use super::*;

fn problem(document: &str) -> (usize, Problem) {
    let error = Element::parse(document.as_bytes()).expect_err(document);
    (error.line, error.problem)
}

fn root(document: &str) -> Element {
    Element::parse(document.as_bytes()).expect(document)
}

#[test]
fn names_are_found_by_the_namespace_that_their_prefix_stands_for() {
    for (what, document) in [
        ("prefixes", r#"<a:r xmlns:a="u"><a:x>1</a:x></a:r>"#),
        ("the default", r#"<r xmlns="u"><x>1</x></r>"#),
        ("a default further in", r#"<r xmlns='v'><x xmlns="u">1</x><x>2</x></r>"#),
        ("another prefix for the same", r#"<a:r xmlns:a="u" xmlns:b="u"><b:x>1</b:x></a:r>"#),
        ("a prefix declared anew", r#"<a:r xmlns:a="v"><a:x xmlns:a="u">1</a:x><a:x>2</a:x></a:r>"#),
        ("names in none", r#"<r><x>2</x><b:x xmlns:b="u">1</b:x></r>"#),
        ("no default", r#"<r xmlns="u"><x xmlns="">2</x><x>1</x></r>"#),
    ] {
        let root = root(document);
        assert_eq!(root.one("u", "x").map(|x| x.map(|x| x.text.as_str())), Ok(Some("1")), "{what}");
        assert_eq!(root.one("u", "y"), Ok(None), "{what}");
    }
    assert_eq!(root(r#"<r xmlns="u"><x/><y/><x/></r>"#).one("u", "x"), Err(Several));
}

#[test]
fn text_is_as_it_was_meant() {
    for (what, document, text) in [
        ("none", "<r/>", ""),
        ("none, at length", "<r></r >", ""),
        ("entities", "<r>&lt;&amp;&gt;&quot;&apos;&#65;&#x1F600;&amp;lt;</r>", "<&>\"'A😀&lt;"),
        ("CDATA and comments", "<r>a<!-- <x> & -->b<![CDATA[<x>&amp;]]>c</r>", "ab<x>&amp;c"),
        ("around elements", "<r> a<x>b</x>c\n</r>", " ac\n"),
        (
            "the declaration, comments around",
            "<?xml version=\"1.0\"?>\n<!-- a --><r a=\"1\" b='&#10;'>x</r><!-- b -->\n",
            "x",
        ),
        ("a byte order mark", "\u{feff}<?xml version='1.0' encoding='utf-8'?><r>x</r>", "x"),
    ] {
        assert_eq!(root(document).text, text, "{what}");
    }
}

#[test]
fn what_is_not_read_is_an_error_with_its_line() {
    for (what, document, line, why) in [
        ("nothing", "", 1, Problem::Malformed),
        ("no end", "<r>\n<x>", 2, Problem::Malformed),
        ("another end", "<r>\n<x></r></x>", 2, Problem::WrongEnd),
        ("another prefix at the end", "<a:r xmlns:a='u' xmlns:b='u'></b:r>", 1, Problem::WrongEnd),
        ("two roots", "<r/>\n<r/>", 2, Problem::Malformed),
        ("text around", "<r/>x", 1, Problem::Malformed),
        ("a document type", "<!DOCTYPE r [<!ENTITY a \"b\">]><r>&a;</r>", 1, Problem::Unsupported),
        ("a processing instruction", "<r><?php x ?></r>", 1, Problem::Unsupported),
        ("an unknown entity", "<r>\n&nbsp;</r>", 1, Problem::Entity),
        ("half an entity", "<r>&amp</r>", 1, Problem::Entity),
        ("a character that XML does not have", "<r>&#0;</r>", 1, Problem::Entity),
        ("half a surrogate", "<r>&#xd800;</r>", 1, Problem::Entity),
        ("a signed number", "<r>&#+65;</r>", 1, Problem::Entity),
        ("a prefix that is not declared", "<a:r/>", 1, Problem::Prefix),
        ("a prefix of a neighbour", "<r><x xmlns:a='u'/><a:x/></r>", 1, Problem::Prefix),
        ("an attribute twice", "<r a='1' a='2'/>", 1, Problem::Twice),
        ("attributes without a blank", "<r a='1'b='2'/>", 1, Problem::Malformed),
        ("an attribute without quotes", "<r a=1/>", 1, Problem::Malformed),
        ("a tag in an attribute", "<r a='<x/>'/>", 1, Problem::Malformed),
        ("two colons", "<a:b:c xmlns:a='u'/>", 1, Problem::Malformed),
        ("a name that begins with a number", "<1/>", 1, Problem::Malformed),
        ("a comment without its end", "<r><!-- </r>", 1, Problem::Malformed),
        ("a NUL", "<r>\0</r>", 1, Problem::NotText),
    ] {
        assert_eq!(problem(document), (line, why), "{what}");
    }
    assert_eq!(Element::parse(b"<r>\xff</r>").unwrap_err().problem, Problem::NotText);
}

#[test]
fn nothing_grows_without_end() {
    let nested = |n: usize| "<x>".repeat(n) + &"</x>".repeat(n);
    root(&nested(MAX_NESTED));
    assert_eq!(problem(&nested(MAX_NESTED + 1)).1, Problem::Deep);
    let wide = |n: usize| format!("<r>{}</r>", "<x/>".repeat(n));
    assert_eq!(root(&wide(MAX_ELEMENTS - 1)).elements.len(), MAX_ELEMENTS - 1);
    assert_eq!(problem(&wide(MAX_ELEMENTS)).1, Problem::Large);
    let attributes = |n: usize| format!("<r{}/>", (0..n).fold(String::new(), |text, n| format!("{text} a{n}=''")));
    root(&attributes(MAX_ATTRIBUTES));
    assert_eq!(problem(&attributes(MAX_ATTRIBUTES + 1)).1, Problem::Large);
    assert_eq!(problem(&" ".repeat(MAX_DOCUMENT + 1)).1, Problem::Large);
}

#[test]
fn a_document_has_a_longest_length() {
    let document = |length: usize| format!("<r>{}</r>", "x".repeat(length - 7));
    assert_eq!(root(&document(MAX_DOCUMENT)).text.len(), MAX_DOCUMENT - 7);
    assert_eq!(problem(&document(MAX_DOCUMENT + 1)), (1, Problem::Large));
}
