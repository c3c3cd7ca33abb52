//! What is only looked at: it needs no privilege of its own beyond reading, and starts nothing.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, ErrorKind, Read as _};
use std::path::Path;

use orlop_broker::print::{print, print_bytes};
use orlop_broker::status::{Life, read};
use orlop_metadata_contract::{EntryPath, MAX_FILE, detect as findings_of};
use orlop_metadata_profiles::DAEMON;
use orlop_sandbox::clock;
use orlop_sandbox::fatal::{Exit, Fatal};
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};
use serde_json::json;

use crate::command_line::Detect;
use crate::evidence::Evidence;
use crate::status::Report;
use crate::{CONFIG_FOLDER, OWN_FOLDER};

/// Says where a machine runs, and by which signs that is known.
///
/// # Errors
/// Standard output cannot be written to.
pub fn detect(detect: &Detect) -> Result<Exit, Fatal> {
    let Evidence { signs, is_masked, user_data: _ } = Evidence::below(&detect.root);
    let findings = findings_of(&signs);
    let mut text = String::new();
    // Writing to a String cannot fail.
    if detect.json {
        let found = |found: &orlop_metadata_contract::Finding| json!({ "platform": found.platform.to_string(), "sign": found.sign.name(), "text": found.text });
        let found: Vec<_> = findings.iter().map(found).collect();
        let signs: Vec<_> = signs.iter().map(|(sign, text)| json!({ "sign": sign.name(), "text": text })).collect();
        let _ = writeln!(text, "{:#}", json!({ "platforms": found, "masked": is_masked, "signs": signs }));
    } else {
        for found in &findings {
            let _ = writeln!(text, "{}: {} is \"{}\"", found.platform, found.sign.name(), found.text.escape_debug());
        }
        if findings.is_empty() {
            text.push_str("unknown: nothing that this machine says of itself names a cloud\n");
        }
        if is_masked {
            text.push_str("some of what firmware says could not be read: not as root, or /sys/firmware is covered\n");
        }
    }
    print(&text)?;
    Ok(Exit::Done)
}

/// Shows what the last run did.
///
/// # Errors
/// There was none.
pub fn status(json: bool) -> Result<Exit, Fatal> {
    let (text, document) = read::<Report>(&DAEMON, Path::new(OWN_FOLDER))?;
    if json {
        print(&text)?;
    } else {
        let life = if document.body.outcome.is_last() { Life::Over } else { Life::Unknown };
        print(&format!("{}{}", document.headline(life, clock::now()), document.body.shown()))?;
    }
    Ok(Exit::Done)
}

/// Prints a file of those that a run wrote.
///
/// # Errors
/// There is no such file, or this user may not read it.
pub fn get(path: &EntryPath) -> Result<Exit, Fatal> {
    let failed = |cause: io::Error| {
        if cause.kind() != ErrorKind::NotFound {
            return Fatal::os(format!("cannot read {CONFIG_FOLDER}/{path}"), cause);
        }
        let help = format!("see what there is: ls {CONFIG_FOLDER}");
        Fatal::new(Exit::Unconfigured, format!("there is no {path}")).cause(cause).help(help)
    };
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let folder = openat2(CWD, CONFIG_FOLDER, flags | OFlags::DIRECTORY, Mode::empty(), ResolveFlags::NO_SYMLINKS);
    let beneath = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
    let file = folder.and_then(|folder| openat2(folder, path.as_str(), flags, Mode::empty(), beneath));
    let file = file.map_err(|errno| failed(errno.into()))?;
    let mut content = Vec::new();
    File::from(file).take(MAX_FILE as u64).read_to_end(&mut content).map_err(failed)?;
    print_bytes(&content)?;
    Ok(Exit::Done)
}
