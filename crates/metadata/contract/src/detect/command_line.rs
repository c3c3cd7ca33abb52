//! What the kernel's command line, or the firmware in its words, says about where metadata come from.

use super::{Platform, Sign};
use crate::Provider;

/// Reads words of it.
#[derive(Debug)]
pub struct CommandLine;

/// Words that whoever started the machine gives it, by which other programs for the same are told.
const KEYS: [&str; 4] = ["ds=", "ci.ds=", "ci.datasource=", "ignition.platform.id="];

/// How those programs call what we call otherwise.
const OTHER_NAMES: [(&str, Provider); 12] = [
    ("ec2", Provider::Aws),
    ("gce", Provider::Gcp),
    ("googlecloud", Provider::Gcp),
    ("nocloud-net", Provider::NoCloud),
    ("proxmoxve", Provider::NoCloud),
    ("kubevirt", Provider::NoCloud),
    ("config-drive", Provider::ConfigDrive),
    ("ibmcloud", Provider::Ibm),
    ("aliyun", Provider::Alibaba),
    ("linode", Provider::Akamai),
    ("powervs", Provider::ConfigDrive),
    ("ibmcloud-classic", Provider::ConfigDrive),
];

impl CommandLine {
    /// The words of a command line: what is between double quotes is part of one.
    pub fn words(line: &str) -> impl Iterator<Item = String> {
        let mut is_quoted = false;
        let words = line.split(move |c: char| {
            is_quoted ^= c == '"';
            c.is_whitespace() && !is_quoted
        });
        words.map(|word| word.replace('"', "")).filter(|word| !word.is_empty())
    }

    /// The platform that such a word names. NoCloud is also named in the serial number of the machine.
    pub(super) fn platform_of(sign: Sign, text: &str) -> Option<Platform> {
        let keys: &[&str] = match sign {
            Sign::Word => &KEYS,
            Sign::ProductSerial | Sign::OemString => &["ds="],
            Sign::SysVendor
            | Sign::ProductName
            | Sign::ProductUuid
            | Sign::ChassisAssetTag
            | Sign::BoardAssetTag
            | Sign::HypervisorUuid
            | Sign::AcpiOem
            | Sign::Hypervisor => return None,
        };
        let value = keys.iter().find_map(|key| text.strip_prefix(key))?;
        let name = value.split(';').next().unwrap_or_default().to_ascii_lowercase();
        let other = OTHER_NAMES.iter().find(|(other, _)| *other == name).map(|(_, provider)| *provider);
        let provider = other.or_else(|| Provider::ALL.into_iter().find(|provider| provider.name() == name))?;
        Some(Platform::Of(provider))
    }
}

/// By which NoCloud's word says where its files are.
const SEED_KEYS: [&str; 2] = ["s=", "seedfrom="];

impl CommandLine {
    /// Where NoCloud's files are to be had, in a word that names NoCloud: `ds=nocloud;s=http://192.0.2.1/`. An empty one is none.
    pub(super) fn seed_of(sign: Sign, text: &str) -> Option<&str> {
        let platform = Self::platform_of(sign, text)?;
        let mut parts = text.split(';').skip(1);
        let seed = parts.find_map(|part| SEED_KEYS.iter().find_map(|key| part.strip_prefix(key)));
        seed.filter(|seed| !seed.is_empty() && platform == Platform::Of(Provider::NoCloud))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_end_at_white_space_that_is_not_quoted() {
        let words: Vec<String> = CommandLine::words("quiet  ds=nocloud;h=a \"dyndbg=a b\" x=\"c d\"\n").collect();
        assert_eq!(words, ["quiet", "ds=nocloud;h=a", "dyndbg=a b", "x=c d"]);
    }

    #[test]
    fn only_the_word_of_no_cloud_says_where_its_files_are() {
        for (sign, text, want) in [
            (Sign::Word, "ds=nocloud;s=http://192.0.2.1/", Some("http://192.0.2.1/")),
            (Sign::Word, "ds=nocloud-net;h=web;seedfrom=http://192.0.2.1/", Some("http://192.0.2.1/")),
            (Sign::ProductSerial, "ds=nocloud;s=http://192.0.2.1/", Some("http://192.0.2.1/")),
            (Sign::OemString, "ds=nocloud;s=http://192.0.2.1/", Some("http://192.0.2.1/")),
            (Sign::ProductName, "ds=nocloud;s=http://192.0.2.1/", None),
            (Sign::Word, "ds=openstack;s=http://192.0.2.1/", None),
            (Sign::Word, "ds=nocloud;s=", None),
            (Sign::Word, "ds=nocloud;h=s=x", None),
            (Sign::Word, "ds=nocloud", None),
        ] {
            assert_eq!(CommandLine::seed_of(sign, text), want, "{text}");
        }
    }

    #[test]
    fn only_words_that_say_where_metadata_come_from_name_a_platform() {
        for (sign, text, want) in [
            (Sign::Word, "ds=nocloud;s=http://192.0.2.1/", Some(Provider::NoCloud)),
            (Sign::Word, "ci.ds=Ec2", Some(Provider::Aws)),
            (Sign::Word, "ci.datasource=OpenStack", Some(Provider::OpenStack)),
            (Sign::Word, "ignition.platform.id=gcp", Some(Provider::Gcp)),
            (Sign::Word, "ds=", None),
            (Sign::Word, "ds=elsewhere", None),
            (Sign::Word, "rds=aws", None),
            (Sign::Word, "aws", None),
            (Sign::ProductSerial, "ds=nocloud;h=a", Some(Provider::NoCloud)),
            (Sign::ProductSerial, "ci.ds=aws", None),
            (Sign::ProductName, "ds=nocloud", None),
        ] {
            assert_eq!(CommandLine::platform_of(sign, text), want.map(Platform::Of), "{text}");
        }
    }
}
