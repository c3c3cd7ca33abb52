//! Who may depend on whom. Cargo is the wall between the processes, and this is the check that it stands.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use super::Finding;
use super::role::Role;
use crate::workspace::{Metadata, Package};

const ANYTHING: &[&str] = &[
    "fleet",
    "test",
    "image",
    "machine",
    "wire",
    "netfacts",
    "sandbox",
    "wholefile",
    "brokers",
    "config",
    "contract",
    "core",
    "profiles",
    "worker",
    "broker",
];

/// From a role to the roles of ours it may be linked with; within one daemon, or shared.
const ALLOWED: &[(&str, &[&str])] = &[
    ("machine", &[]),
    ("wire", &[]),
    ("netfacts", &["wire"]),
    ("sandbox", &["machine", "wire"]),
    ("wholefile", &[]),
    // Only brokers may be linked with these two. Configuration files are apart, because features unify in one build: a broker
    // without such a file has no reader of TOML.
    ("brokers", &["machine", "wire", "netfacts", "sandbox", "wholefile"]),
    ("config", &["sandbox"]),
    ("contract", &["machine", "wire"]),
    ("core", &["contract", "machine", "wire"]),
    ("profiles", &["sandbox"]),
    // A worker that looks up names is the one of `crates/lookup`, in a program of its daemon.
    ("worker", &["worker", "core", "contract", "profiles", "machine", "wire", "sandbox"]),
    ("broker", &["contract", "profiles", "machine", "wire", "netfacts", "sandbox", "wholefile", "brokers", "config"]),
    // It speaks of errors and capabilities as daemons do, and is part of none; and process 1 knows what it would not start.
    ("image", &["sandbox", "init"]),
    // Process 1 and the runtime: two programs, so that a library of containers is not in process 1.
    ("init", &["machine", "sandbox", "wholefile"]),
    ("container", &["sandbox"]),
    // For tests alone: no role may be linked with it, and a dev-dependency is not judged.
    ("harness", &[]),
    // It knows every daemon: what those are as data, and what they may say.
    ("fleet", &["contract", "profiles", "sandbox", "wire"]),
    // Tests and tasks look at everything.
    ("test", ANYTHING),
    ("xtask", ANYTHING),
];

/// Everything that a pure package may depend on besides ours, by its role, with its reason.
const PURE_LIBRARIES: &[(&str, &[&str])] = &[
    // The seed crosses the channel; a ChaCha stream gives the same choices for the same seed.
    ("machine", &["postcard", "rand_chacha", "serde"]),
    ("wire", &["postcard", "serde", "thiserror"]),
    ("netfacts", &["thiserror"]),
    // Messages are derived, and their maximum size with them.
    ("contract", &["postcard", "serde", "thiserror"]),
    // DHCP: one canonical option at a time, and IPv4/UDP headers. DNS: compressed names. All behind our length checks. NTP: the
    // clock filter alone, behind one module; packets are read by ours, and NTS needs one algorithm. Metadata: heads of HTTP answers
    // once they are whole, JSON into a value of ours that counts its depth and size, base64, and gzip into a room of a known size.
    (
        "core",
        &[
            "aes-siv",
            "base64",
            "dhcproto",
            "flate2",
            "hickory-proto",
            "httparse",
            "ntp-proto",
            "serde",
            "serde_json",
            "smoltcp",
            "thiserror",
        ],
    ),
];

/// Crates that read bytes from the network: no broker links one. A trailing `-` stands for a family.
pub(crate) const PARSERS: &[&str] =
    &["dhcproto", "smoltcp", "hickory-", "ntp-proto", "httparse", "rustls", "rustls-webpki"];

/// The feature of `orlop-sandbox` that opens incomplete profiles: for its own tests, never for a daemon.
const TESTS_ONLY_FEATURE: (&str, &str) = ("orlop-sandbox", "mutants");

/// Every dependency that the tables above do not allow.
pub(crate) fn findings(root: &Path, metadata: &Metadata) -> Vec<Finding> {
    let roles: HashMap<&str, Role> = metadata
        .members()
        .filter_map(|package| Some((package.name.as_str(), Role::of_folder(&package.folder(root))?)))
        .collect();
    let mut findings = Vec::new();
    for package in metadata.members() {
        let Some(role) = roles.get(package.name.as_str()) else {
            let folder = package.folder(root);
            findings
                .push(Finding::new(folder, "no role for this folder in DESIGN §3 (crates/xtask/src/check/role.rs)"));
            continue;
        };
        findings.extend(direct(package, role, &roles));
        if matches!(role, Role::Broker(_) | Role::ForBrokers(_)) {
            findings.extend(behind_the_wall(package, metadata, &roles));
        }
    }
    findings
}

fn direct(package: &Package, role: &Role, roles: &HashMap<&str, Role>) -> Vec<Finding> {
    let mut findings = Vec::new();
    // A dev-dependency reaches no binary; tests may compare any two sides.
    for dependency in package.dependencies.iter().filter(|dependency| dependency.kind.as_deref() != Some("dev")) {
        let name = dependency.name.as_str();
        match roles.get(name) {
            Some(other) if !is_allowed(role, other) => {
                let problem = format!("a {} may not depend on {name} (a {})", role.word(), other.word());
                findings.push(Finding::new(&package.name, problem));
            }
            None if role.is_pure() && !pure_libraries(role).contains(&name) => {
                let problem = format!("{name} is not among the libraries this pure package may use");
                findings.push(Finding::new(&package.name, problem));
            }
            Some(_) | None => {}
        }
        let (sandbox, feature) = TESTS_ONLY_FEATURE;
        if name == sandbox && dependency.features.iter().any(|f| f == feature) && !matches!(role, Role::Test(_)) {
            findings
                .push(Finding::new(&package.name, format!("switches on {sandbox}/{feature}, which is for tests only")));
        }
    }
    findings
}

fn is_allowed(from: &Role, to: &Role) -> bool {
    let same_daemon = match (from.daemon(), to.daemon()) {
        (Some(ours), Some(theirs)) => ours == theirs,
        // A part that several daemons share is none of one.
        (None, Some(_)) => !matches!(from, Role::Contract(_) | Role::Core(_) | Role::Worker(_)),
        (_, None) => true,
    };
    let targets = ALLOWED.iter().find(|(word, _)| *word == from.word()).map_or(&[][..], |(_, targets)| targets);
    same_daemon && targets.contains(&to.word())
}

fn pure_libraries(role: &Role) -> &'static [&'static str] {
    PURE_LIBRARIES.iter().find(|(word, _)| *word == role.word()).map_or(&[], |(_, libraries)| libraries)
}

/// What a broker is linked with, however far away, and may not be.
fn behind_the_wall(broker: &Package, metadata: &Metadata, roles: &HashMap<&str, Role>) -> Vec<Finding> {
    let names: HashMap<&str, &str> = metadata.packages.iter().map(|p| (p.id.as_str(), p.name.as_str())).collect();
    let edges: HashMap<&str, Vec<&str>> = metadata
        .resolve
        .nodes
        .iter()
        .map(|node| {
            (node.id.as_str(), node.deps.iter().filter(|edge| edge.is_linked()).map(|edge| edge.pkg.as_str()).collect())
        })
        .collect();
    let mut findings = Vec::new();
    let mut seen = HashSet::from([broker.id.as_str()]);
    let mut ahead = vec![(broker.id.as_str(), broker.name.clone())];
    while let Some((id, path)) = ahead.pop() {
        for &next in edges.get(id).into_iter().flatten() {
            let name = names.get(next).copied().unwrap_or(next);
            if !seen.insert(next) {
                continue;
            }
            let path = format!("{path} → {name}");
            if is_parser(name) || matches!(roles.get(name), Some(Role::Core(_) | Role::Worker(_))) {
                findings.push(Finding::new(&broker.name, format!("a broker links no parser of network bytes: {path}")));
            }
            ahead.push((next, path));
        }
    }
    findings
}

/// Whether a crate of this name reads bytes from the network.
pub(crate) fn is_parser(name: &str) -> bool {
    PARSERS.iter().any(|parser| if parser.ends_with('-') { name.starts_with(parser) } else { name == *parser })
}

#[cfg(test)]
mod tests;
