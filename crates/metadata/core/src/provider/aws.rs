//! Amazon EC2: the Instance Metadata Service, by session tokens (IMDSv2), without them only if the user allows it.

use orlop_metadata_contract::Provider;

use super::ec2::Tree;
use super::{Ask, Failure, Halt, Source, Talk};
use crate::facts::Facts;

pub(super) const SOURCE: Source = Source { provider: Provider::Aws, read, report: None };

fn read(talk: &Talk<'_>) -> Result<Facts, Halt> {
    // A minute is enough for a run, and a token of which nobody else knows is the best one.
    let ask = Ask::put("/latest/api/token").header("X-aws-ec2-metadata-token-ttl-seconds", "60");
    let answer = talk.ask(ask)?;
    let token = match answer.status() {
        // What has no tokens does not know the path, or the method.
        404 | 405 if talk.options.imds_v1 => None,
        404 | 405 => return Err(Failure::NoImdsV2.into()),
        _ => Some(("X-aws-ec2-metadata-token", answer.token()?)),
    };
    let tree = Tree { talk, root: "/latest/", token };
    let mut facts = Facts { hostname: tree.text("meta-data/hostname")?, ..Facts::default() };
    tree.instance_id(&mut facts)?;
    tree.attributes(
        &[
            ("meta-data/public-ipv4", "public_ipv4"),
            ("meta-data/local-ipv4", "local_ipv4"),
            ("meta-data/placement/availability-zone", "availability_zone"),
            ("meta-data/instance-type", "instance_type"),
            ("meta-data/local-hostname", "local_hostname"),
            ("meta-data/placement/region", "region"),
        ],
        &mut facts,
    )?;
    facts.hostname = facts.hostname.or_else(|| facts.attributes.get("local_hostname").cloned());
    facts.ssh_keys = tree.listed_keys()?;
    facts.user_data = tree.document("user-data")?;
    Ok(facts)
}
