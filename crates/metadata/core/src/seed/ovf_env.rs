//! Azure's disk: one document, `ovf-env.xml`. It has passwords in it as well, which are not looked at.

use super::Reading;
use crate::xml::{Element, Several};

const FILE: &str = "ovf-env.xml";

/// The namespace that all of it is in, but for the root.
const AZURE: &str = "http://schemas.microsoft.com/windowsazure";

/// The document.
pub(super) fn read(from: &mut Reading<'_>) {
    let Some(root) = from.document(FILE, Element::parse) else { return };
    let found = provisioning(&root);
    let Some(Provisioning { hostname, custom_data, keys }) = from.read(FILE, found) else { return };
    from.facts.hostname = hostname.map(str::to_owned);
    from.facts.ssh_keys = keys;
    if let Some(custom_data) = custom_data {
        from.facts.encoded_user_data(custom_data.as_bytes());
    }
}

/// What is wanted of the document.
#[derive(Default)]
struct Provisioning<'a> {
    hostname: Option<&'a str>,
    custom_data: Option<&'a str>,
    keys: Vec<String>,
}

/// All that is wanted, or nothing: two elements of one name make the document worthless.
fn provisioning(root: &Element) -> Result<Provisioning<'_>, Several> {
    let Some(set) = descend(root, &["ProvisioningSection", "LinuxProvisioningConfigurationSet"])? else {
        return Ok(Provisioning::default());
    };
    let mut keys = Vec::new();
    if let Some(list) = descend(set, &["SSH", "PublicKeys"])? {
        for key in list.all(AZURE, "PublicKey") {
            // Some have only a fingerprint: the key itself is then asked for elsewhere.
            keys.extend(text_of(key, "Value")?.map(str::to_owned));
        }
    }
    Ok(Provisioning { hostname: text_of(set, "HostName")?, custom_data: text_of(set, "CustomData")?, keys })
}

/// The element at the end of a path, each of its elements the only one of its name.
fn descend<'a>(from: &'a Element, path: &[&str]) -> Result<Option<&'a Element>, Several> {
    path.iter().try_fold(Some(from), |here, name| here.map_or(Ok(None), |here| here.one(AZURE, name)))
}

/// The text of the only element of this name, when there is any.
fn text_of<'a>(from: &'a Element, name: &str) -> Result<Option<&'a str>, Several> {
    Ok(from.one(AZURE, name)?.map(|found| found.text.trim()).filter(|text| !text.is_empty()))
}
