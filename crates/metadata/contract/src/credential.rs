//! User data that whoever started a virtual machine has put into its firmware, by the way of systemd's credentials: in a string of
//! SMBIOS type 11, as text or in base64, or in a file of QEMU's fw_cfg (systemd.exec(5), "Credentials").

/// The credential that is user data.
pub const CREDENTIAL: &str = "orlop.userdata";

/// User data as they were found, still encoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Where, as it stands in `/run/config/provider`.
    pub source: String,
    /// What was there.
    pub content: Vec<u8>,
    /// Whether that is base64.
    pub is_base64: bool,
}

/// What a string of SMBIOS type 11 is, if it is a credential of anybody's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credential<'s> {
    /// The user data.
    UserData(Document),
    /// Somebody else's, of which only this may be shown: its value is nobody's business.
    Other(&'s str),
}

impl<'s> Credential<'s> {
    /// Reads `io.systemd.credential:NAME=TEXT` and `io.systemd.credential.binary:NAME=BASE64`.
    #[must_use]
    pub fn of(string: &'s str) -> Option<Self> {
        let rest = string.strip_prefix("io.systemd.credential")?;
        let (kind, value) = rest.split_once(':')?;
        let (name, value) = value.split_once('=').unwrap_or((value, ""));
        let document = |is_base64| Document { source: SMBIOS.to_owned(), content: value.into(), is_base64 };
        Some(match kind {
            "" if name == CREDENTIAL => Self::UserData(document(false)),
            ".binary" if name == CREDENTIAL => Self::UserData(document(true)),
            _ => Self::Other(string.split('=').next().unwrap_or_default()),
        })
    }
}

/// How this source is called.
const SMBIOS: &str = "SMBIOS";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_data_are_one_credential_and_the_value_of_no_other_is_kept() {
        let user_data = |text: &str, is_base64| {
            let document = Document { source: "SMBIOS".to_owned(), content: text.into(), is_base64 };
            Some(Credential::UserData(document))
        };
        for (string, want) in [
            ("io.systemd.credential:orlop.userdata=a=b", user_data("a=b", false)),
            ("io.systemd.credential.binary:orlop.userdata=YT1i", user_data("YT1i", true)),
            ("io.systemd.credential:orlop.userdata", user_data("", false)),
            (
                "io.systemd.credential:passwd.hashed-password.root=secret",
                Some(Credential::Other("io.systemd.credential:passwd.hashed-password.root")),
            ),
            (
                "io.systemd.credential.other:orlop.userdata=secret",
                Some(Credential::Other("io.systemd.credential.other:orlop.userdata")),
            ),
            ("io.systemd.credential", None),
            ("ds=nocloud;s=http://192.0.2.1/", None),
        ] {
            assert_eq!(Credential::of(string), want, "{string}");
        }
    }
}
