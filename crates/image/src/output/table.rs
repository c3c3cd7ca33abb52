//! What takes how much of a machine, for a person.

use std::fmt::Write as _;

use crate::machine::Machine;
use crate::output::Written;

/// One line.
#[derive(Debug, Default)]
struct Row {
    name: String,
    entries: u64,
    bytes: u64,
    packed: Option<u64>,
}

/// A table of the machine's parts, and of what was written.
#[must_use]
pub fn table(machine: &Machine, written: &[Written]) -> String {
    let initrd = written.iter().find(|file| file.path.to_string_lossy().ends_with("-initrd.img"));
    let shares = initrd.and_then(|file| file.shares.as_deref());
    let rows = rows(machine, shares);
    let width = rows.iter().map(|row| row.name.len()).max().unwrap_or_default().max("in all".len());
    let mut text = String::new();
    let packed_title = if shares.is_some() { "in initrd" } else { "" };
    let _ = writeln!(text, "{:width$}  {:>7}  {:>11}  {packed_title:>10}", "part", "entries", "bytes");
    for Row { name, entries, bytes, packed } in &rows {
        let packed = packed.map_or(String::new(), |packed| packed.to_string());
        let _ = writeln!(text, "{name:width$}  {entries:>7}  {bytes:>11}  {packed:>10}");
    }
    text.push('\n');
    for Written { path, bytes, digest, .. } in written {
        let _ = writeln!(text, "{bytes:>11}  {}\n             {digest}", path.display());
    }
    text
}

fn rows(machine: &Machine, shares: Option<&[u64]>) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    if let Some(kernel) = &machine.kernel {
        rows.push(Row { name: "kernel".to_owned(), entries: 1, bytes: kernel.binary.len() as u64, packed: None });
    }
    let mut of_part = Vec::new();
    for (index, part) in machine.parts.iter().enumerate() {
        // All files are one line; containers and init images have one each.
        let name = match part.location.as_str() {
            "kernel" => part.name.clone(),
            location if location.starts_with("files[") => part.name.clone(),
            location => format!("{location} {}", part.name),
        };
        let share = shares.and_then(|shares| shares.get(index)).copied();
        match rows.iter().position(|row| row.name == name) {
            Some(row) => {
                of_part.push(row);
                rows[row].packed = rows[row].packed.zip(share).map(|(one, two)| one + two);
            }
            None => {
                of_part.push(rows.len());
                rows.push(Row { name, entries: 0, bytes: 0, packed: share });
            }
        }
    }
    for (_, entry) in machine.files.iter() {
        if let Some(row) = of_part.get(entry.part).and_then(|row| rows.get_mut(*row)) {
            row.entries += 1;
            row.bytes += entry.size();
        }
    }
    let packed = rows.iter().filter_map(|row| row.packed).reduce(|one, two| one + two);
    let (entries, bytes) = rows.iter().fold((0, 0), |(entries, bytes), row| (entries + row.entries, bytes + row.bytes));
    rows.push(Row { name: "in all".to_owned(), entries, bytes, packed });
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    use crate::digest::Digest;
    use crate::filesystem::Entry;
    use crate::machine::{Kernel, Part};

    #[test]
    fn files_are_one_line_and_everything_adds_up() {
        let mut machine = Machine::default();
        for (location, name) in [("services[0]", "dhcp"), ("files[0]", "files"), ("files[1]", "files")] {
            let source = String::new();
            machine.parts.push(Part { location: location.to_owned(), source, name: name.to_owned() });
        }
        for (path, part) in [("a", 0), ("b", 0), ("c", 1), ("d", 2)] {
            machine.files.put(path, Entry::file(vec![0; 100], 0o644, 7).of(part)).unwrap();
        }
        machine.kernel = Some(Kernel { binary: vec![0; 1000].into(), cmdline: String::new(), microcode: None });
        let path = PathBuf::from("out/x-initrd.img");
        let shares = Some(vec![50, 6, 7]);
        let written = Written { path, bytes: 70, digest: Digest::of(b""), shares };
        let table = table(&machine, &[written]);
        let lines: Vec<String> =
            table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        assert_eq!(
            lines[..6],
            [
                "part entries bytes in initrd",
                "kernel 1 1000",
                "services[0] dhcp 2 200 50",
                "files 2 200 13",
                "in all 5 1400 63",
                "",
            ]
        );
        assert_eq!(lines[6], "70 out/x-initrd.img");
    }
}
