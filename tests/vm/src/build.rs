//! The guest program, built once more: static, so that it needs nothing of this machine's. For another architecture
//! `cargo xtask` has built it, which knows compilers.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context as _, Result, anyhow, bail};
use orlop_image::platform::Platform;

/// The program's name.
const GUEST: &str = "orlop-test-vm-guest";
/// What cargo builds it for by itself.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// The checkout that this was built from.
pub(crate) fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap_or(Path::new("/"))
}

fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace().join("target"), PathBuf::from)
}

/// Where this package keeps what takes long to make.
pub(crate) fn cache() -> PathBuf {
    target().join("vm")
}

/// Where `cargo xtask` puts release programs for machines of this platform, with musl.
#[must_use]
pub fn programs(platform: Platform) -> PathBuf {
    target().join(platform.targets()[0]).join("release")
}

/// Builds it, or finds that it is as new as its source.
///
/// # Errors
/// When cargo fails; for another architecture, when nobody has built it.
pub(crate) fn guest(platform: Platform) -> Result<PathBuf> {
    if platform != Platform::Amd64 {
        let guest = programs(platform).join(GUEST);
        let help = || anyhow!("no {} (cargo xtask build --target {} --guest)", guest.display(), platform.targets()[0]);
        return if guest.is_file() { Ok(guest) } else { Err(help()) };
    }
    // Once per process: every test asks.
    static BUILT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    BUILT.get_or_init(|| build().map_err(|error| format!("{error:#}"))).clone().map_err(|error| anyhow!(error))
}

fn build() -> Result<PathBuf> {
    let folder = cache().join("guest");
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(workspace()).args(["build", "--quiet", "--locked", "--package", "orlop-test-vm", "--bin", GUEST]);
    cargo.arg("--no-default-features");
    cargo.args(["--target", TARGET, "--target-dir"]).arg(&folder);
    cargo.env_remove("CARGO_ENCODED_RUSTFLAGS").env("RUSTFLAGS", "-C target-feature=+crt-static");
    let output = cargo.output().context("cannot start cargo")?;
    if !output.status.success() {
        bail!("cannot build the guest program: {}", String::from_utf8_lossy(&output.stderr).trim_end());
    }
    Ok(folder.join(TARGET).join("debug").join(GUEST))
}
