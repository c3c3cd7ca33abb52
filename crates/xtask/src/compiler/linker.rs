//! What the linker has to be told beyond what rustc tells it.
//!
//! A linker for targets whose static programs rustc links at a fixed address, although all their parts could lie anywhere.
//! `-C relocation-model=pie` makes such a program's code independent of its position; but where rustc's description of the
//! target does not know of static programs that are (aarch64), it still asks for `-static -no-pie` and the start files of a
//! fixed program. This linker asks for the other kind.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Writes the linker around `gcc` into `folder`, and returns where it is.
///
/// # Errors
/// When it cannot be written.
pub(crate) fn static_pie(gcc: &str, folder: &Path) -> Result<PathBuf> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let path = folder.join(format!("{gcc}-static-pie"));
    if write(&path, &SCRIPT.replace("GCC", gcc))? {
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
    }
    Ok(path)
}

/// Writes a linker script into `folder` that leaves tables for unwinding out, and returns where it is.
///
/// # Errors
/// When it cannot be written.
pub(crate) fn without_unwinding(folder: &Path) -> Result<PathBuf> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let path = folder.join("no-unwinding.ld");
    write(&path, NO_UNWINDING)?;
    Ok(path)
}

/// Whether it had to be written: two builds may be using what is there.
fn write(path: &Path, text: &str) -> Result<bool> {
    if fs::read_to_string(path).is_ok_and(|old| old == text) {
        return Ok(false);
    }
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(true)
}

/// Added to the linker's own script, because of `INSERT`.
const NO_UNWINDING: &str =
    "SECTIONS { /DISCARD/ : { *(.eh_frame) *(.gcc_except_table .gcc_except_table.*) } } INSERT BEFORE .init;\n";

/// The start files are rustc's own for musl; for the GNU C library, gcc adds those that belong to `-static-pie`.
const SCRIPT: &str = r#"#!/bin/sh
for argument; do
    shift
    case $argument in
        -no-pie) continue ;;
        -static) argument=-static-pie ;;
        */self-contained/crt1.o) argument=${argument%crt1.o}rcrt1.o ;;
        */self-contained/crtbegin.o | */self-contained/crtbeginT.o) argument=${argument%/*}/crtbeginS.o ;;
        */self-contained/crtend.o) argument=${argument%/*}/crtendS.o ;;
    esac
    set -- "$@" "$argument"
done
exec GCC "$@"
"#;

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_fixed_program_is_asked_for_as_one_that_can_lie_anywhere() {
        let folder = std::env::temp_dir().join(format!("orlop-linker-{}", std::process::id()));
        let linker = static_pie("echo", &folder).unwrap();
        for (what, asked, passed) in [
            ("kind", "-static -no-pie a.o", "-static-pie a.o"),
            (
                "start files",
                "/x/self-contained/crt1.o /x/self-contained/crti.o",
                "/x/self-contained/rcrt1.o /x/self-contained/crti.o",
            ),
            (
                "beginning and end",
                "/x/self-contained/crtbegin.o /x/self-contained/crtend.o",
                "/x/self-contained/crtbeginS.o /x/self-contained/crtendS.o",
            ),
            ("everything else", "-Wl,-z,now -o crt1.o", "-Wl,-z,now -o crt1.o"),
        ] {
            // Read by a shell, not executed: another test that starts a program at this moment would still hold the file
            // open for writing, and the kernel executes no such file (ETXTBSY).
            let output = Command::new("sh").arg(&linker).args(asked.split(' ')).output().unwrap();
            assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), passed, "{what}");
        }
        fs::remove_dir_all(&folder).unwrap();
    }
}
