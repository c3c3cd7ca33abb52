//! How much code of others a broker carries.

use std::collections::BTreeSet;

use anyhow::Result;

use super::Finding;
use super::role::Role;
use crate::command;
use crate::workspace::Workspace;

/// Third-party crates linked into one broker (DESIGN, first paragraph): each is code that runs with capabilities.
const MAX_CRATES: usize = 50;

/// What `cargo tree` says about each broker: package, tree without proc macros, dev and build dependencies.
///
/// # Errors
/// When cargo fails.
pub(crate) fn broker_trees(workspace: &Workspace, target: &str) -> Result<Vec<(String, String)>> {
    let metadata = workspace.metadata(target)?;
    let brokers = metadata
        .members()
        .filter(|package| matches!(Role::of_folder(&package.folder(&workspace.root)), Some(Role::Broker(_))));
    brokers
        .map(|package| {
            let mut cargo = workspace.cargo("tree");
            cargo.args(["--locked", "--prefix=none", "--edges=normal,no-proc-macro", "--target", target]);
            Ok((package.name.clone(), command::captured(cargo.args(["--package", &package.name]))?))
        })
        .collect()
}

/// A finding when there are more third-party crates in `tree` than the limit.
pub(crate) fn findings(package: &str, tree: &str) -> Option<Finding> {
    let linked = third_party(tree);
    println!("  {package}: {} third-party crates (at most {MAX_CRATES})", linked.len());
    (linked.len() > MAX_CRATES).then(|| {
        let all = linked.into_iter().collect::<Vec<_>>().join(", ");
        Finding::new(package, format!("more than {MAX_CRATES} third-party crates are linked: {all}"))
    })
}

/// `name vVERSION` of every crate of the tree that is not ours; ours are shown with their folder.
fn third_party(tree: &str) -> BTreeSet<&str> {
    let lines = tree.lines().map(|line| line.trim_end_matches(" (*)").trim());
    lines.filter(|line| !line.is_empty() && !line.contains("(/")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_and_own_crates_are_not_counted() {
        let tree =
            "orlop-some v0.1.0 (/r/crates/some/broker)\nlibc v0.2.1\nrustix v1.1.6\nlibc v0.2.1\nrustix v1.1.6 (*)\n\n";
        assert_eq!(third_party(tree).into_iter().collect::<Vec<_>>(), ["libc v0.2.1", "rustix v1.1.6"]);
    }

    #[test]
    fn one_crate_over_the_limit_is_found() {
        let tree = |crates: usize| (0..crates).map(|n| format!("c{n} v1.0.0\n")).collect::<String>();
        assert_eq!(findings("orlop-some", &tree(MAX_CRATES)), None);
        assert!(findings("orlop-some", &tree(MAX_CRATES + 1)).is_some());
    }
}
