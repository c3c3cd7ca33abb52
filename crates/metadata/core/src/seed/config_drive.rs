//! Disks labelled `config-2`: what OpenStack says over HTTP as well, or, when it is not there, what Amazon's tree of small files
//! would say in one document.

use super::Reading;
use crate::json::{Json, MAX_NESTING};
use crate::provider::{ec2, openstack};

/// The files of OpenStack's newest version, which every such disk has, or those of the EC2 one.
pub(super) fn read(from: &mut Reading<'_>) {
    from.facts.user_data = from.file("openstack/latest/user_data");
    from.facts.vendor_data = from.file("openstack/latest/vendor_data.json");
    from.facts.network_config = from.file("openstack/latest/network_data.json");
    let parse = |content: &[u8]| Json::parse(content, MAX_NESTING);
    if let Some(about) = from.document("openstack/latest/meta_data.json", parse) {
        return openstack::meta_data(&about, &mut from.facts);
    }
    from.facts.user_data = from.facts.user_data.take().or_else(|| from.file("ec2/latest/user-data"));
    if let Some(about) = from.document("ec2/latest/meta-data.json", parse) {
        ec2::meta_data(&about, &mut from.facts);
    }
}
