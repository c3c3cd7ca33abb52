//! Disks labelled `config-2`: what OpenStack says over HTTP as well, or, when it is not there, what Amazon's tree of small files
//! would say in one document.

use super::Said;
use crate::json::{Json, MAX_NESTING};
use crate::media::Files;
use crate::provider::{ec2, openstack};

/// The files of OpenStack's newest version, which every such disk has, or those of the EC2 one.
pub(super) fn read(said: &mut Said, files: &mut dyn Files) {
    said.facts.user_data = said.file(files, "openstack/latest/user_data");
    said.facts.vendor_data = said.file(files, "openstack/latest/vendor_data.json");
    said.facts.network_config = said.file(files, "openstack/latest/network_data.json");
    let parse = |content: &[u8]| Json::parse(content, MAX_NESTING);
    if let Some(about) = said.document(files, "openstack/latest/meta_data.json", parse) {
        return openstack::meta_data(&about, &mut said.facts);
    }
    said.facts.user_data = said.facts.user_data.take().or_else(|| said.file(files, "ec2/latest/user-data"));
    if let Some(about) = said.document(files, "ec2/latest/meta-data.json", parse) {
        ec2::meta_data(&about, &mut said.facts);
    }
}
