//! Vultr: one document.

use orlop_metadata_contract::Provider;

use super::{Ask, Failure, Halt, Source, Talk};
use crate::facts::Facts;
use crate::json::Json;
use crate::ssh_key;

pub(super) const SOURCE: Source = Source { provider: Provider::Vultr, read, report: None };

fn read(talk: &Talk<'_>) -> Result<Facts, Halt> {
    // The word by which it knows that user data are wanted as well.
    let ask = Ask::document("/v1.json").header("Metadata-Token", "cloudinit");
    let document = talk.ask(ask)?.json("v1.json")?.ok_or(Failure::Missing("v1.json"))?;
    let id = document.first(&[&["instanceid"], &["instance-v2-id"]]).ok_or(Failure::Document("v1.json"))?;
    let mut facts = Facts { hostname: document.text(&["hostname"]).map(str::to_owned), ..Facts::default() };
    facts.attribute("instance_id", Some(id));
    facts.attribute("region_code", document.text(&["region", "regioncode"]));
    let public = interface(&document, "public", 0);
    let private = interface(&document, "private", 1);
    facts.attribute("public_ipv4", public.and_then(|one| one.text(&["ipv4", "address"])));
    facts.attribute("private_ipv4", private.and_then(|one| one.text(&["ipv4", "address"])));
    facts.attribute("private_netmask", private.and_then(|one| one.text(&["ipv4", "netmask"])));
    facts.ssh_keys = ssh_key::lines_at(&document, &["public-keys"]);
    facts.user_data = joined(&document, "user-data");
    facts.vendor_data = joined(&document, "vendor-data");
    facts.network_config = document.at(&["interfaces"]).map(|network| network.to_string().into_bytes());
    Ok(facts)
}

/// The interface of this kind; where the document does not say of which kind they are, the one that always was.
fn interface<'d>(document: &'d Json, kind: &str, at: usize) -> Option<&'d Json> {
    let all = document.items(&["interfaces"]);
    let kind_of = |one: &Json| one.text(&["network-type"]).map(str::to_owned);
    if all.iter().all(|one| kind_of(one).is_none()) {
        return all.get(at);
    }
    all.iter().find(|one| kind_of(one).as_deref() == Some(kind))
}

/// A text, or a list of texts.
fn texts(document: &Json, name: &str) -> Vec<String> {
    match document.text(&[name]) {
        Some(text) => vec![text.to_owned()],
        None => document.texts(&[name]).map(str::to_owned).collect(),
    }
}

fn joined(document: &Json, name: &str) -> Option<Vec<u8>> {
    Some(texts(document, name).join("\n").into_bytes()).filter(|bytes| !bytes.is_empty())
}
