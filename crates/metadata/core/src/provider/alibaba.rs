//! Alibaba Cloud: Amazon's tree with words of its own, by tokens where it gives them.

use orlop_metadata_contract::Provider;

use super::ec2::Tree;
use super::{Ask, Halt, Source, Talk};
use crate::facts::Facts;

pub(super) const SOURCE: Source = Source { provider: Provider::Alibaba, read, report: None };

fn read(talk: &Talk<'_>) -> Result<Facts, Halt> {
    let ask = Ask::put("/latest/api/token").header("X-aliyun-ecs-metadata-token-ttl-seconds", "60");
    let answer = talk.ask(ask)?;
    let token = match answer.status() {
        // Both kinds of access are open unless the owner has closed the one without tokens.
        403..=405 => None,
        _ => Some(("X-aliyun-ecs-metadata-token", answer.token()?)),
    };
    let tree = Tree { talk, root: "/latest/", token };
    let mut facts = Facts { hostname: tree.text("meta-data/hostname")?, ..Facts::default() };
    tree.instance_id(&mut facts)?;
    tree.attributes(
        &[
            ("meta-data/eipv4", "public_ipv4"),
            ("meta-data/private-ipv4", "local_ipv4"),
            ("meta-data/zone-id", "availability_zone"),
            ("meta-data/region-id", "region"),
            ("meta-data/instance/instance-type", "instance_type"),
        ],
        &mut facts,
    )?;
    facts.ssh_keys = tree.listed_keys()?;
    facts.user_data = tree.document("user-data")?;
    Ok(facts)
}
