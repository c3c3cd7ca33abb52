//! What `#cloud-config` user data calls the machine, and who may log in: Proxmox VE says both there and nowhere else.

use crate::json::Json;
use crate::ssh_key;
use crate::yaml::{self, YamlError};

/// By what it begins.
const FIRST_LINE: &str = "#cloud-config";

/// The keys that are read. Each stands at the beginning of a line: what is deeper belongs to something else.
const KEYS: [&str; 3] = ["hostname", "fqdn", "ssh_authorized_keys"];

/// A name of the machine, and lines of keys.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) hostname: Option<String>,
    pub(super) ssh_keys: Vec<String>,
}

/// What user data say of the machine. `None` where they are no `#cloud-config`, or say none of it.
///
/// # Errors
/// What they say of it is no YAML that is read here. All else in them may be what it likes.
pub(super) fn read(user_data: &[u8]) -> Option<Result<Named, YamlError>> {
    let text =
        str::from_utf8(user_data).ok().filter(|text| text.lines().next().map(str::trim_end) == Some(FIRST_LINE))?;
    let mut is_wanted = false;
    let mut is_there = false;
    // Empty lines in the place of the rest: a line that is told is that of the user's own text.
    let wanted = text.lines().map(|line| {
        // A list may begin at the column of its key.
        if !line.starts_with([' ', '\t', '-', '#']) && !line.is_empty() {
            is_wanted = KEYS.iter().any(|key| line.strip_prefix(key).is_some_and(|rest| rest.starts_with(':')));
            is_there |= is_wanted;
        }
        if is_wanted { line } else { "" }
    });
    let wanted: String = wanted.flat_map(|line| [line, "\n"]).collect();
    is_there.then(|| yaml::parse(wanted.as_bytes()).map(|said| named(&said)))
}

fn named(said: &Json) -> Named {
    Named {
        hostname: said.first(&[&["hostname"], &["fqdn"]]).map(str::to_owned),
        ssh_keys: ssh_key::lines_at(said, &["ssh_authorized_keys"]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(hostname: Option<&str>, ssh_keys: &[&str]) -> Option<Result<Named, YamlError>> {
        let ssh_keys = ssh_keys.iter().map(|&key| key.to_owned()).collect();
        Some(Ok(Named { hostname: hostname.map(str::to_owned), ssh_keys }))
    }

    #[test]
    fn the_name_and_the_keys_are_read_whatever_else_there_is() {
        for (what, text, want) in [
            (
                "as Proxmox VE writes it",
                "#cloud-config\nhostname: web-1\nmanage_etc_hosts: true\nfqdn: web-1.example.com\nuser: me\npassword: $5$SECRET\n\
                 ssh_authorized_keys:\n  - ssh-rsa A\n  - ssh-rsa B\nchpasswd:\n  expire: False\nusers:\n  - default\n",
                named(Some("web-1"), &["ssh-rsa A", "ssh-rsa B"]),
            ),
            ("only the long name", "#cloud-config\nfqdn: web-1.example.com\n", named(Some("web-1.example.com"), &[])),
            (
                "what is not read here stands elsewhere",
                "#cloud-config\nx: &a [b, {c: d}]\nruncmd:\n- [ls, *a]\n-   hostname: y\nhostname: z\nwrite_files: >\n  hostname: w\n",
                named(Some("z"), &[]),
            ),
            (
                "keys in a list at the column",
                "#cloud-config\nssh_authorized_keys:\n- ssh-rsa A\nx: y\n",
                named(None, &["ssh-rsa A"]),
            ),
            ("line ends of Windows", "#cloud-config\r\nhostname: web-1\r\n", named(Some("web-1"), &[])),
            ("a longer key", "#cloud-config\nhostname_2: x\n", None),
            ("nothing of it", "#cloud-config\nruncmd: []\n", None),
            ("a script", "#!/bin/sh\nhostname: x\n", None),
            ("another first line", "#cloud-config-archive\nhostname: x\n", None),
            ("nothing", "", None),
        ] {
            assert_eq!(read(text.as_bytes()), want, "{what}");
        }
        assert_eq!(read(b"#cloud-config\nhostname: \xff\n"), None);
    }

    #[test]
    fn what_cannot_be_read_is_told_with_its_line() {
        for (what, text, line) in [
            ("an anchor", "#cloud-config\nx: y\nhostname: &a b\n", 3),
            ("twice", "#cloud-config\nhostname: a\nx:\n  - y\nhostname: b\n", 5),
        ] {
            let error = read(text.as_bytes()).unwrap().unwrap_err();
            assert_eq!(error.line, line, "{what}");
        }
    }
}
