//! Oracle Cloud: one document, with user data in it.

use orlop_metadata_contract::Provider;

use super::{Ask, Failure, Halt, Source, Talk};
use crate::facts::Facts;
use crate::left_out::{LeftOut, Why};

pub(super) const SOURCE: Source = Source { provider: Provider::Oracle, read, report: None };

fn read(talk: &Talk<'_>) -> Result<Facts, Halt> {
    let second = |path: &str| Ask::document(format!("/opc/v2/{path}")).header("Authorization", "Bearer Oracle");
    let document = match talk.ask(second("instance/"))?.json("instance")? {
        Some(document) => Some(document),
        // A region, or an image, that has only the first version, which wants no header.
        None => talk.ask(Ask::document("/opc/v1/instance/"))?.json("instance")?,
    };
    let document = document.ok_or(Failure::Missing("instance"))?;
    let id = document.text(&["id"]).ok_or(Failure::Document("instance"))?;
    let name = document.first(&[&["hostname"], &["displayName"]]);
    let mut facts = Facts { hostname: name.map(str::to_owned), ..Facts::default() };
    facts.attribute("instance_id", Some(id));
    facts.attribute("instance_type", document.text(&["shape"]));
    facts.attribute("availability_zone", document.text(&["availabilityDomain"]));
    facts.attribute("region", document.first(&[&["canonicalRegionName"], &["region"]]));
    let keys = document.text(&["metadata", "ssh_authorized_keys"]).unwrap_or_default();
    facts.ssh_keys = keys.lines().map(str::to_owned).collect();
    facts.encoded_user_data(document.text(&["metadata", "user_data"]).unwrap_or_default().as_bytes());
    let network = talk.ask(second("vnics/").optional())?;
    match network.json("vnics") {
        Ok(Some(vnics)) => facts.attribute("local_ipv4", vnics.text(&["0", "privateIp"])),
        Ok(None) => {}
        Err(_) => facts.left_out.push(LeftOut::new("vnics", Why::Document)),
    }
    facts.network_config = network.bytes()?;
    Ok(facts)
}
