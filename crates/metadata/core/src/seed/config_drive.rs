//! Disks labelled `config-2`: what OpenStack says over HTTP as well, or, when it is not there, what Amazon's tree of small files
//! would say in one document.

use super::{Said, lines, text};
use crate::json::{Json, MAX_NESTING};
use crate::media::Files;

/// The files of OpenStack's newest version, which every such disk has, or those of the EC2 one.
pub(super) fn read(said: &mut Said, files: &mut dyn Files) {
    said.facts.user_data = said.file(files, "openstack/latest/user_data");
    said.facts.vendor_data = said.file(files, "openstack/latest/vendor_data.json");
    said.facts.network_config = said.file(files, "openstack/latest/network_data.json");
    let parse = |content: &[u8]| Json::parse(content, MAX_NESTING);
    if let Some(about) = said.document(files, "openstack/latest/meta_data.json", parse) {
        return openstack(said, &about);
    }
    said.facts.user_data = said.facts.user_data.take().or_else(|| said.file(files, "ec2/latest/user-data"));
    if let Some(about) = said.document(files, "ec2/latest/meta-data.json", parse) {
        ec2(said, &about);
    }
}

fn openstack(said: &mut Said, about: &Json) {
    said.facts.hostname = text(about, &["hostname"]).or_else(|| text(about, &["name"]));
    said.facts.ssh_keys = about.at(&["public_keys"]).map(lines).unwrap_or_default();
    // The same ones, and in a list that may also have certificates of X.509.
    for key in about.items(&["keys"]).iter().filter(|key| key.text(&["type"]) == Some("ssh")) {
        said.facts.ssh_keys.extend(key.at(&["data"]).map(lines).unwrap_or_default());
    }
    said.attributes(about, &[(&["uuid"], "instance_id"), (&["availability_zone"], "availability_zone")]);
}

fn ec2(said: &mut Said, about: &Json) {
    said.facts.hostname = text(about, &["hostname"]).or_else(|| text(about, &["local-hostname"]));
    said.facts.ssh_keys = about.at(&["public-keys"]).map(lines).unwrap_or_default();
    said.attributes(
        about,
        &[
            (&["instance-id"], "instance_id"),
            (&["instance-type"], "instance_type"),
            (&["local-hostname"], "local_hostname"),
            (&["local-ipv4"], "local_ipv4"),
            (&["public-ipv4"], "public_ipv4"),
            (&["placement", "availability-zone"], "availability_zone"),
        ],
    );
}
