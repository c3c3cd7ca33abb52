//! Scaleway: a document, and user data for who asks from a port below 1024.

use orlop_metadata_contract::Provider;

use super::{Ask, Failure, Halt, Source, Talk};
use crate::facts::Facts;
use crate::http::Method;

pub(super) const SOURCE: Source = Source { provider: Provider::Scaleway, read, report: Some(report) };

fn read(talk: &Talk<'_>) -> Result<Facts, Halt> {
    let document = talk.ask(Ask::document("/conf?format=json"))?.json("conf")?.ok_or(Failure::Missing("conf"))?;
    let id = document.text(&["id"]).ok_or(Failure::Document("conf"))?;
    let mut facts = Facts { hostname: document.text(&["hostname"]).map(str::to_owned), ..Facts::default() };
    facts.attribute("instance_id", Some(id));
    facts.attribute("instance_location", document.text(&["location", "zone_id"]));
    facts.attribute("instance_type", document.text(&["commercial_type"]));
    facts.attribute("public_ip", document.text(&["public_ip", "address"]));
    facts.attribute("private_ip", document.text(&["private_ip"]));
    let keys = document.items(&["ssh_public_keys"]).iter().filter_map(|key| key.text(&["key"]));
    facts.ssh_keys = keys.map(str::to_owned).collect();
    facts.user_data = talk.ask(Ask::document("/user_data/cloud-init"))?.bytes()?;
    facts.vendor_data = talk.ask(Ask::document("/vendor_data/cloud-init"))?.bytes()?;
    Ok(facts)
}

/// Says that the machine has booted, for which the console waits.
fn report(talk: &Talk<'_>) -> Result<(), Halt> {
    let patch = Ask::new(Method::Patch, "/state", 0x1000);
    talk.ask(patch.body("application/json", br#"{"state_detail":"booted"}"#.to_vec()))?.taken()
}
