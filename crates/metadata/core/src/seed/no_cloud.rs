//! Disks labelled `cidata`, and LinuxKit's disks without a label.

use super::Reading;
use crate::facts::Facts;
use crate::json::Json;
use crate::{ssh_key, yaml};

/// The files of cloud-init's NoCloud.
pub(super) fn read(from: &mut Reading<'_>) {
    from.facts.user_data = from.file("user-data");
    from.facts.vendor_data = from.file("vendor-data");
    from.facts.network_config = from.file("network-config");
    if let Some(meta_data) = from.document("meta-data", yaml::parse) {
        about(&meta_data, &mut from.facts);
    }
}

/// What `meta-data` say.
pub(crate) fn about(meta_data: &Json, facts: &mut Facts) {
    facts.hostname = meta_data.first(&[&["local-hostname"], &["hostname"]]).map(str::to_owned);
    facts.ssh_keys = ssh_key::lines_at(meta_data, &["public-keys"]);
    facts.attributes_of(
        meta_data,
        &[
            (&["instance-id"], "instance_id"),
            (&["instance-type"], "instance_type"),
            (&["local-hostname"], "local_hostname"),
            (&["availability-zone"], "availability_zone"),
            (&["region"], "region"),
        ],
    );
}

/// What a compact disc without a label may hold, as LinuxKit reads it: the first of these that has anything in it. The second one is what
/// `linuxkit run -data` makes.
pub(super) fn unlabelled(from: &mut Reading<'_>) {
    from.facts.user_data = from.file("user-data").or_else(|| from.file("config"));
}
