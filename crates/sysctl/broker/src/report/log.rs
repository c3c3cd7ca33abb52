//! The report on stderr.

use tracing::{Level, debug, error, info, warn};

use super::{Record, Report};

impl Report {
    /// Says on stderr what is not plainly well, a line each, and then in one line what was achieved.
    pub fn log(&self) {
        self.lines().into_iter().for_each(say);
    }

    /// Says what there is to say about one setting.
    pub(crate) fn log_record(&self, record: &Record) {
        self.line(record).into_iter().for_each(say);
    }
}

fn say((level, line): (Level, String)) {
    match level {
        Level::ERROR => error!("{line}"),
        Level::WARN => warn!("{line}"),
        Level::INFO => info!("{line}"),
        _ => debug!("{line}"),
    }
}
