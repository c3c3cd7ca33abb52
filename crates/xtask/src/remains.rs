//! `remains`: what in the release binaries is not Rust, by the linker's own account.
//!
//! Each binary is built once more, in a folder of its own, and linked with a map (`ld -Map`), which names the file that every
//! section is from. Rust's compiler gives its objects names that end in `.rcgu.o`; all others are somebody's C or assembly.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result, ensure};

use crate::build;
use crate::command;
use crate::compiler::sysroot::NATIVE_MUSL;
use crate::workspace::Workspace;

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Options {
    /// Whose binaries: a target with musl, whose linker is GNU's
    #[arg(long, value_name = "TRIPLE", default_value = NATIVE_MUSL.triple)]
    target: String,
}

/// How the compiler's own objects end; the last is the one that keeps symbols alive, and is empty.
const RUST: [&str; 2] = [".rcgu.o", "symbols.o"];
/// What takes no room in the file: memory that begins as zeros.
const ZEROS: [&str; 3] = [".bss", ".tbss", "COMMON"];
/// What a compiler or an assembler has written, by the beginnings of the sections' names. Everything else (relocations, tables of
/// offsets) is the linker's own, which names the first file of all for it.
const WRITTEN: [&str; 8] = [".text", ".rodata", ".data", ".tdata", ".init", ".fini", ".eh_frame", ".gcc_except_table"];
/// From here on the map is about what is in the binary; before it stands what was left out.
const BEGIN: &str = "Linker script and memory map";

/// Builds every release binary again, and prints what it is made of.
///
/// # Errors
/// When one cannot be linked, or the map has no Rust in it: then it is not understood.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let target = &options.target;
    ensure!(target.ends_with("musl"), "{target}: the maps of its linker are not understood; help: a target with musl");
    let folder = workspace.metadata(build::HOST)?.target_directory.join("remains");
    fs::create_dir_all(&folder)?;
    let mut parts = Vec::new();
    for binary in build::binaries(workspace, target)? {
        let name = binary.name();
        let map = folder.join(format!("{name}.map"));
        let mut cargo = workspace.cargo("rustc");
        build::prepare(workspace, target, &mut cargo)?;
        // Cargo would put what it builds with more arguments in the place of what is released.
        cargo.arg("--target-dir").arg(&folder);
        cargo
            .args(["--package", &binary.package, "--bin", &name, "--", "-C"])
            .arg(format!("link-arg=-Wl,-Map={}", map.display()));
        command::run(&mut cargo)?;
        let text = fs::read_to_string(&map).with_context(|| format!("no {}", map.display()))?;
        parts.push((name, of_map(&text)));
    }
    println!("\nbytes by origin ({target}), as GNU ld puts them into each binary:\n{}", table(&parts)?);
    Ok(())
}

/// Bytes of a binary by where they are from: `Rust`, or the archive or object they were in.
type Origins = BTreeMap<String, u64>;
/// What [`Origins`] calls our code and that of crates.
const OURS: &str = "Rust";
/// And what no file has: relocations, which a program that may lie anywhere needs.
const LINKER: &str = "the linker's tables";

/// Reads a map of GNU ld: ` SECTION  ADDRESS  SIZE  FILE`, where a long name of a section has a line of its own.
fn of_map(map: &str) -> Origins {
    let mut origins = Origins::new();
    let mut section = "";
    for line in map.lines().skip_while(|line| !line.starts_with(BEGIN)) {
        let mut rest = line;
        if let Some(named) = line.strip_prefix(' ').filter(|line| !line.starts_with([' ', '*'])) {
            (section, rest) = named.split_once(' ').unwrap_or((named, ""));
        } else if !line.starts_with("  ") {
            section = "";
        }
        let words: Vec<&str> = rest.split_whitespace().collect();
        let [address, size, file @ ..] = words.as_slice() else { continue };
        let number = |word: &str| u64::from_str_radix(word.strip_prefix("0x")?, 16).ok();
        let (Some(address), Some(size)) = (number(address), number(size)) else { continue };
        let is_zeros = ZEROS.iter().any(|zeros| section.starts_with(zeros));
        // What is not loaded has no address; a line without a file is about an output section or a symbol.
        if section.is_empty() || is_zeros || address == 0 || file.is_empty() {
            continue;
        }
        let is_written = WRITTEN.iter().any(|name| {
            section.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '_']))
                && section != ".eh_frame_hdr"
        });
        let origin = if is_written { origin(&file.join(" ")) } else { LINKER.to_owned() };
        *origins.entry(origin).or_default() += size;
    }
    origins
}

/// `/x/libc.a(abort.lo)` → `libc.a`; `/x/crt1.o` → `crt1.o`; what Rust's compiler made → `Rust`.
fn origin(file: &str) -> String {
    let (archive, object) = match file.strip_suffix(')').and_then(|file| file.split_once('(')) {
        Some((archive, member)) => (archive, member),
        None => (file, file),
    };
    if RUST.iter().any(|end| object.ends_with(end)) {
        return OURS.to_owned();
    }
    archive.rsplit('/').next().unwrap_or(archive).to_owned()
}

/// A line per binary: Rust, what is from elsewhere and its share, and the linker's own.
fn table(parts: &[(String, Origins)]) -> Result<String> {
    let width = parts.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    let mut text = String::new();
    for (name, origins) in parts {
        let of = |origin: &str| origins.get(origin).copied().unwrap_or_default();
        let (rust, linker) = (of(OURS), of(LINKER));
        ensure!(rust > 0, "{name}: no Rust in its map, so it is not understood");
        let foreign: Vec<(&String, u64)> = origins
            .iter()
            .filter(|(origin, bytes)| **bytes > 0 && ![OURS, LINKER].contains(&origin.as_str()))
            .map(|(origin, bytes)| (origin, *bytes))
            .collect();
        let other: u64 = foreign.iter().map(|(_, bytes)| bytes).sum();
        let named: Vec<String> = foreign.iter().map(|(origin, bytes)| format!("{origin} {bytes}")).collect();
        let share = other as f64 * 100.0 / (rust + other) as f64;
        text += &format!(
            "  {name:width$}  Rust {rust:>8}  other {other:>6} ({share:.1} %): {}; {LINKER} {linker}\n",
            named.join(", ")
        );
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAP: &str = "\
Discarded input sections

 .text          0x0000000000000000     0x1000 /x/libc.a(printf.lo)

Memory Configuration

Linker script and memory map

LOAD /x/rcrt1.o
.rela.dyn       0x0000000000000300     0x1c00
 .rela.text     0x0000000000000300     0x1c00 /x/rcrt1.o
.text           0x0000000000001000     0x2345
 *(.text.unlikely .text.*_unlikely .text.unlikely.*)
 .text          0x0000000000001000       0x20 /x/rcrt1.o
                0x0000000000001000                _start
 .text._ZN4main17h0123456789abcdefE
                0x0000000000001020      0x100 /x/deps/orlop_init-1.orlop_init.2-cgu.0.rcgu.o
 *fill*         0x0000000000001120        0x8 
 .text.memcpy   0x0000000000001128       0x10 /x/libc.a(memcpy.lo)
 .rodata        0x0000000000002000        0x4 /x/libring-1.rlib(aesni.o)
 .bss           0x0000000000003000      0x800 /x/libc.a(malloc.lo)
 .comment       0x0000000000000000       0x2e /x/libc.a(memcpy.lo)
";

    #[test]
    fn a_map_tells_what_each_byte_is_from() {
        let want = [("Rust", 0x100), ("libc.a", 0x10), ("libring-1.rlib", 4), ("rcrt1.o", 0x20), (LINKER, 0x1c00)];
        let want: Origins = want.map(|(name, bytes)| (name.to_owned(), bytes)).into();
        assert_eq!(of_map(MAP), want);
    }

    #[test]
    fn a_map_that_is_not_understood_is_an_error_and_no_empty_row() {
        let row = |text| table(&[("orlop-init".to_owned(), of_map(text))]);
        assert!(row(MAP).unwrap().contains("Rust      256  other     52 (16.9 %): libc.a 16"), "{:?}", row(MAP));
        assert!(row("ld.lld's map").is_err());
    }
}
