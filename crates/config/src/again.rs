//! Where a configuration is read again, by a process that has locked itself in meanwhile.

use std::path::{Path, PathBuf, absolute};

/// What a broker has to be able to read for it: the folder of its configuration `file`, and the folder that a link there leads
/// to. The folders, because an editor replaces the file.
#[must_use]
pub fn places_of(file: &Path) -> [PathBuf; 2] {
    let folder = |file: PathBuf| match file.parent() {
        Some(folder) if folder != Path::new("/") => folder.to_owned(),
        // LinuxKit's dhcpcd.conf lies in the root itself, and the root is everything.
        _ => file,
    };
    let named = absolute(file).unwrap_or_else(|_| file.to_owned());
    let real = named.canonicalize().unwrap_or_else(|_| named.clone());
    [folder(named), folder(real)]
}

#[cfg(test)]
mod tests {
    use orlop_testbed::Folder;

    use super::*;

    #[test]
    fn a_configuration_is_found_again_where_it_was_found_at_first() {
        let (named, real) = (Folder::new("config-named"), Folder::new("config-real"));
        std::fs::write(real.0.join("dhcp.toml"), "").unwrap();
        std::os::unix::fs::symlink(real.0.join("dhcp.toml"), named.0.join("dhcp.toml")).unwrap();
        let (link, file) = (named.0.join("dhcp.toml"), real.0.join("dhcp.toml"));
        let here = std::env::current_dir().unwrap();
        for (what, path, want) in [
            ("a file", file.as_path(), [&*real.0, &*real.0]),
            ("a link", &link, [&*named.0, &*real.0]),
            ("none yet", &named.0.join("none"), [&*named.0, &*named.0]),
            ("relative", Path::new("none.toml"), [&*here, &*here]),
            ("in the root", Path::new("/none.conf"), [Path::new("/none.conf"); 2]),
        ] {
            assert_eq!(places_of(path), want, "{what}");
        }
    }
}
