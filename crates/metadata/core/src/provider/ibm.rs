//! IBM Cloud VPC: documents for who has a token. Most machines have a `cidata` disk instead, as the service is off by default.

use orlop_metadata_contract::Provider;

use super::{Ask, Failure, Halt, Source, Talk};
use crate::facts::Facts;
use crate::http::Value;
use crate::json::Json;

pub(super) const SOURCE: Source = Source { provider: Provider::Ibm, read, report: None };

/// The version of the interface, which is a date.
const VERSION: &str = "version=2022-03-01";

fn read(talk: &Talk<'_>) -> Result<Facts, Halt> {
    let ask = Ask::put(format!("/instance_identity/v1/token?{VERSION}"));
    let ask = ask.header("Metadata-Flavor", "ibm").body("application/json", br#"{"expires_in":300}"#.to_vec());
    let token = talk.ask(ask)?.json("token")?.ok_or(Failure::Missing("token"))?;
    let token = token.text(&["access_token"]).and_then(|token| Value::new(format!("Bearer {token}").as_bytes()));
    let token = token.ok_or(Failure::Document("token"))?;
    let document = |path: &str, name: &'static str| -> Result<Option<Json>, Halt> {
        let ask = Ask::document(format!("/metadata/v1/{path}?{VERSION}")).header("Authorization", token.clone());
        talk.ask(ask.header("Accept", "application/json"))?.json(name)
    };
    let instance = document("instance", "instance")?.ok_or(Failure::Missing("instance"))?;
    let id = instance.text(&["id"]).ok_or(Failure::Document("instance"))?;
    let mut facts = Facts { hostname: instance.text(&["name"]).map(str::to_owned), ..Facts::default() };
    facts.attribute("instance_id", Some(id));
    facts.attribute("instance_type", instance.text(&["profile", "name"]));
    let zone = instance.text(&["zone", "name"]);
    facts.attribute("region", zone.and_then(|zone| zone.rsplit_once('-')).map(|(region, _)| region));
    facts.attribute("availability_zone", zone);
    let interface = ["primary_network_interface", "primary_ip", "address"];
    let attachment = ["primary_network_attachment", "primary_ip", "address"];
    facts.attribute("local_ipv4", instance.first(&[&attachment, &interface]));
    let keys = document("keys", "keys")?.unwrap_or(Json::Null);
    let keys = keys.items(&["keys"]).iter().filter_map(|key| key.text(&["public_key"]));
    facts.ssh_keys = keys.map(str::to_owned).collect();
    let given = document("instance/initialization", "initialization")?.unwrap_or(Json::Null);
    facts.user_data = given.bytes(&["user_data"]);
    Ok(facts)
}
