//! Entries of a spec's `volumes`: folders of a machine, with the files of an image or empty, that containers bind by their names.

use serde::{Deserialize, Serialize};

use super::Settings;
use crate::platform::Platform;
use crate::reference::Reference;

/// A volume, as it is typed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Typed {
    pub(crate) name: String,
    pub(crate) image: Option<String>,
    pub(crate) readonly: bool,
    pub(crate) format: Option<String>,
    pub(crate) platforms: Option<Vec<String>>,
}

/// A volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Volume {
    /// What containers bind it by.
    pub name: String,
    /// The image whose files are in it, if it begins with any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<Reference>,
    /// Containers may only read it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub readonly: bool,
    /// What of the image is there.
    #[serde(skip_serializing_if = "Format::is_files")]
    pub format: Format,
    /// Of an image that is there as such, these platforms; without any, the machine's.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub platforms: Vec<Platform>,
}

/// What of a volume's image is there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub enum Format {
    /// Its files.
    #[default]
    #[serde(rename = "filesystem")]
    Files,
    /// The image as such: a layout of the OCI image specification, which whoever reads images can read.
    #[serde(rename = "oci")]
    Image,
}

impl Format {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it")]
    fn is_files(&self) -> bool {
        *self == Self::Files
    }
}

impl Volume {
    /// Its folder below the machine's root.
    #[must_use]
    pub fn folder(&self) -> String {
        format!("containers/volumes/{}", self.name)
    }
}

/// A container that binds a volume and cannot.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadBind {
    /// A source that is no path from the root is a volume's name.
    #[error("it binds {0:?}, which is neither a path from the root nor a volume of the spec")]
    Unknown(String),
    /// A volume is read-only, and the bind is not.
    #[error("the volume {0} is readonly, and it binds it to write to it: {0}:DESTINATION:ro")]
    Writable(String),
}

/// Puts the places of volumes into what a container's entry in a spec binds by their names. Labels name none, as LinuxKit has it.
///
/// # Errors
/// A bind of what is no volume, or for writing what is read-only.
pub fn placed(mut settings: Settings, volumes: &[Volume]) -> Result<Settings, BadBind> {
    for list in [&mut settings.binds, &mut settings.binds_add] {
        for bind in list.iter_mut().flatten() {
            let mut parts: Vec<String> = bind.split(':').map(str::to_owned).collect();
            let is_read_only = parts.get(2).is_some_and(|options| options.split(',').any(|option| option == "ro"));
            if let Some(source) = parts.first_mut()
                && let Some(place) = place(source, is_read_only, volumes)?
            {
                *source = place;
                *bind = parts.join(":");
            }
        }
    }
    for mount in settings.mounts.iter_mut().flatten().filter(|mount| mount.kind == "bind") {
        let is_read_only = mount.options.iter().flatten().any(|option| option == "ro");
        if let Some(place) = place(&mount.source, is_read_only, volumes)? {
            mount.source = place;
        }
    }
    Ok(settings)
}

/// Where the volume of this name is; nowhere, for a path.
fn place(source: &str, is_read_only: bool, volumes: &[Volume]) -> Result<Option<String>, BadBind> {
    if source.starts_with('/') {
        return Ok(None);
    }
    let volume = volumes.iter().find(|volume| volume.name == source);
    let volume = volume.ok_or_else(|| BadBind::Unknown(source.to_owned()))?;
    if volume.readonly && !is_read_only {
        return Err(BadBind::Writable(volume.name.clone()));
    }
    Ok(Some(format!("/{}/merged", volume.folder())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn volume(name: &str, readonly: bool) -> Volume {
        Volume { name: name.to_owned(), image: None, readonly, format: Format::Files, platforms: Vec::new() }
    }

    #[test]
    fn what_is_bound_by_name_is_the_volumes_folder_and_a_read_only_one_is_never_written_to() {
        let volumes = [volume("data", false), volume("fixed", true)];
        for (what, bind, want) in [
            ("by name", "data:/data", Ok("/containers/volumes/data/merged:/data")),
            ("with options", "data:/data:ro", Ok("/containers/volumes/data/merged:/data:ro")),
            ("a path", "/data:/data", Ok("/data:/data")),
            ("read-only", "fixed:/x:ro", Ok("/containers/volumes/fixed/merged:/x:ro")),
            ("among other options", "fixed:/x:rshared,ro", Ok("/containers/volumes/fixed/merged:/x:rshared,ro")),
            ("to write to it", "fixed:/x", Err(BadBind::Writable("fixed".to_owned()))),
            ("to write to it, said", "fixed:/x:rw", Err(BadBind::Writable("fixed".to_owned()))),
            ("nobody's", "date:/data", Err(BadBind::Unknown("date".to_owned()))),
        ] {
            for add in [false, true] {
                let list = Some(vec![bind.to_owned()]);
                let (binds, binds_add) = if add { (None, list) } else { (list, None) };
                let settings = placed(Settings { binds, binds_add, ..Settings::default() }, &volumes);
                let got = settings.map(|settings| settings.binds.or(settings.binds_add).unwrap_or_default().concat());
                assert_eq!(got, want.clone().map(str::to_owned), "{what}");
            }
        }
    }

    #[test]
    fn a_mount_of_the_kind_bind_names_volumes_too_and_no_other_does() {
        for (what, mount, want) in [
            ("a bind", "{type: bind, source: data, destination: /d}", Ok("/containers/volumes/data/merged")),
            ("a file system", "{type: tmpfs, source: tmpfs, destination: /d}", Ok("tmpfs")),
            (
                "read-only",
                "{type: bind, source: fixed, destination: /d, options: [ro]}",
                Ok("/containers/volumes/fixed/merged"),
            ),
            ("to write", "{type: bind, source: fixed, destination: /d, options: [rw]}", Err(())),
        ] {
            let settings = super::super::read::yaml(&format!("mounts: [{mount}]")).unwrap();
            let got = placed(settings, &[volume("data", false), volume("fixed", true)]);
            assert_eq!(
                got.map(|got| got.mounts.unwrap()[0].source.clone()).map_err(drop),
                want.map(str::to_owned),
                "{what}"
            );
        }
    }
}
