use std::collections::BTreeMap;

use super::*;

/// Files as a disk would have them.
struct Folder(BTreeMap<&'static str, Vec<u8>>);

impl Files for Folder {
    fn file(&mut self, path: &str) -> Result<Option<Vec<u8>>, MediaError> {
        match self.0.get(path) {
            Some(content) if content == BROKEN => Err(MediaError::Spent),
            content => Ok(content.cloned()),
        }
    }
}

/// The content of a file that cannot be read.
const BROKEN: &[u8] = b"\0broken";

fn said(seed: Seed, files: &[(&'static str, &str)]) -> Facts {
    let files = files.iter().map(|(name, content)| (*name, content.as_bytes().to_vec()));
    facts(&mut Folder(files.collect()), seed)
}

fn attributes(said: &Facts) -> Vec<(&str, &str)> {
    said.attributes.iter().map(|(name, value)| (*name, value.as_str())).collect()
}

#[test]
fn no_cloud_says_what_its_four_files_do() {
    let said = said(
        Seed::NoCloud,
        &[
            ("user-data", "#cloud-config\n"),
            ("meta-data", "instance-id: i-1\nlocal-hostname: web-1\npublic-keys:\n  - ssh-rsa A\n  - ssh-rsa B\n"),
            ("network-config", "version: 2\n"),
            ("vendor-data", "v"),
        ],
    );
    assert_eq!(said.left_out, []);
    assert_eq!(said.hostname.as_deref(), Some("web-1"));
    assert_eq!(said.ssh_keys, ["ssh-rsa A", "ssh-rsa B"]);
    assert_eq!(said.user_data.as_deref(), Some(&b"#cloud-config\n"[..]));
    assert_eq!(said.vendor_data.as_deref(), Some(&b"v"[..]));
    assert_eq!(said.network_config.as_deref(), Some(&b"version: 2\n"[..]));
    assert_eq!(attributes(&said), [("instance_id", "i-1"), ("local_hostname", "web-1")]);
}

#[test]
fn keys_come_in_every_form_that_there_is() {
    for (what, keys) in [
        ("a text", "'ssh-rsa A'"),
        ("lines", "|\n  ssh-rsa A\n\n"),
        ("a list", "\n- ssh-rsa A"),
        ("a list in a line", "[\"ssh-rsa A\"]"),
        ("a map", "\n  mine: ssh-rsa A"),
        ("a map of maps", "\n  0:\n    openssh-key: ssh-rsa A"),
    ] {
        let said = said(Seed::NoCloud, &[("meta-data", &format!("public-keys: {keys}\n"))]);
        assert_eq!((&*said.ssh_keys, &*said.left_out), (&["ssh-rsa A".to_owned()][..], &[][..]), "{what}");
    }
}

#[test]
fn a_document_that_cannot_be_read_costs_only_what_it_says() {
    let said = said(
        Seed::NoCloud,
        &[("user-data", "x"), ("meta-data", "a: &x secret\n"), ("vendor-data", "\0broken"), ("network-config", "")],
    );
    let left_out = said.left_out.clone();
    assert_eq!(said, Facts { user_data: Some(b"x".to_vec()), left_out, ..Facts::default() });
    let words: Vec<_> = said.left_out.iter().map(ToString::to_string).collect();
    assert_eq!(
        words,
        [
            "vendor-data: not read: too much of the disk would have to be read",
            "meta-data: not read: line 1: anchors, aliases, tags, folded blocks, directives and further documents are not supported",
        ]
    );
}

#[test]
fn linuxkits_discs_have_user_data_or_else_config() {
    for (what, files, user_data) in [
        ("both", &[("user-data", "a"), ("config", "b")][..], Some("a")),
        ("the second", &[("config", "b")], Some("b")),
        ("the first is empty", &[("user-data", ""), ("config", "b")], Some("b")),
        ("neither", &[("meta-data", "instance-id: x")], None),
    ] {
        let said = said(Seed::Unlabelled, files);
        let facts = Facts { user_data: user_data.map(|text| text.as_bytes().to_vec()), ..Facts::default() };
        assert_eq!(said, facts, "{what}");
    }
}

#[test]
fn a_config_drive_says_what_openstack_does_or_else_what_ec2_does() {
    let openstack = (
        "openstack/latest/meta_data.json",
        r#"{"uuid":"u-1","hostname":"web.local","name":"web","availability_zone":"nova","public_keys":{"a":"ssh-rsa A\n"},
            "keys":[{"type":"ssh","data":"ssh-rsa B","name":"b"},{"type":"x509","data":"C"}],
            "files":[{"path":"/etc/passwd","content_path":"/content/0000"}]}"#,
    );
    let ec2 = (
        "ec2/latest/meta-data.json",
        r#"{"instance-id":"i-1","hostname":"web-e","instance-type":"m1","local-ipv4":"10.0.0.1",
            "placement":{"availability-zone":"z"},"public-keys":{"0":{"openssh-key":"ssh-rsa E"}}}"#,
    );
    let data = [("openstack/latest/user_data", "u"), ("openstack/latest/network_data.json", "{}")];
    let both = said(Seed::ConfigDrive, &[openstack, ec2, data[0], data[1], ("openstack/latest/vendor_data.json", "v")]);
    assert_eq!(both.left_out, []);
    assert_eq!(both.hostname.as_deref(), Some("web.local"));
    assert_eq!(both.ssh_keys, ["ssh-rsa A", "ssh-rsa B"]);
    assert_eq!(attributes(&both), [("availability_zone", "nova"), ("instance_id", "u-1")]);
    let Facts { user_data, vendor_data, network_config, .. } = both;
    assert_eq!([user_data, vendor_data, network_config], [b"u".to_vec(), b"v".to_vec(), b"{}".to_vec()].map(Some));

    let old = said(Seed::ConfigDrive, &[ec2, ("ec2/latest/user-data", "e")]);
    assert_eq!((old.hostname.as_deref(), old.user_data.as_deref()), (Some("web-e"), Some(&b"e"[..])));
    assert_eq!(old.ssh_keys, ["ssh-rsa E"]);
    let expected =
        [("availability_zone", "z"), ("instance_id", "i-1"), ("instance_type", "m1"), ("local_ipv4", "10.0.0.1")];
    assert_eq!(attributes(&old), expected);
}

/// As Azure writes it, its fields shortened.
const OVF_ENV: &str = r#"<?xml version="1.0" encoding="utf-8"?>
<ns0:Environment xmlns="http://schemas.dmtf.org/ovf/environment/1" xmlns:ns0="http://schemas.dmtf.org/ovf/environment/1"
    xmlns:ns1="http://schemas.microsoft.com/windowsazure" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
  <ns1:ProvisioningSection>
    <ns1:Version>1.0</ns1:Version>
    <ns1:LinuxProvisioningConfigurationSet>
      <ns1:ConfigurationSetType>LinuxProvisioningConfiguration</ns1:ConfigurationSetType>
      <ns1:UserName>me</ns1:UserName><ns1:UserPassword>secret</ns1:UserPassword>
      <ns1:DisablePasswordAuthentication>true</ns1:DisablePasswordAuthentication>
      <ns1:HostName>web-1</ns1:HostName>
      <ns1:CustomData>aGVs
        bG8=</ns1:CustomData>
      <ns1:SSH><ns1:PublicKeys>
        <ns1:PublicKey><ns1:Fingerprint>AB</ns1:Fingerprint><ns1:Path>/home/me/.ssh/authorized_keys</ns1:Path><ns1:Value>ssh-rsa A</ns1:Value></ns1:PublicKey>
        <ns1:PublicKey><ns1:Fingerprint>CD</ns1:Fingerprint></ns1:PublicKey>
      </ns1:PublicKeys></ns1:SSH>
    </ns1:LinuxProvisioningConfigurationSet>
  </ns1:ProvisioningSection>
  <ns1:PlatformSettingsSection><ns1:Version>1.0</ns1:Version></ns1:PlatformSettingsSection>
</ns0:Environment>"#;

#[test]
fn azures_document_gives_name_keys_and_custom_data() {
    let good = said(Seed::OvfEnv, &[("ovf-env.xml", OVF_ENV)]);
    assert_eq!(good.left_out, []);
    let facts = Facts {
        hostname: Some("web-1".to_owned()),
        ssh_keys: vec!["ssh-rsa A".to_owned()],
        user_data: Some(b"hello".to_vec()),
        ..Facts::default()
    };
    assert_eq!(good, facts);
    let default =
        OVF_ENV.replace("ns1:", "").replace("<ProvisioningSection", &format!("<ProvisioningSection xmlns=\"{AZURE}\""));
    assert_eq!(said(Seed::OvfEnv, &[("ovf-env.xml", &default)]), facts, "with a default namespace");
    for (what, from, to, why) in [
        (
            "an element twice",
            "<ns1:UserName>",
            "<ns1:HostName>evil</ns1:HostName><ns1:UserName>",
            FileError::Several(Several),
        ),
        (
            "a section twice",
            "<ns1:PlatformSettingsSection>",
            "<ns1:ProvisioningSection/><ns1:PlatformSettingsSection>",
            FileError::Several(Several),
        ),
        (
            "half of it",
            "</ns1:HostName>",
            "",
            FileError::Xml(XmlError { line: 17, problem: crate::xml::Problem::WrongEnd }),
        ),
    ] {
        let bad = said(Seed::OvfEnv, &[("ovf-env.xml", &OVF_ENV.replacen(from, to, 1))]);
        let left_out = vec![LeftOut::new("ovf-env.xml", Why::Unread(why))];
        assert_eq!(bad, Facts { left_out, ..Facts::default() }, "{what}");
    }
    let bad = said(Seed::OvfEnv, &[("ovf-env.xml", &OVF_ENV.replacen("aGVs", "!", 1))]);
    assert_eq!(bad.left_out, [LeftOut::new("userdata", Why::Base64)]);
    let foreign = OVF_ENV.replace("windowsazure", "windowsazure2");
    assert_eq!(said(Seed::OvfEnv, &[("ovf-env.xml", &foreign)]), Facts::default());
}

const AZURE: &str = "http://schemas.microsoft.com/windowsazure";

#[test]
fn a_label_says_what_a_disk_holds_whatever_its_capitals() {
    for (label, seed) in [
        ("cidata", Some(Seed::NoCloud)),
        ("CIDATA", Some(Seed::NoCloud)),
        ("config-2", Some(Seed::ConfigDrive)),
        ("CONFIG-2", Some(Seed::ConfigDrive)),
        ("rd_rdfe_stable.170726-1523", Some(Seed::OvfEnv)),
        ("config-1", None),
        ("cidata2", None),
        ("", None),
    ] {
        assert_eq!(labelled(label), seed, "{label:?}");
    }
}
