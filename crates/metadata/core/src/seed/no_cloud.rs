//! Disks labelled `cidata`, and LinuxKit's disks without a label.

use super::{Said, text};
use crate::media::Files;
use crate::{ssh_key, yaml};

/// What a compact disc without a label may hold, as LinuxKit reads it. The second one is what `linuxkit run -data` makes.
pub(super) const UNLABELLED: [&str; 2] = ["user-data", "config"];

/// The files of cloud-init's NoCloud.
pub(super) fn read(said: &mut Said, files: &mut dyn Files) {
    said.facts.user_data = said.file(files, "user-data");
    said.facts.vendor_data = said.file(files, "vendor-data");
    said.facts.network_config = said.file(files, "network-config");
    let Some(about) = said.document(files, "meta-data", yaml::parse) else { return };
    said.facts.hostname = text(&about, &["local-hostname"]).or_else(|| text(&about, &["hostname"]));
    said.facts.ssh_keys = about.at(&["public-keys"]).map(ssh_key::lines).unwrap_or_default();
    said.facts.attributes_of(
        &about,
        &[
            (&["instance-id"], "instance_id"),
            (&["instance-type"], "instance_type"),
            (&["local-hostname"], "local_hostname"),
            (&["availability-zone"], "availability_zone"),
            (&["region"], "region"),
        ],
    );
}

/// The first of [`UNLABELLED`] that has anything in it.
pub(super) fn unlabelled(said: &mut Said, files: &mut dyn Files) {
    said.facts.user_data = UNLABELLED.into_iter().find_map(|file| said.file(files, file));
}
