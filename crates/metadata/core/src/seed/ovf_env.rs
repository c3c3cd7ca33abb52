//! Azure's disk: one document, `ovf-env.xml`. It has passwords in it as well, which are not looked at.

use super::{FileError, Said, decoded};
use crate::media::Files;
use crate::xml::{Element, Several};

pub(super) const FILE: &str = "ovf-env.xml";

/// The namespace that all of it is in, but for the root.
const AZURE: &str = "http://schemas.microsoft.com/windowsazure";

/// The document.
pub(super) fn read(said: &mut Said, files: &mut dyn Files) {
    let Some(root) = said.document(files, FILE, Element::parse) else { return };
    let found = provisioning(said, &root);
    let _nothing = said.unless_unread(FILE, found);
}

fn provisioning(said: &mut Said, root: &Element) -> Result<(), FileError> {
    let Some(set) = descend(root, &["ProvisioningSection", "LinuxProvisioningConfigurationSet"])? else {
        return Ok(());
    };
    let text = |name| Ok::<_, Several>(set.one(AZURE, name)?.map(|it| it.text.trim()).filter(|text| !text.is_empty()));
    // All of it, before any of it is kept: two elements of one name make the document worthless.
    let (hostname, custom_data) = (text("HostName")?, text("CustomData")?);
    let mut keys = Vec::new();
    if let Some(list) = descend(set, &["SSH", "PublicKeys"])? {
        for key in list.all(AZURE, "PublicKey") {
            // Some have only a fingerprint: the key itself is then asked for elsewhere.
            keys.extend(key.one(AZURE, "Value")?.map(|value| value.text.trim().to_owned()));
        }
    }
    said.facts.hostname = hostname.map(str::to_owned);
    said.facts.ssh_keys = keys.into_iter().filter(|key| !key.is_empty()).collect();
    said.facts.user_data = custom_data.map(decoded).transpose()?;
    Ok(())
}

/// The element at the end of a path, each of its elements the only one of its name.
fn descend<'a>(from: &'a Element, path: &[&str]) -> Result<Option<&'a Element>, Several> {
    path.iter().try_fold(Some(from), |here, name| here.map_or(Ok(None), |here| here.one(AZURE, name)))
}

impl From<Several> for FileError {
    fn from(Several: Several) -> Self {
        Self::Several
    }
}
