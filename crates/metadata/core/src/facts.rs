use std::collections::BTreeMap;

use crate::base64;
use crate::json::Json;
use crate::left_out::{LeftOut, Why};

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
    /// What the source said and could not be used.
    pub left_out: Vec<LeftOut>,
}

impl Facts {
    /// Whether nothing was said that can be used.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let Self { hostname, ssh_keys, user_data, vendor_data, network_config, attributes, left_out: _ } = self;
        let documents = [user_data, vendor_data, network_config];
        hostname.is_none() && ssh_keys.is_empty() && documents.into_iter().all(Option::is_none) && attributes.is_empty()
    }

    /// Keeps a single fact, if there is one.
    pub fn attribute(&mut self, name: &'static str, value: Option<impl Into<String>>) {
        if let Some(value) = value.map(Into::into).filter(|value: &String| !value.is_empty()) {
            self.attributes.insert(name, value);
        }
    }

    /// Keeps the single facts that a document has at these paths, by the names of their files.
    pub fn attributes_of(&mut self, document: &Json, paths: &[(&[&str], &'static str)]) {
        for (path, name) in paths {
            self.attribute(name, document.text(path));
        }
    }

    /// Takes user data that have to be base64; as they are, if they are none.
    pub fn encoded_user_data(&mut self, text: &[u8]) {
        if text.trim_ascii().is_empty() {
            return;
        }
        let decoded = base64::decode(text);
        if decoded.is_none() {
            self.left_out.push(LeftOut::new("userdata", Why::Base64));
        }
        self.user_data = Some(decoded.unwrap_or_else(|| text.to_vec()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fact_alone_is_something() {
        let none = Facts::default;
        assert!(none().is_empty());
        assert!(Facts { left_out: vec![LeftOut::new("userdata", Why::Base64)], ..none() }.is_empty(), "no fact");
        let mut single = none();
        single.attribute("id", Some("7"));
        for (what, facts) in [
            ("a hostname", Facts { hostname: Some("web-1".to_owned()), ..none() }),
            ("a key", Facts { ssh_keys: vec!["ssh-rsa A".to_owned()], ..none() }),
            ("user data", Facts { user_data: Some(vec![1]), ..none() }),
            ("vendor data", Facts { vendor_data: Some(vec![1]), ..none() }),
            ("a network", Facts { network_config: Some(vec![1]), ..none() }),
            ("a single fact", single),
        ] {
            assert!(!facts.is_empty(), "{what}");
        }
    }
}
