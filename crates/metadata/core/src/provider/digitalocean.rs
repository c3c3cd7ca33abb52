//! DigitalOcean: one document.

use orlop_metadata_contract::Provider;

use super::{Ask, Failure, Halt, Source, Talk};
use crate::facts::Facts;
use crate::ssh_key;

pub(super) const SOURCE: Source = Source { provider: Provider::DigitalOcean, read, report: None };

fn read(talk: &Talk<'_>) -> Result<Facts, Halt> {
    let document = talk.ask(Ask::document("/metadata/v1.json"))?.json("v1.json")?.ok_or(Failure::Missing("v1.json"))?;
    let id = document.text(&["droplet_id"]).ok_or(Failure::Document("v1.json"))?;
    let text = |path: &[&str]| document.text(path).map(str::to_owned);
    let mut facts = Facts { hostname: text(&["hostname"]), ..Facts::default() };
    // LinuxKit's name for it, and everybody's.
    facts.attribute("id", Some(id));
    facts.attribute("instance_id", Some(id));
    facts.attribute("region", text(&["region"]));
    facts.attribute("public_ipv4", text(&["interfaces", "public", "0", "ipv4", "ip_address"]));
    facts.attribute("private_ipv4", text(&["interfaces", "private", "0", "ipv4", "ip_address"]));
    facts.ssh_keys = ssh_key::lines_at(&document, &["public_keys"]);
    facts.user_data = document.bytes(&["user_data"]);
    facts.vendor_data = document.bytes(&["vendor_data"]);
    facts.network_config = document.at(&["interfaces"]).map(|network| network.to_string().into_bytes());
    Ok(facts)
}
