//! What the fuzz target of this package does with its bytes. `fuzz/` compiles this very file.

use orlop_netfacts::{Facts, MAX_TEXT, ParseError};

/// Whatever is accepted is written back as the same facts, and nothing too long is.
pub(crate) fn netfacts(data: &[u8]) {
    let Ok(text) = core::str::from_utf8(data) else { return };
    match Facts::parse(text) {
        Ok(parsed) => {
            let written = parsed.facts.render();
            assert!(written.len() <= MAX_TEXT, "{} bytes", written.len());
            let again = Facts::parse(&written).expect("what is rendered parses");
            assert_eq!((again.facts, again.unknown), (parsed.facts, 0));
        }
        Err(error) => assert!(text.len() <= MAX_TEXT || error == ParseError::TooLong),
    }
}
