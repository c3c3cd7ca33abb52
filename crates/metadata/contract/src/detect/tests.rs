use super::*;
use crate::Provider;

fn found(signs: &[(Sign, &str)]) -> Vec<Platform> {
    let mut all = Signs::default();
    signs.iter().for_each(|(sign, text)| all.add(*sign, text));
    detect(&all).into_iter().map(|finding| finding.platform).collect()
}

/// What the firmware of each says, as ds-identify's tests and the providers' pages have it.
#[test]
fn each_platform_is_known_by_what_its_firmware_says() {
    use Sign::{
        AcpiOem, BoardAssetTag, ChassisAssetTag, HypervisorUuid, ProductName, ProductSerial, ProductUuid, SysVendor,
        Word,
    };
    for (what, sign, text, provider) in [
        ("Nitro", SysVendor, "Amazon EC2", Provider::Aws),
        ("Nitro, bare metal", BoardAssetTag, "i-0123456789abcdef0", Provider::Aws),
        ("Xen", HypervisorUuid, "ec2ae643-9e41-50b4-bf6a-6c0fba2a2d43", Provider::Aws),
        ("Xen, by its UUID", ProductUuid, "EC23AEF5-54BE-4843-8D24-8C819F88453E", Provider::Aws),
        ("Xen, the other order", ProductUuid, "45E12AEC-DCD1-B213-94ED-012345678910", Provider::Aws),
        ("GCE", ProductName, "Google Compute Engine", Provider::Gcp),
        ("GCE, metal", ProductSerial, "GoogleCloud-8f2e88f", Provider::Gcp),
        ("Azure", ChassisAssetTag, "7783-7084-3265-9085-8269-3286-77", Provider::Azure),
        ("DigitalOcean", SysVendor, "DigitalOcean", Provider::DigitalOcean),
        ("Hetzner", SysVendor, "Hetzner", Provider::Hetzner),
        ("Vultr", SysVendor, "Vultr", Provider::Vultr),
        ("Vultr, by its word", Word, "vultr", Provider::Vultr),
        ("Scaleway", SysVendor, "Scaleway", Provider::Scaleway),
        ("Scaleway, by its word", Word, "scaleway", Provider::Scaleway),
        ("Oracle", ChassisAssetTag, "OracleCloud.com", Provider::Oracle),
        ("Alibaba", ProductName, "Alibaba Cloud ECS", Provider::Alibaba),
        ("Exoscale", ProductName, "Exoscale Compute Platform", Provider::Exoscale),
        ("CloudStack", ProductName, "CloudStack KVM Hypervisor", Provider::CloudStack),
        ("Akamai", SysVendor, "Akamai", Provider::Akamai),
        ("Linode", SysVendor, "Linode", Provider::Akamai),
        ("UpCloud", SysVendor, "UpCloud", Provider::UpCloud),
        ("OpenStack", ProductName, "OpenStack Nova", Provider::OpenStack),
        ("OpenStack, by its chassis", ChassisAssetTag, "OpenStack Compute", Provider::OpenStack),
        ("Open Telekom Cloud", ChassisAssetTag, "OpenTelekomCloud", Provider::OpenStack),
        ("SAP", ChassisAssetTag, "SAP CCloud VM", Provider::OpenStack),
        ("Huawei", ChassisAssetTag, "HUAWEICLOUD", Provider::OpenStack),
        ("Samsung", ChassisAssetTag, "Samsung Cloud Platform", Provider::OpenStack),
        ("Firecracker", AcpiOem, "FIRECK", Provider::Mmds),
        ("KubeVirt", SysVendor, "KubeVirt", Provider::NoCloud),
        ("a serial number", ProductSerial, "ds=nocloud;h=web", Provider::NoCloud),
    ] {
        assert_eq!(found(&[(sign, text)]), [Platform::Of(provider)], "{what}");
    }
    assert_eq!(found(&[(SysVendor, "VMware, Inc."), (ProductName, "VMware7,1")]), [Platform::Other("vmware")]);
}

#[test]
fn what_is_only_like_it_gives_nothing_away() {
    use Sign::{BoardAssetTag, ChassisAssetTag, ProductName, ProductSerial, ProductUuid, SysVendor, Word};
    for (sign, text) in [
        (SysVendor, "QEMU"),
        (SysVendor, "Amazon EC2 by another"),
        (BoardAssetTag, "i-"),
        (BoardAssetTag, "i-node"),
        (ProductUuid, "45E12AED-DCD1-B213-94ED-012345678910"),
        (ProductUuid, "45E13AEC-DCD1-B213-94ED-012345678910"),
        (ProductUuid, "2AEC"),
        (ProductUuid, "3EC20000-DCD1-B213-94ED-012345678910"),
        (ProductName, "Amazon EC2"),
        (ProductSerial, "7783-7084-3265-9085-8269-3286-77"),
        (ChassisAssetTag, ""),
        (Word, "vultrx"),
    ] {
        assert_eq!(found(&[(sign, text)]), [], "{text}");
    }
}

#[test]
fn what_whoever_started_it_says_comes_before_what_the_firmware_says_and_nothing_is_told_twice() {
    let signs = [
        (Sign::SysVendor, "Amazon EC2"),
        (Sign::BoardAssetTag, "i-0123456789abcdef0\n"),
        (Sign::Word, "ds=nocloud"),
        (Sign::ProductName, "OpenStack Nova"),
    ];
    let want = [Provider::NoCloud, Provider::Aws, Provider::OpenStack].map(Platform::Of);
    assert_eq!(found(&signs), want);
    let mut all = Signs::default();
    all.add(Sign::SysVendor, " Amazon EC2\n\0");
    all.add(Sign::SysVendor, "\n");
    assert_eq!(all.iter().collect::<Vec<_>>(), [(Sign::SysVendor, "Amazon EC2")]);
    let [finding] = &detect(&all)[..] else { panic!("one finding") };
    assert_eq!((finding.sign.name(), finding.text.as_str()), ("sys_vendor", "Amazon EC2"));
}
