//! What is in an image: a CycloneDX document, attached to it as an OCI referrer.
//!
//! It has no time and no serial number, so it is the same wherever it is made. Its parts come from `cargo metadata`, which
//! reads `Cargo.lock` and what cargo has already fetched, and from the files themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use oci_spec::image::{Descriptor, ImageManifestBuilder, MediaType};
use orlop_sandbox::fatal::{Exit, Fatal};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::digest::Digest;
use crate::layout::Layout;
use crate::platform::Platform;
use crate::recipe::Recipe;
use crate::tree::{Node, Tree};

/// The media type of a CycloneDX document in JSON.
pub const MEDIA_TYPE: &str = "application/vnd.cyclonedx+json";

/// What `cargo metadata` says, as far as it matters here.
#[derive(Debug, Deserialize)]
pub struct Metadata {
    packages: Vec<Package>,
    resolve: Resolve,
}

#[derive(Debug, Deserialize)]
struct Package {
    id: String,
    name: String,
    version: String,
    license: Option<String>,
    /// `None`: ours.
    source: Option<String>,
    targets: Vec<Target>,
}

#[derive(Debug, Deserialize)]
struct Target {
    kind: Vec<String>,
    name: String,
}

#[derive(Debug, Deserialize)]
struct Resolve {
    nodes: Vec<ResolveNode>,
}

#[derive(Debug, Deserialize)]
struct ResolveNode {
    id: String,
    deps: Vec<Edge>,
}

#[derive(Debug, Deserialize)]
struct Edge {
    pkg: String,
    dep_kinds: Vec<EdgeKind>,
}

#[derive(Debug, Deserialize)]
struct EdgeKind {
    kind: Option<String>,
}

impl Metadata {
    /// Asks cargo, without the network.
    ///
    /// # Errors
    /// There is no cargo, or it has not fetched everything yet.
    pub fn of(root: &Path, platform: Platform) -> Result<Self, Fatal> {
        let [target, _] = platform.targets();
        let problem = |cause: String| {
            Fatal::new(Exit::Os, "cannot tell what the programs are made of (cargo metadata)")
                .cause(cause)
                .help("cargo fetch --locked, or build without it: --no-sbom")
        };
        let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
            .current_dir(root)
            .args(["metadata", "--format-version=1", "--locked", "--offline", "--filter-platform", target])
            .output()
            .map_err(|cause| problem(cause.to_string()))?;
        if !output.status.success() {
            return Err(problem(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
        }
        serde_json::from_slice(&output.stdout).map_err(|cause| problem(cause.to_string()))
    }

    /// The packages linked into these binaries, theirs included: no build scripts' and no macros' own dependencies.
    fn linked(&self, binaries: &[&str]) -> Vec<&Package> {
        let by_id: BTreeMap<&str, &Package> = self.packages.iter().map(|p| (p.id.as_str(), p)).collect();
        let edges: BTreeMap<&str, &ResolveNode> = self.resolve.nodes.iter().map(|n| (n.id.as_str(), n)).collect();
        let builds = |package: &&Package| {
            package.targets.iter().any(|t| t.kind.iter().any(|k| k == "bin") && binaries.contains(&t.name.as_str()))
        };
        let is_macro = |package: &Package| package.targets.iter().any(|t| t.kind.iter().any(|k| k == "proc-macro"));
        let mut ahead: Vec<&str> = self.packages.iter().filter(builds).map(|p| p.id.as_str()).collect();
        let mut seen = BTreeSet::new();
        while let Some(id) = ahead.pop() {
            let Some(package) = by_id.get(id).filter(|package| !is_macro(package)) else { continue };
            if seen.insert((package.name.as_str(), package.version.as_str(), id)) {
                let linked = edges.get(id).into_iter().flat_map(|node| &node.deps);
                let linked = linked.filter(|edge| edge.dep_kinds.iter().any(|kind| kind.kind.is_none()));
                ahead.extend(linked.map(|edge| edge.pkg.as_str()));
            }
        }
        seen.into_iter().filter_map(|(_, _, id)| by_id.get(id).copied()).collect()
    }
}

/// The document about an image.
#[must_use]
pub fn document(metadata: &Metadata, recipe: &Recipe, tree: &Tree, version: &str) -> Value {
    let binaries: Vec<&str> = recipe.programs.iter().map(|program| program.binary.as_str()).collect();
    let libraries = metadata.linked(&binaries).into_iter().map(|package| {
        let Package { name, version, license, source, .. } = package;
        let mut component = json!({ "type": "library", "name": name, "version": version });
        if let Some(license) = license {
            component["licenses"] = json!([{ "expression": license }]);
        }
        // A package URL says where to get a package; ours cannot be got.
        if source.is_some() {
            let purl = format!("pkg:cargo/{name}@{version}");
            component["purl"] = json!(purl);
            component["bom-ref"] = json!(purl);
        }
        component
    });
    let files = tree.iter().filter_map(|(path, node)| match node {
        Node::File { content, .. } => {
            let hash = Digest::of(content);
            Some(json!({ "type": "file", "name": path, "hashes": [{ "alg": "SHA-256", "content": hash.hex() }] }))
        }
        Node::Directory { .. } | Node::Link { .. } => None,
    });
    json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": { "component": { "type": "container", "name": recipe.name, "version": version } },
        "components": libraries.chain(files).collect::<Vec<_>>(),
    })
}

/// Attaches the document to an image of the layout, as the specification's artifact manifests do.
///
/// # Errors
/// Never in practice: everything that a manifest must have is given.
pub fn attach(layout: &mut Layout, image: &Descriptor, document: &Value) -> std::io::Result<()> {
    let media_type = || MediaType::from(MEDIA_TYPE);
    let sbom = layout.put_json(media_type(), document);
    let empty = layout.put(MediaType::EmptyJSON, b"{}".to_vec());
    let subject = Descriptor::new(image.media_type().clone(), image.size(), image.digest().clone());
    let manifest = ImageManifestBuilder::default()
        .schema_version(2_u32)
        .media_type(MediaType::ImageManifest)
        .artifact_type(media_type())
        .config(empty)
        .layers(vec![sbom])
        .subject(subject)
        .build()
        .map_err(std::io::Error::other)?;
    let mut descriptor = layout.put_json(MediaType::ImageManifest, &manifest);
    descriptor.set_artifact_type(Some(media_type()));
    layout.list(descriptor);
    Ok(())
}
