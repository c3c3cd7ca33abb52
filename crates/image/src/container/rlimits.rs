//! Resource limits of a container's process: `NAME,SOFT,HARD`.

use serde::Serialize;

use super::BadContainer;
use crate::spec::Settings;

/// A limit, as `config.json` has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Rlimit {
    #[serde(rename = "type")]
    kind: String,
    hard: u64,
    soft: u64,
}

/// What Linux can limit (getrlimit(2)).
const KINDS: [&str; 16] = [
    "RLIMIT_AS",
    "RLIMIT_CORE",
    "RLIMIT_CPU",
    "RLIMIT_DATA",
    "RLIMIT_FSIZE",
    "RLIMIT_LOCKS",
    "RLIMIT_MEMLOCK",
    "RLIMIT_MSGQUEUE",
    "RLIMIT_NICE",
    "RLIMIT_NOFILE",
    "RLIMIT_NPROC",
    "RLIMIT_RSS",
    "RLIMIT_RTPRIO",
    "RLIMIT_RTTIME",
    "RLIMIT_SIGPENDING",
    "RLIMIT_STACK",
];

/// The limits that are said; what is not said is inherited from init.
pub(super) fn rlimits(settings: &Settings) -> Result<Vec<Rlimit>, BadContainer> {
    let limits = settings.rlimits.iter().flatten();
    limits.map(|text| parse(text).ok_or_else(|| BadContainer::Rlimit(text.clone()))).collect()
}

fn parse(text: &str) -> Option<Rlimit> {
    let [name, soft, hard] = text.split(',').map(str::trim).collect::<Vec<_>>().try_into().ok()?;
    let name = name.to_ascii_uppercase();
    let kind = if name.starts_with("RLIMIT_") { name } else { format!("RLIMIT_{name}") };
    let number = |text: &str| if text.eq_ignore_ascii_case("unlimited") { Some(u64::MAX) } else { text.parse().ok() };
    let limit = Rlimit { soft: number(soft)?, hard: number(hard)?, kind };
    KINDS.contains(&limit.kind.as_str()).then_some(limit)
}
