//! OCI images without an engine.
//!
//! A recipe (`packaging/images/NAME/recipe.toml`) and static programs become an OCI image layout, as a folder and as a
//! tar archive: the same bytes wherever it is built. Covered: image manifest, index, configuration and layout of the OCI
//! image specification 1.1, with an SBOM attached as a referrer. Left out: registries, and layers on top of others.
//!
//! Start at [`build::build`]. This crate never uses the network and runs no program but `cargo metadata` (for the SBOM)
//! and, to compare, `dpkg-query` and `ldd`.
#![forbid(unsafe_code)]

pub mod archive;
pub mod bounded;
pub mod build;
pub mod bundle;
pub mod command_line;
pub mod compare;
pub mod container;
pub mod cpio;
pub mod digest;
pub mod elf;
pub mod filesystem;
pub mod flatten;
pub mod image;
pub mod inspect;
pub mod kernel;
pub mod label;
pub mod layer;
pub mod layout;
pub mod lock;
pub mod machine;
pub mod merge;
pub mod output;
pub mod platform;
pub mod recipe;
pub mod reference;
pub mod sbom;
pub mod spec;
pub mod store;
pub mod tree;
pub mod workspace;
