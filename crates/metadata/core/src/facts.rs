use std::collections::BTreeMap;

/// What a machine was told about itself, as its source said it: nothing is validated yet.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Facts {
    /// Its name.
    pub hostname: Option<String>,
    /// Keys of who may log in, a line of `authorized_keys` each.
    pub ssh_keys: Vec<String>,
    /// What its owner wants it to know, decoded where the provider's own rules say that it is encoded, and not unpacked.
    pub user_data: Option<Vec<u8>>,
    /// What the provider adds to that.
    pub vendor_data: Option<Vec<u8>>,
    /// How its network is to be configured, as the provider's own document.
    pub network_config: Option<Vec<u8>>,
    /// Single facts by the names of the files that LinuxKit writes them to: `instance_id`, `public_ipv4`.
    pub attributes: BTreeMap<&'static str, String>,
}
