//! A machine's root as a tar archive in the PAX form, as LinuxKit writes it: every entry says which part of the spec it is
//! from (`LINUXKIT.location`) and which image (`LINUXKIT.source`).

use std::io::{self, Write};

use tar::{EntryType, Header};

use crate::filesystem::{Entry, Kind};

/// The key of the image's name.
const SOURCE: &str = "LINUXKIT.source";
/// The key of the part of the spec.
const LOCATION: &str = "LINUXKIT.location";
/// Largest number of the seven octal digits that a header has for users and groups.
const MAX_ID: u32 = 0o7_777_777;

/// Writes an archive, entry by entry.
pub struct Writer<W: Write>(tar::Builder<W>);

impl<W: Write> Writer<W> {
    /// An archive without an entry yet.
    pub fn new(to: W) -> Self {
        Self(tar::Builder::new(to))
    }

    /// Appends an entry of which the spec says `location`, and which comes from `source`.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn append(&mut self, path: &str, entry: &Entry, location: &str, source: &str) -> io::Result<()> {
        let mut header = Header::new_ustar();
        let (kind, content, to): (_, &[u8], _) = match &entry.kind {
            Kind::Directory => (EntryType::Directory, &[], None),
            Kind::File(content) => (EntryType::Regular, content, None),
            Kind::Link(to) => (EntryType::Symlink, &[], Some(to)),
        };
        let mut records = vec![(LOCATION, location.to_owned()), (SOURCE, source.to_owned())];
        // What does not fit into a header is in a record, which readers prefer; the header has what fits.
        let path = if kind == EntryType::Directory { format!("{path}/") } else { path.to_owned() };
        if header.set_path(&path).is_err() {
            records.push(("path", path.clone()));
            header.set_path("long")?;
        }
        if let Some(to) = to
            && header.set_link_name_literal(to).is_err()
        {
            records.push(("linkpath", to.clone()));
            header.set_link_name("long")?;
        }
        for (key, id) in [("uid", entry.uid), ("gid", entry.gid)] {
            if id > MAX_ID {
                records.push((key, id.to_string()));
            }
        }
        header.set_entry_type(kind);
        header.set_mode(entry.mode);
        header.set_uid(entry.uid.min(MAX_ID).into());
        header.set_gid(entry.gid.min(MAX_ID).into());
        header.set_mtime(entry.mtime.into());
        header.set_size(content.len() as u64);
        header.set_cksum();
        self.records(&records)?;
        self.0.append(&header, content)
    }

    /// Ends the archive and gives back what it was written to.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn finish(self) -> io::Result<W> {
        self.0.into_inner()
    }

    /// The extended header of the entry that follows (POSIX.1-2001, pax).
    fn records(&mut self, records: &[(&str, String)]) -> io::Result<()> {
        let text: String = records.iter().map(|(key, value)| record(key, value)).collect();
        let mut header = Header::new_ustar();
        header.set_entry_type(EntryType::XHeader);
        header.set_path("PaxHeaders")?;
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_size(text.len() as u64);
        header.set_cksum();
        self.0.append(&header, text.as_bytes())
    }
}

/// `LENGTH KEY=VALUE\n`, whose length counts its own digits.
fn record(key: &str, value: &str) -> String {
    let rest = format!(" {key}={value}\n");
    let mut length = rest.len();
    while length != rest.len() + length.to_string().len() {
        length = rest.len() + length.to_string().len();
    }
    format!("{length}{rest}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;

    #[test]
    fn a_records_length_counts_itself() {
        for (value, want) in [("b", "6 a=b\n"), ("bbbb", "9 a=bbbb\n"), ("bbbbb", "11 a=bbbbb\n")] {
            assert_eq!(record("a", value), want);
        }
        let long = record("a", &"b".repeat(94));
        assert!(long.starts_with("101 a=") && long.len() == 101, "{}", long.len());
    }

    #[test]
    fn what_is_written_is_read_back_with_long_names_and_large_numbers() {
        let (long, target) = (format!("{}/{}", "a".repeat(200), "b".repeat(200)), "t".repeat(300));
        let entries = [
            (long.as_str(), Entry { uid: 100_000_000, gid: 7, ..Entry::file(b"x".as_slice(), 0o4755, 9) }),
            ("link", Entry::link(target.as_str(), 9)),
            ("short", Entry::link("//odd/../link", 9)),
        ];
        let mut writer = Writer::new(Vec::new());
        for (path, entry) in &entries {
            writer.append(path, entry, "services[0]", "orlop.example/a:1").unwrap();
        }
        let bytes = writer.finish().unwrap();
        let mut archive = tar::Archive::new(&bytes[..]);
        let mut seen = 0;
        for (entry, (path, want)) in archive.entries().unwrap().zip(&entries) {
            let mut entry = entry.unwrap();
            assert_eq!(entry.path().unwrap().to_str(), Some(*path));
            assert_eq!(entry.header().mode().unwrap(), want.mode);
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            match &want.kind {
                Kind::Link(to) => assert_eq!(&*entry.link_name_bytes().unwrap(), to.as_bytes()),
                Kind::File(file) => assert_eq!(&content[..], &file[..]),
                Kind::Directory => unreachable!("none is in the list"),
            }
            let records: Vec<_> = entry
                .pax_extensions()
                .unwrap()
                .unwrap()
                .map(|record| record.unwrap().key().unwrap().to_owned())
                .collect();
            assert!(
                records.starts_with(&["LINUXKIT.location".to_owned(), "LINUXKIT.source".to_owned()]),
                "{records:?}"
            );
            assert_eq!(records.contains(&"uid".to_owned()), want.uid > MAX_ID);
            seen += 1;
        }
        assert_eq!(seen, 3);
    }
}
