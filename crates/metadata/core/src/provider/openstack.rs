//! OpenStack by HTTP: its own documents, and what only its copy of Amazon's tree has.

use orlop_metadata_contract::Provider;

use super::ec2::Tree;
use super::{Ask, Failure, Halt, Source, Talk};
use crate::facts::Facts;
use crate::json::Json;
use crate::ssh_key;

pub(super) const SOURCE: Source = Source { provider: Provider::OpenStack, read, report: None };

fn read(talk: &Talk<'_>) -> Result<Facts, Halt> {
    let own = talk.ask(Ask::document("/openstack/latest/meta_data.json"))?.json("meta_data.json")?;
    let ec2 = Tree { talk, root: "/latest/", token: None };
    let mut facts = Facts::default();
    ec2.attributes(
        &[
            ("meta-data/public-ipv4", "public_ipv4"),
            ("meta-data/local-ipv4", "local_ipv4"),
            ("meta-data/placement/availability-zone", "availability_zone"),
            ("meta-data/instance-type", "instance_type"),
            ("meta-data/instance-id", "instance_id"),
            ("meta-data/local-hostname", "local_hostname"),
        ],
        &mut facts,
    )?;
    match own {
        Some(document) => read_own(talk, &document, &mut facts)?,
        None => {
            facts.hostname = ec2.text("meta-data/hostname")?;
            facts.ssh_keys = ec2.listed_keys()?;
            facts.user_data = ec2.document("user-data")?;
        }
    }
    if facts.hostname.is_none() && !facts.attributes.contains_key("instance_id") {
        return Err(Failure::Missing("meta_data.json").into());
    }
    Ok(facts)
}

fn read_own(talk: &Talk<'_>, document: &Json, facts: &mut Facts) -> Result<(), Halt> {
    let bytes = |name: &str, is_optional: bool| -> Result<Option<Vec<u8>>, Halt> {
        let ask = Ask::document(format!("/openstack/latest/{name}"));
        talk.ask(if is_optional { ask.optional() } else { ask })?.bytes()
    };
    meta_data(document, facts);
    facts.user_data = bytes("user_data", false)?;
    facts.vendor_data = bytes("vendor_data.json", true)?;
    facts.network_config = bytes("network_data.json", true)?;
    Ok(())
}

/// What `meta_data.json` says, which is the same document on a config drive. What is known already, from Amazon's tree, stays.
pub(crate) fn meta_data(document: &Json, facts: &mut Facts) {
    facts.hostname = document.first(&[&["hostname"], &["name"]]).map(str::to_owned);
    facts.ssh_keys = ssh_key::lines_at(document, &["public_keys"]);
    // The same ones, and in a list that may also have certificates of X.509.
    for key in document.items(&["keys"]).iter().filter(|key| key.text(&["type"]) == Some("ssh")) {
        facts.ssh_keys.extend(ssh_key::lines_at(key, &["data"]));
    }
    for (path, name) in [(&["uuid"][..], "instance_id"), (&["availability_zone"], "availability_zone")] {
        if !facts.attributes.contains_key(name) {
            facts.attribute(name, document.text(path));
        }
    }
}
