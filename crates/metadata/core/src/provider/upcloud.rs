//! UpCloud: one document.

use orlop_metadata_contract::Provider;

use super::{Ask, Failure, Halt, Source, Talk};
use crate::facts::Facts;
use crate::json::Json;
use crate::ssh_key;

pub(super) const SOURCE: Source = Source { provider: Provider::UpCloud, read, report: None };

fn read(talk: &Talk<'_>) -> Result<Facts, Halt> {
    let document = talk.ask(Ask::document("/metadata/v1.json"))?.json("v1.json")?.ok_or(Failure::Missing("v1.json"))?;
    let id = document.text(&["instance_id"]).ok_or(Failure::Document("v1.json"))?;
    let mut facts = Facts { hostname: document.text(&["hostname"]).map(str::to_owned), ..Facts::default() };
    facts.attribute("instance_id", Some(id));
    facts.attribute("region", document.text(&["region"]));
    facts.attribute("public_ipv4", address(&document, "public"));
    facts.attribute("local_ipv4", address(&document, "utility").or_else(|| address(&document, "private")));
    facts.ssh_keys = ssh_key::lines_at(&document, &["public_keys"]);
    facts.user_data = document.bytes(&["user_data"]);
    facts.vendor_data = document.bytes(&["vendor_data"]);
    facts.network_config = document.at(&["network"]).map(|network| network.to_string().into_bytes());
    Ok(facts)
}

/// The first IPv4 address of an interface of this type.
fn address<'d>(document: &'d Json, kind: &str) -> Option<&'d str> {
    let interfaces = document.items(&["network", "interfaces"]).iter();
    let addresses =
        interfaces.filter(|one| one.text(&["type"]) == Some(kind)).flat_map(|one| one.items(&["ip_addresses"]));
    addresses.filter(|one| one.text(&["family"]) == Some("IPv4")).find_map(|one| one.text(&["address"]))
}
