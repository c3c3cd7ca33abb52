//! A fuzz target is named for what it belongs to, and has seeds.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::Finding;
use super::role::Role;
use crate::fuzz;
use crate::workspace::Workspace;

/// What lies in `fuzz`, and whose targets may lie there.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fuzzing {
    /// The daemons: a contract says what their workers may ask.
    daemons: Vec<String>,
    /// The crates that several daemons use.
    shared: Vec<String>,
    /// The targets of `fuzz/Cargo.toml`.
    pub(crate) targets: Vec<String>,
    /// The files of `fuzz/targets`, without `.rs`.
    sources: Vec<String>,
    /// The folders of `fuzz/seeds`, each with its number of files.
    seeds: BTreeMap<String, usize>,
    /// The files of `fuzz/dict`, without `.dict`.
    dictionaries: Vec<String>,
}

impl Fuzzing {
    /// What is there now.
    ///
    /// # Errors
    /// When cargo fails or a folder cannot be read.
    pub(crate) fn read(workspace: &Workspace, target: &str) -> Result<Self> {
        let metadata = workspace.metadata(target)?;
        let mut read = Self { targets: fuzz::targets(workspace)?, ..Self::default() };
        for package in metadata.members() {
            let role = Role::of_folder(&package.folder(&workspace.root));
            if let Some(Role::Contract(daemon)) = role {
                read.daemons.push(daemon);
            } else if let Some(Role::Shared(name)) = role {
                read.shared.push(name);
            }
        }
        let folder = workspace.root.join("fuzz");
        read.sources = stems(&folder.join("targets"), "rs")?;
        read.dictionaries = stems(&folder.join("dict"), "dict")?;
        for seeds in entries(&folder.join("seeds"))? {
            read.seeds.insert(stem(&seeds), entries(&seeds)?.len());
        }
        Ok(read)
    }

    /// What breaks the rule.
    pub(crate) fn findings(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        let mut find = |place: String, problem: &str| findings.push(Finding::new(format!("fuzz/{place}"), problem));
        for target in &self.targets {
            let manifest = || format!("Cargo.toml: {target}");
            if !self.has_owner(target) {
                let owners = [&*self.daemons, &self.shared].concat().join(", ");
                find(manifest(), &format!("is named for no daemon and no shared crate: {owners}"));
            }
            if !self.sources.contains(target) {
                find(manifest(), "has no file of its name in fuzz/targets");
            }
            if self.seeds.get(target).is_none_or(|count| *count == 0) {
                find(format!("seeds/{target}"), "no seeds: commit at least one valid input, named for what it is");
            }
        }
        let sources = self.sources.iter().map(|name| (name, format!("targets/{name}.rs")));
        let seeds = self.seeds.keys().map(|name| (name, format!("seeds/{name}")));
        let dictionaries = self.dictionaries.iter().map(|name| (name, format!("dict/{name}.dict")));
        for (name, place) in sources.chain(seeds).chain(dictionaries) {
            if !self.targets.contains(name) {
                find(place, "there is no target of this name in fuzz/Cargo.toml");
            }
        }
        findings
    }

    /// `DAEMON_what`; `CRATE` or `CRATE_what` for what several daemons share.
    fn has_owner(&self, target: &str) -> bool {
        let of = |owner: &String| target.strip_prefix(owner.as_str()).is_some_and(|what| what.starts_with('_'));
        self.daemons.iter().any(of) || self.shared.iter().any(|shared| shared == target || of(shared))
    }
}

/// What lies in a folder; nothing does in one that is not there.
fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let list = || -> std::io::Result<Vec<PathBuf>> {
        let mut paths: Vec<_> = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
        paths.sort();
        Ok(paths)
    };
    list().with_context(|| format!("cannot list {}", folder.display()))
}

fn stems(folder: &Path, extension: &str) -> Result<Vec<String>> {
    let files = entries(folder)?;
    Ok(files
        .iter()
        .filter(|path| path.extension().is_some_and(|end| end == extension))
        .map(|path| stem(path))
        .collect())
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One target of a daemon and one of a shared crate, with all that they need.
    fn kept() -> Fuzzing {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let targets = names(&["dhcp_options", "netfacts"]);
        Fuzzing {
            daemons: names(&["dhcp", "sysctl"]),
            shared: names(&["netfacts", "wire"]),
            sources: targets.clone(),
            seeds: targets.iter().map(|name| (name.clone(), 1)).collect(),
            dictionaries: names(&["netfacts"]),
            targets,
        }
    }

    #[test]
    fn a_target_has_an_owner_a_file_and_seeds_and_nothing_lies_there_without_a_target() {
        assert_eq!(kept().findings(), []);
        type Change = fn(&mut Fuzzing);
        let broken: [(&str, Change, &str); 8] = [
            ("named for nobody", |all| rename(all, "options"), "fuzz/Cargo.toml: options"),
            ("a daemon's, without saying what", |all| rename(all, "dhcp"), "fuzz/Cargo.toml: dhcp"),
            ("a longer word than the daemon's name", |all| rename(all, "dhcpd_x"), "fuzz/Cargo.toml: dhcpd_x"),
            ("no file", |all| all.sources.truncate(1), "fuzz/Cargo.toml: netfacts"),
            ("no seeds", |all| all.seeds.extend([("netfacts".to_owned(), 0)]), "fuzz/seeds/netfacts"),
            ("a file alone", |all| all.sources.push("old".to_owned()), "fuzz/targets/old.rs"),
            ("seeds alone", |all| all.seeds.extend([("old".to_owned(), 3)]), "fuzz/seeds/old"),
            ("a dictionary alone", |all| all.dictionaries.push("options".to_owned()), "fuzz/dict/options.dict"),
        ];
        for (what, change, want) in broken {
            let mut all = kept();
            change(&mut all);
            let places: Vec<_> = all.findings().into_iter().map(|finding| finding.place).collect();
            assert_eq!(places, [want], "{what}");
        }
    }

    /// Gives the first target, with all that it has, another name.
    fn rename(all: &mut Fuzzing, name: &str) {
        let old = std::mem::replace(&mut all.targets[0], name.to_owned());
        name.clone_into(&mut all.sources[0]);
        let count = all.seeds.remove(&old).unwrap();
        all.seeds.insert(name.to_owned(), count);
    }
}
