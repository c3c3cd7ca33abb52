use orlop_wire::MaxSize;
use serde::{Deserialize, Serialize};

/// Where a machine runs, as far as its metadata goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, MaxSize)]
pub enum Provider {
    /// Amazon EC2.
    Aws,
    /// Google Compute Engine.
    Gcp,
    /// Microsoft Azure.
    Azure,
    /// OpenStack, by HTTP.
    OpenStack,
    /// DigitalOcean.
    DigitalOcean,
    /// Hetzner Cloud.
    Hetzner,
    /// Vultr.
    Vultr,
    /// Scaleway.
    Scaleway,
    /// Oracle Cloud.
    Oracle,
    /// IBM Cloud VPC, by HTTP.
    Ibm,
    /// Alibaba Cloud.
    Alibaba,
    /// Exoscale.
    Exoscale,
    /// CloudStack.
    CloudStack,
    /// Akamai, formerly Linode.
    Akamai,
    /// UpCloud.
    UpCloud,
    /// Firecracker's microVM metadata service.
    Mmds,
    /// A disk labelled `cidata`, or what stands for one.
    NoCloud,
    /// A disk labelled `config-2`.
    ConfigDrive,
    /// A compact disc without a label of any of these: what LinuxKit's `run -data` makes.
    Cdrom,
}

impl Provider {
    /// Each of them, in the order in which users are told of them.
    pub const ALL: [Self; 19] = [
        Self::Aws,
        Self::Gcp,
        Self::Azure,
        Self::OpenStack,
        Self::DigitalOcean,
        Self::Hetzner,
        Self::Vultr,
        Self::Scaleway,
        Self::Oracle,
        Self::Ibm,
        Self::Alibaba,
        Self::Exoscale,
        Self::CloudStack,
        Self::Akamai,
        Self::UpCloud,
        Self::Mmds,
        Self::NoCloud,
        Self::ConfigDrive,
        Self::Cdrom,
    ];

    /// Whether it is a disk, and nobody who could be asked.
    #[must_use]
    pub const fn is_on_disk(self) -> bool {
        matches!(self, Self::NoCloud | Self::ConfigDrive | Self::Cdrom)
    }

    /// By which users name it, on the command line and in configurations. LinuxKit's, where it has one.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Aws => "aws",
            Self::Gcp => "gcp",
            Self::Azure => "azure",
            Self::OpenStack => "openstack",
            Self::DigitalOcean => "digitalocean",
            Self::Hetzner => "hetzner",
            Self::Vultr => "vultr",
            Self::Scaleway => "scaleway",
            Self::Oracle => "oracle",
            Self::Ibm => "ibm",
            Self::Alibaba => "alibaba",
            Self::Exoscale => "exoscale",
            Self::CloudStack => "cloudstack",
            Self::Akamai => "akamai",
            Self::UpCloud => "upcloud",
            Self::Mmds => "mmds",
            Self::NoCloud => "nocloud",
            Self::ConfigDrive => "configdrive",
            Self::Cdrom => "cdrom",
        }
    }

    /// What stands in `/run/config/provider`: LinuxKit's words where it has any, the name otherwise. LinuxKit writes the device
    /// behind `CDROM`.
    #[must_use]
    pub const fn said(self) -> &'static str {
        match self {
            Self::Aws => "AWS",
            Self::Gcp => "GCP",
            Self::DigitalOcean => "DigitalOcean",
            Self::Hetzner => "Hetzner",
            Self::Vultr => "Vultr",
            Self::Scaleway => "Scaleway",
            Self::NoCloud | Self::Cdrom => "CDROM",
            Self::Azure
            | Self::OpenStack
            | Self::Oracle
            | Self::Ibm
            | Self::Alibaba
            | Self::Exoscale
            | Self::CloudStack
            | Self::Akamai
            | Self::UpCloud
            | Self::Mmds
            | Self::ConfigDrive => self.name(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_differ_and_linuxkits_are_kept() {
        let names: std::collections::BTreeSet<_> = Provider::ALL.iter().map(|provider| provider.name()).collect();
        assert_eq!(names.len(), Provider::ALL.len());
        for kept in ["aws", "gcp", "hetzner", "openstack", "scaleway", "vultr", "digitalocean", "cdrom"] {
            assert!(names.contains(kept), "{kept}");
        }
        assert_eq!(Provider::OpenStack.said(), "openstack");
        assert_eq!(Provider::Aws.said(), "AWS");
    }
}
