//! How large our image is, packed.

use std::path::Path;

use anyhow::{Result, anyhow};
use orlop_image::build::{Plan, build};
use orlop_image::inspect::{Contents, platforms};
use orlop_image::platform::Platform;
use orlop_image::workspace::Workspace;

/// Bytes of the compressed layers of the image of the programs in `release`.
///
/// # Errors
/// When it cannot be built.
pub(super) fn of_image(release: &Path) -> Result<u64> {
    let folders = vec![(Platform::HOST, release.to_owned())];
    let plan = Plan { platforms: vec![Platform::HOST], folders, sbom: false, ..Plan::default() };
    let failed = |fatal: orlop_sandbox::fatal::Fatal| anyhow!("{}", fatal.problem);
    let built = build(&Workspace::find().map_err(failed)?, "ntp", &plan).map_err(failed)?;
    let mut bytes = 0;
    for (_, root) in built.layout.names() {
        for manifest in platforms(&built.layout, root)? {
            bytes += Contents::read(&built.layout, &manifest)?.compressed;
        }
    }
    Ok(bytes)
}
