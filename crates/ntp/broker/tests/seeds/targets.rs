//! What the fuzz target of this package does with its bytes. `fuzz/` compiles this very file.

use std::path::Path;

use orlop_config::ConfigError;
use orlop_ntp::config::{Config, Place, Source};
use orlop_ntp::openntpd;
use orlop_ntp_contract::MAX_SOURCES;

/// A configuration, in our own language and in openntpd's: what is wrong is told, and what is not is what it says.
pub(crate) fn config(data: &[u8]) {
    let _either = understood(data);
}

/// Whether it is one in our language, and in openntpd's.
pub(crate) fn understood(data: &[u8]) -> (bool, bool) {
    let Ok(text) = core::str::from_utf8(data) else { return (false, false) };
    let ours = Config::parse(text, Path::new("fuzz.toml"));
    let openntpds = openntpd::understand(text, Path::new("fuzz.conf")).map(|loaded| loaded.config);
    (is_whole(ours), is_whole(openntpds))
}

fn is_whole(config: Result<Config, ConfigError>) -> bool {
    match config {
        Ok(config) => {
            for sources in [&config.sources, &config.fallback] {
                assert!(sources.len() <= MAX_SOURCES);
                sources.iter().for_each(means_what_it_is_called);
            }
            true
        }
        Err(error) => {
            assert!(!error.to_string().is_empty());
            false
        }
    }
}

/// Status and log name it, and so may an operator.
fn means_what_it_is_called(source: &Source) {
    if !matches!(source.place, Place::Clock(Some(_))) {
        assert_eq!(source.place.to_string().parse(), Ok(source.place.clone()));
    }
    assert!(source.conduct.polls.min() <= source.conduct.polls.max());
}
