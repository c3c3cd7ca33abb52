//! One image for one platform: a layer, a configuration and a manifest.

use std::collections::HashMap;
use std::io;

use oci_spec::image::{
    ConfigBuilder, Descriptor, HistoryBuilder, ImageConfigurationBuilder, ImageIndexBuilder, ImageManifestBuilder,
    MediaType, Os, PlatformBuilder, RootFsBuilder,
};

use crate::label;
use crate::layer::Layer;
use crate::layout::Layout;
use crate::platform::Platform;
use crate::recipe::Recipe;
use crate::tree::Tree;

/// `PATH` of the process. Nothing here is found by it, but some runtimes do not start a process without one.
const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Puts the image of a recipe into the layout. Returns how an index points to it.
///
/// # Errors
/// A path is too long for an archive.
pub fn put(
    layout: &mut Layout,
    recipe: &Recipe,
    tree: &Tree,
    platform: Platform,
    version: &str,
    epoch: u64,
) -> io::Result<Descriptor> {
    let labels = HashMap::from([
        (label::KEY.to_owned(), recipe.label.to_json()),
        ("org.opencontainers.image.description".to_owned(), recipe.description.clone()),
        ("org.opencontainers.image.licenses".to_owned(), env!("CARGO_PKG_LICENSE").to_owned()),
        ("org.opencontainers.image.title".to_owned(), recipe.name.clone()),
        ("org.opencontainers.image.version".to_owned(), version.to_owned()),
    ]);
    put_tree(layout, tree, platform, &recipe.command, labels, epoch)
}

/// Puts an image of `tree` into the layout. Returns how an index points to it.
///
/// # Errors
/// A path is too long for an archive.
pub fn put_tree(
    layout: &mut Layout,
    tree: &Tree,
    platform: Platform,
    command: &[String],
    labels: HashMap<String, String>,
    epoch: u64,
) -> io::Result<Descriptor> {
    let Layer { compressed, diff_id, .. } = Layer::pack(tree, epoch)?;
    let layer = layout.put(MediaType::ImageLayerGzip, compressed);
    let created = rfc3339(epoch);
    let config = ConfigBuilder::default()
        .env(vec![PATH.to_owned()])
        .cmd(command.to_vec())
        .working_dir("/")
        .labels(labels)
        .build()
        .map_err(io::Error::other)?;
    let history = HistoryBuilder::default()
        .created(created.clone())
        .created_by("orlop-image")
        .build()
        .map_err(io::Error::other)?;
    let config = ImageConfigurationBuilder::default()
        .created(created)
        .architecture(platform.oci())
        .os(Os::Linux)
        .config(config)
        .rootfs(
            RootFsBuilder::default()
                .typ("layers")
                .diff_ids(vec![diff_id.to_string()])
                .build()
                .map_err(io::Error::other)?,
        )
        .history(vec![history])
        .build()
        .map_err(io::Error::other)?;
    let config = layout.put_json(MediaType::ImageConfig, &config);
    let manifest = ImageManifestBuilder::default()
        .schema_version(2_u32)
        .media_type(MediaType::ImageManifest)
        .config(config)
        .layers(vec![layer])
        .build()
        .map_err(io::Error::other)?;
    let mut descriptor = layout.put_json(MediaType::ImageManifest, &manifest);
    let platform = PlatformBuilder::default().architecture(platform.oci()).os(Os::Linux).build();
    descriptor.set_platform(Some(platform.map_err(io::Error::other)?));
    Ok(descriptor)
}

/// Puts an index of the same image for several platforms into the layout.
///
/// # Errors
/// Never in practice: everything that an index must have is given.
pub fn put_index(layout: &mut Layout, manifests: Vec<Descriptor>) -> io::Result<Descriptor> {
    let index = ImageIndexBuilder::default()
        .schema_version(2_u32)
        .media_type(MediaType::ImageIndex)
        .manifests(manifests)
        .build()
        .map_err(io::Error::other)?;
    Ok(layout.put_json(MediaType::ImageIndex, &index))
}

/// Seconds since 1970 as the image specification wants a time (RFC 3339), in UTC.
#[must_use]
pub fn rfc3339(epoch: u64) -> String {
    let (days, seconds) = (epoch / 86_400, epoch % 86_400);
    let is_leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let (mut year, mut day) = (1970, days);
    loop {
        let length = if is_leap(year) { 366 } else { 365 };
        if day < length {
            break;
        }
        day -= length;
        year += 1;
    }
    let february = if is_leap(year) { 29 } else { 28 };
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if day < length {
            break;
        }
        day -= length;
        month += 1;
    }
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{:02}T{hour:02}:{minute:02}:{second:02}Z", day + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_as_the_calendar_has_it() {
        for (epoch, want) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_795_305_600, "2026-11-22T00:00:00Z"),
            (1_735_689_599, "2024-12-31T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(rfc3339(epoch), want);
        }
    }
}
