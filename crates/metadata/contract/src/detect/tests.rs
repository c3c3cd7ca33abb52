use super::Sign::{
    AcpiOem, BoardAssetTag, ChassisAssetTag, Hypervisor, HypervisorUuid, ProductName, ProductSerial, ProductUuid,
    SysVendor, Word,
};
use super::rules::Rule;
use super::*;
use crate::Provider;

fn found(signs: &[(Sign, &str)]) -> Vec<Platform> {
    let mut all = Signs::default();
    signs.iter().for_each(|(sign, text)| all.add(*sign, text));
    detect(&all).into_iter().map(|finding| finding.platform).collect()
}

const fn of(provider: Provider) -> Platform {
    Platform::Of(provider)
}

/// What the firmware of each says, as ds-identify's tests and the providers' pages have it.
const SAID: [(&str, Sign, &str, Platform); 36] = [
    ("Nitro", SysVendor, "Amazon EC2", of(Provider::Aws)),
    ("Nitro, bare metal", BoardAssetTag, "i-0123456789abcdef0", of(Provider::Aws)),
    ("Xen", HypervisorUuid, "ec2ae643-9e41-50b4-bf6a-6c0fba2a2d43", of(Provider::Aws)),
    ("Xen, by its UUID", ProductUuid, "EC23AEF5-54BE-4843-8D24-8C819F88453E", of(Provider::Aws)),
    ("Xen, the other order", ProductUuid, "45E12AEC-DCD1-B213-94ED-012345678910", of(Provider::Aws)),
    ("GCE", ProductName, "Google Compute Engine", of(Provider::Gcp)),
    ("GCE, metal", ProductSerial, "GoogleCloud-8f2e88f", of(Provider::Gcp)),
    ("Azure", ChassisAssetTag, "7783-7084-3265-9085-8269-3286-77", of(Provider::Azure)),
    ("DigitalOcean", SysVendor, "DigitalOcean", of(Provider::DigitalOcean)),
    ("Hetzner", SysVendor, "Hetzner", of(Provider::Hetzner)),
    ("Vultr", SysVendor, "Vultr", of(Provider::Vultr)),
    ("Vultr, by its word", Word, "vultr", of(Provider::Vultr)),
    ("Scaleway", SysVendor, "Scaleway", of(Provider::Scaleway)),
    ("Scaleway, by its word", Word, "scaleway", of(Provider::Scaleway)),
    ("Oracle", ChassisAssetTag, "OracleCloud.com", of(Provider::Oracle)),
    ("IBM", ChassisAssetTag, "ibmcloud-vpc", of(Provider::Ibm)),
    ("Alibaba", ProductName, "Alibaba Cloud ECS", of(Provider::Alibaba)),
    ("Exoscale", ProductName, "Exoscale Compute Platform", of(Provider::Exoscale)),
    ("CloudStack", ProductName, "CloudStack KVM Hypervisor", of(Provider::CloudStack)),
    ("Akamai", SysVendor, "Akamai", of(Provider::Akamai)),
    ("Linode", SysVendor, "Linode", of(Provider::Akamai)),
    ("UpCloud", SysVendor, "UpCloud", of(Provider::UpCloud)),
    ("OpenStack", ProductName, "OpenStack Nova", of(Provider::OpenStack)),
    ("OpenStack, the other word", ProductName, "OpenStack Compute", of(Provider::OpenStack)),
    ("OpenStack, by its chassis", ChassisAssetTag, "OpenStack Compute", of(Provider::OpenStack)),
    ("OpenStack, by its chassis, the other word", ChassisAssetTag, "OpenStack Nova", of(Provider::OpenStack)),
    ("Open Telekom Cloud", ChassisAssetTag, "OpenTelekomCloud", of(Provider::OpenStack)),
    ("SAP", ChassisAssetTag, "SAP CCloud VM", of(Provider::OpenStack)),
    ("Huawei", ChassisAssetTag, "HUAWEICLOUD", of(Provider::OpenStack)),
    ("Samsung", ChassisAssetTag, "Samsung Cloud Platform", of(Provider::OpenStack)),
    ("Firecracker", AcpiOem, "FIRECK", of(Provider::Mmds)),
    ("KubeVirt", SysVendor, "KubeVirt", of(Provider::NoCloud)),
    ("a serial number", ProductSerial, "ds=nocloud;h=web", of(Provider::NoCloud)),
    ("VMware", ProductName, "VMware7,1", Platform::Other("vmware")),
    ("VMware, by its vendor", SysVendor, "VMware, Inc.", Platform::Other("vmware")),
    ("VMware, by its processor", Hypervisor, "VMwareVMware", Platform::Other("vmware")),
];

#[test]
fn a_platform_is_called_by_its_name() {
    let called = [of(Provider::Gcp), Platform::Other("vmware")].map(|platform| platform.to_string());
    assert_eq!(called, [Provider::Gcp.name(), "vmware"]);
}

#[test]
fn each_platform_is_known_by_what_its_firmware_says() {
    for (what, sign, text, platform) in SAID {
        assert_eq!(found(&[(sign, text)]), [platform], "{what}");
    }
    assert_eq!(found(&[(SysVendor, "VMware, Inc."), (ProductName, "VMware7,1")]), [Platform::Other("vmware")]);
}

#[test]
fn each_rule_is_one_by_which_a_platform_was_known() {
    for (at, Rule { platform, sign, like }) in RULES.iter().enumerate() {
        let is_known = |row: &(&str, Sign, &str, Platform)| row.1 == *sign && like.fits(row.2) && row.3 == *platform;
        assert!(SAID.iter().any(is_known), "rule {at}: {platform} by its {}", sign.name());
    }
}

#[test]
fn what_is_only_like_it_gives_nothing_away() {
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

#[test]
fn where_a_seed_is_the_command_line_says_before_the_firmware_and_a_name_is_never_looked_up() {
    let seed = |all: &[(Sign, &str)]| {
        let mut signs = Signs::default();
        all.iter().for_each(|(sign, text)| signs.add(*sign, text));
        signs.seed().map(|seed| seed.map(|at| at.addr.get().to_string()).map_err(|(url, why)| (url.to_owned(), why)))
    };
    let (serial, word) = ("ds=nocloud;s=http://192.0.2.1/", "ds=nocloud;s=http://192.0.2.2/");
    assert_eq!(seed(&[(ProductSerial, serial), (Word, word)]), Some(Ok("192.0.2.2".to_owned())));
    assert_eq!(seed(&[(ProductSerial, serial), (Word, "ds=nocloud")]), Some(Ok("192.0.2.1".to_owned())));
    assert_eq!(seed(&[(Word, "ds=nocloud")]), None);
    let named = seed(&[(Word, "ds=nocloud;s=http://seed.example.com/")]);
    assert_eq!(named, Some(Err(("http://seed.example.com/".to_owned(), NotAsked::NoAddress))));
}
