//! Akamai, formerly Linode: documents for who has a token.

use orlop_metadata_contract::Provider;

use super::{Ask, Failure, Halt, Source, Talk};
use crate::facts::Facts;
use crate::json::Json;
use crate::ssh_key;

pub(super) const SOURCE: Source = Source { provider: Provider::Akamai, read, report: None };

fn read(talk: &Talk<'_>) -> Result<Facts, Halt> {
    let token = talk.ask(Ask::put("/v1/token").header("Metadata-Token-Expiry-Seconds", "300"))?.token()?;
    let ask = |path: &str| Ask::document(format!("/v1/{path}")).header("Metadata-Token", token.clone());
    let document = |path: &'static str| talk.ask(ask(path).header("Accept", "application/json"))?.json(path);
    let instance = document("instance")?.ok_or(Failure::Missing("instance"))?;
    let id = instance.text(&["id"]).ok_or(Failure::Document("instance"))?;
    let mut facts = Facts { hostname: instance.text(&["label"]).map(str::to_owned), ..Facts::default() };
    facts.attribute("instance_id", Some(id));
    facts.attribute("instance_type", instance.text(&["type"]));
    facts.attribute("region", instance.text(&["region"]));
    let network = talk.ask(ask("network").header("Accept", "application/json"))?;
    if let Some(network) = network.json("network")? {
        let address = |kind: &str| network.text(&["ipv4", kind, "0"]).and_then(|text| text.split('/').next());
        facts.attribute("public_ipv4", address("public"));
        facts.attribute("local_ipv4", address("private"));
    }
    facts.network_config = network.bytes()?;
    let keys = document("ssh-keys")?.unwrap_or(Json::Null);
    // This program knows one user.
    facts.ssh_keys = ssh_key::lines_at(&keys, &["users", "root"]);
    let user_data = talk.ask(ask("user-data"))?.found()?;
    facts.encoded_user_data(user_data.unwrap_or_default());
    Ok(facts)
}
