//! What gives a platform away: the rules by which cloud-init's ds-identify knows it without the network, and those of the
//! providers' own pages.

use super::Sign::{
    self, AcpiOem, BoardAssetTag, ChassisAssetTag, Hypervisor, HypervisorUuid, ProductName, ProductSerial, ProductUuid,
    SysVendor, Word,
};
use super::{Like, Platform};
use crate::Provider;

/// One thing that gives one platform away.
pub(super) struct Rule {
    pub(super) platform: Platform,
    pub(super) sign: Sign,
    pub(super) like: Like,
}

const fn rule(provider: Provider, sign: Sign, like: Like) -> Rule {
    Rule { platform: Platform::Of(provider), sign, like }
}

const fn other(name: &'static str, sign: Sign, like: Like) -> Rule {
    Rule { platform: Platform::Other(name), sign, like }
}

/// In the order in which they decide, where a machine shows several: who built on another's product comes before it.
pub(super) const RULES: &[Rule] = &[
    rule(Provider::Mmds, AcpiOem, Like::Begins("FIRECK")),
    // An Elastic Compute Cloud of somebody else's, or a machine of Amazon's: on Nitro by its vendor, on Xen by the UUIDs.
    rule(Provider::Aws, SysVendor, Like::Is("Amazon EC2")),
    rule(Provider::Aws, BoardAssetTag, Like::InstanceId),
    rule(Provider::Aws, HypervisorUuid, Like::Begins("ec2")),
    rule(Provider::Aws, ProductUuid, Like::Ec2Uuid),
    rule(Provider::Gcp, ProductName, Like::Is("Google Compute Engine")),
    rule(Provider::Gcp, ProductSerial, Like::Begins("GoogleCloud-")),
    rule(Provider::Azure, ChassisAssetTag, Like::Is("7783-7084-3265-9085-8269-3286-77")),
    rule(Provider::DigitalOcean, SysVendor, Like::Is("DigitalOcean")),
    rule(Provider::Hetzner, SysVendor, Like::Is("Hetzner")),
    rule(Provider::Vultr, SysVendor, Like::Is("Vultr")),
    rule(Provider::Vultr, Word, Like::Is("vultr")),
    rule(Provider::Scaleway, SysVendor, Like::Is("Scaleway")),
    rule(Provider::Scaleway, Word, Like::Is("scaleway")),
    rule(Provider::Oracle, ChassisAssetTag, Like::Is("OracleCloud.com")),
    rule(Provider::Ibm, ChassisAssetTag, Like::Begins("ibmcloud")),
    rule(Provider::Alibaba, ProductName, Like::Is("Alibaba Cloud ECS")),
    rule(Provider::Exoscale, ProductName, Like::Begins("Exoscale")),
    rule(Provider::CloudStack, ProductName, Like::Begins("CloudStack")),
    rule(Provider::Akamai, SysVendor, Like::Is("Akamai")),
    rule(Provider::Akamai, SysVendor, Like::Is("Linode")),
    rule(Provider::UpCloud, SysVendor, Like::Is("UpCloud")),
    rule(Provider::OpenStack, ProductName, Like::Is("OpenStack Nova")),
    rule(Provider::OpenStack, ProductName, Like::Is("OpenStack Compute")),
    rule(Provider::OpenStack, ChassisAssetTag, Like::Is("OpenStack Nova")),
    rule(Provider::OpenStack, ChassisAssetTag, Like::Is("OpenStack Compute")),
    rule(Provider::OpenStack, ChassisAssetTag, Like::Is("OpenTelekomCloud")),
    rule(Provider::OpenStack, ChassisAssetTag, Like::Is("SAP CCloud VM")),
    rule(Provider::OpenStack, ChassisAssetTag, Like::Is("HUAWEICLOUD")),
    rule(Provider::OpenStack, ChassisAssetTag, Like::Is("Samsung Cloud Platform")),
    // Its seeds are disks, and they come late.
    rule(Provider::NoCloud, SysVendor, Like::Is("KubeVirt")),
    // Its words come through a port of the processor, which is not asked here.
    other("vmware", ProductName, Like::Begins("VMware")),
    other("vmware", SysVendor, Like::Begins("VMware")),
    other("vmware", Hypervisor, Like::Is("VMwareVMware")),
];
