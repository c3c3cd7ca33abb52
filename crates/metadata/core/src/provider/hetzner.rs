//! Hetzner Cloud: a tree of small files, of which the keys are JSON.

use orlop_metadata_contract::Provider;

use super::ec2::Tree;
use super::{Ask, Failure, Halt, Source, Talk};
use crate::facts::Facts;
use crate::json::Json;
use crate::{base64, ssh_key};

pub(super) const SOURCE: Source = Source { provider: Provider::Hetzner, read, report: None };

fn read(talk: &Talk<'_>) -> Result<Facts, Halt> {
    let tree = Tree { talk, root: "/hetzner/v1/", token: None };
    let mut facts = Facts { hostname: tree.text("metadata/hostname")?, ..Facts::default() };
    tree.attributes(
        &[
            ("metadata/instance-id", "instance_id"),
            ("metadata/public-ipv4", "public_ipv4"),
            ("metadata/local-ipv4", "local_ipv4"),
            ("metadata/availability-zone", "availability_zone"),
            ("metadata/region", "region"),
        ],
        &mut facts,
    )?;
    if facts.hostname.is_none() && !facts.attributes.contains_key("instance_id") {
        return Err(Failure::Missing("hostname").into());
    }
    let keys = talk.ask(Ask::document("/hetzner/v1/metadata/public-keys"))?.json("public-keys")?;
    facts.ssh_keys = ssh_key::lines_at(&keys.unwrap_or(Json::Null), &[]);
    // Users who have binary data hand in base64, as everybody else's programs decode it here.
    facts.user_data = tree.document("userdata")?.map(|bytes| base64::decode(&bytes).unwrap_or(bytes));
    facts.network_config = talk.ask(Ask::document("/hetzner/v1/metadata/network-config").optional())?.bytes()?;
    Ok(facts)
}
