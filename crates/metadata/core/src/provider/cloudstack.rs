//! CloudStack: Amazon's tree on the virtual router, which is the DHCP server, with all keys in one file.

use orlop_metadata_contract::Provider;

use super::ec2::Tree;
use super::{Halt, Source, Talk};
use crate::facts::Facts;

pub(super) const SOURCE: Source = Source { provider: Provider::CloudStack, read, report: None };

fn read(talk: &Talk<'_>) -> Result<Facts, Halt> {
    Tree { talk, root: "/latest/", token: None }.with_keys_in_one_file(&[
        ("meta-data/local-hostname", "local_hostname"),
        ("meta-data/availability-zone", "availability_zone"),
        ("meta-data/service-offering", "instance_type"),
        ("meta-data/public-ipv4", "public_ipv4"),
        ("meta-data/local-ipv4", "local_ipv4"),
    ])
}
