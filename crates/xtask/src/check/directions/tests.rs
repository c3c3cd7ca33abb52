use super::*;
use crate::workspace::{Dependency, Edge, EdgeKind, Node, Resolve};

/// A workspace in `/r`: (folder, package, what it depends on); names without a folder are third-party.
fn workspace(packages: &[(&str, &str, &[&str])]) -> Metadata {
    let ours =
        packages.iter().map(|(folder, name, depends)| package(&format!("/r/{folder}/Cargo.toml"), name, depends));
    let known: Vec<&str> = packages.iter().map(|(_, name, _)| *name).collect();
    let mut foreign: Vec<&str> = packages.iter().flat_map(|(.., depends)| depends.iter().copied()).collect();
    foreign.retain(|name| !known.contains(name));
    let foreign = foreign.into_iter().map(|name| package("/registry/Cargo.toml", name, &[]));
    let edge = |name: &&str| Edge { pkg: (*name).to_owned(), dep_kinds: vec![EdgeKind { kind: None }] };
    let nodes = packages
        .iter()
        .map(|(_, name, depends)| Node { id: (*name).to_owned(), deps: depends.iter().map(edge).collect() });
    Metadata {
        workspace_members: known.iter().map(|&name| name.to_owned()).collect(),
        packages: ours.chain(foreign).collect(),
        resolve: Resolve { nodes: nodes.collect() },
        target_directory: "/r/target".into(),
    }
}

fn package(manifest: &str, name: &str, depends: &[&str]) -> Package {
    let dependency = |name: &&str| Dependency { name: (*name).to_owned(), ..Dependency::default() };
    Package {
        id: name.to_owned(),
        name: name.to_owned(),
        manifest_path: manifest.into(),
        dependencies: depends.iter().map(dependency).collect(),
        targets: Vec::new(),
    }
}

fn problems(packages: &[(&str, &str, &[&str])]) -> Vec<String> {
    findings(Path::new("/r"), &workspace(packages)).into_iter().map(|finding| finding.problem).collect()
}

#[test]
fn the_shape_of_design_is_allowed() {
    let shape: &[(&str, &str, &[&str])] = &[
        ("crates/wire", "orlop-wire", &["serde"]),
        ("crates/some/contract", "orlop-some-contract", &["orlop-wire", "serde"]),
        ("crates/some/core", "orlop-some-core", &["orlop-some-contract", "dhcproto"]),
        ("crates/lookup/contract", "orlop-lookup-contract", &["orlop-wire"]),
        ("crates/lookup/core", "orlop-lookup-core", &["orlop-lookup-contract", "hickory-proto"]),
        ("crates/lookup/worker", "orlop-lookup-worker", &["orlop-lookup-core", "tokio"]),
        ("crates/some/worker", "orlop-some-worker", &["orlop-some-core", "orlop-lookup-worker", "tokio"]),
        ("crates/broker", "orlop-broker", &["orlop-wire", "lexopt"]),
        (
            "crates/some/broker",
            "orlop-some",
            &["orlop-some-contract", "orlop-lookup-contract", "orlop-broker", "rtnetlink"],
        ),
    ];
    assert_eq!(problems(shape), Vec::<String>::new());
}

#[test]
fn each_forbidden_direction_is_found() {
    let contract: (&str, &str, &[&str]) = ("crates/some/contract", "orlop-some-contract", &[]);
    let core: (&str, &str, &[&str]) = ("crates/some/core", "orlop-some-core", &[]);
    let other: (&str, &str, &[&str]) = ("crates/other/contract", "orlop-other-contract", &[]);
    let harness: (&str, &str, &[&str]) = ("crates/harness", "orlop-harness", &[]);
    let fleet: (&str, &str, &[&str]) = ("crates/fleet", "orlop-fleet", &[]);
    for (what, from, to) in [
        ("a broker on a core", ("crates/some/broker", "orlop-some"), core),
        ("a contract on a core", ("crates/some/contract", "orlop-some-contract"), core),
        ("a daemon on another", ("crates/some/broker", "orlop-some"), other),
        (
            "a worker on what brokers share",
            ("crates/some/worker", "orlop-some-worker"),
            ("crates/broker", "orlop-broker", &[]),
        ),
        ("a shared library on it", ("crates/sandbox", "orlop-sandbox"), ("crates/config", "orlop-config", &[])),
        ("what brokers share on a daemon", ("crates/broker", "orlop-broker"), contract),
        ("a shared library on a daemon", ("crates/sandbox", "orlop-sandbox"), contract),
        ("profiles on a core", ("crates/some/profiles", "orlop-some-profiles"), core),
        ("a core on the harness", ("crates/some/core", "orlop-some-core"), harness),
        ("a tool on the harness", ("crates/xtask", "xtask"), harness),
        ("a package of tests on the harness, other than for its tests", ("tests/some", "orlop-test-some"), harness),
        ("a part of several daemons on one of them", ("crates/lookup/worker", "orlop-lookup-worker"), contract),
        (
            "a broker on the core of such a part",
            ("crates/some/broker", "orlop-some"),
            ("crates/lookup/core", "orlop-lookup-core", &[]),
        ),
        ("a broker on the list of daemons", ("crates/some/broker", "orlop-some"), fleet),
        ("a tool for users on the list of daemons", ("crates/image", "orlop-image"), fleet),
    ] {
        let found = problems(&[(from.0, from.1, &[to.1]), to]);
        assert!(found.iter().any(|problem| problem.contains("may not depend on")), "{what}: {found:?}");
    }
}

#[test]
fn a_pure_package_may_use_named_libraries_only() {
    let found = problems(&[("crates/some/core", "orlop-some-core", &["tokio"])]);
    assert_eq!(found, ["tokio is not among the libraries this pure package may use"]);
}

#[test]
fn a_new_pure_package_starts_with_no_library_allowed() {
    assert_eq!(problems(&[("crates/other/core", "orlop-other-core", &["toml"])]).len(), 1);
}

#[test]
fn a_parser_behind_two_crates_is_found_in_the_broker() {
    let found = problems(&[
        ("crates/sandbox", "orlop-sandbox", &["smoltcp"]),
        ("crates/some/profiles", "orlop-some-profiles", &["orlop-sandbox"]),
        ("crates/some/broker", "orlop-some", &["orlop-some-profiles"]),
    ]);
    assert_eq!(
        found,
        ["a broker links no parser of network bytes: orlop-some → orlop-some-profiles → orlop-sandbox → smoltcp"]
    );
}

#[test]
fn a_family_of_parsers_is_meant_by_its_prefix_and_a_crate_by_its_name() {
    for (name, want) in [("hickory-proto", true), ("smoltcp", true), ("smoltcp-tools", false), ("rtnetlink", false)] {
        assert_eq!(is_parser(name), want, "{name}");
    }
}

#[test]
fn a_dev_dependency_is_not_judged() {
    for (folder, name) in [("registry", "proptest"), ("crates/harness", "orlop-harness")] {
        let mut metadata = workspace(&[("crates/some/core", "orlop-some-core", &[name]), (folder, name, &[])]);
        metadata.workspace_members.retain(|member| folder != "registry" || member != name);
        metadata.packages[0].dependencies[0].kind = Some("dev".into());
        assert_eq!(findings(Path::new("/r"), &metadata), [], "{name}");
    }
}

#[test]
fn a_daemon_with_the_tests_only_feature_is_found() {
    let mut metadata = workspace(&[
        ("crates/sandbox", "orlop-sandbox", &[]),
        ("crates/some/worker", "orlop-some-worker", &["orlop-sandbox"]),
    ]);
    metadata.packages[1].dependencies[0].features.push("mutants".into());
    assert_eq!(findings(Path::new("/r"), &metadata).len(), 1);
}

#[test]
fn a_folder_without_a_role_is_found() {
    let found = problems(&[("crates/some/stuff", "orlop-some-stuff", &[])]);
    assert!(found.iter().any(|problem| problem.starts_with("no role")), "{found:?}");
}
