//! Disks, and the documents on them: what they say, and what they cannot do.
//!
//! Most disks were made by the programs that everybody uses (`make-disks.sh`), and are committed as seeds of the fuzz targets.
#![allow(clippy::unwrap_used, reason = "a test that cannot build its input should stop there")]

mod disks;
mod hostile;
mod mutations;
mod oracle;
mod properties;
mod seeds;
mod sparse;
mod targets;
mod written_udf;
