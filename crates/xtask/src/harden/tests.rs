use std::process::Command;

use super::*;
use crate::compiler::linker;

/// The machine these tests are compiled for.
#[cfg(target_arch = "aarch64")]
const HERE: Machine = EM_AARCH64;
/// The machine these tests are compiled for.
#[cfg(not(target_arch = "aarch64"))]
const HERE: Machine = EM_X86_64;

/// What a linker is told for a daemon.
const GOOD: &[&str] = &["-static-pie", "-s", "-Wl,-z,relro,-z,now"];

/// With a call that goes through the jump table, or without the C library.
const SOURCE: &str = "#ifdef BARE\nint main(void) { return 0; }\n#else\n#include <stdio.h>\n\
                      int main(void) { return puts(\"on board\") < 0; }\n#endif\n";

/// Links a program of one line, and reads it.
fn linked(name: &str, flags: &[&str]) -> Vec<u8> {
    let folder = std::env::temp_dir().join(format!("orlop-harden-{}-{name}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let (source, program) = (folder.join("main.c"), folder.join("main"));
    fs::write(&source, SOURCE).unwrap();
    let output = Command::new("cc").args(flags).arg(&source).arg("-o").arg(&program).output().unwrap();
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    let bytes = fs::read(&program).unwrap();
    fs::remove_dir_all(&folder).unwrap();
    bytes
}

#[test]
fn a_program_linked_as_a_daemon_is_has_every_property() {
    let elf = Elf::read(&linked("good", GOOD)).unwrap();
    assert_eq!(problems(&elf, HERE), Vec::<String>::new());
}

#[test]
fn a_program_linked_without_a_property_is_named_for_it() {
    for (name, flags, problem) in [
        ("fixed", &["-static", "-no-pie", "-s"][..], "at a fixed address"),
        ("executable-stack", &[GOOD, &["-Wl,-z,execstack"]].concat(), "the stack is executable"),
        ("no-relro", &[GOOD, &["-Wl,-z,norelro"]].concat(), "no RELRO"),
        ("lazy", &["-pie", "-fPIE", "-s", "-Wl,-z,lazy"], "bound lazily"),
        ("one-segment", &["-DBARE", "-nostdlib", "-static", "-s", "-Wl,--omagic,-e,main"], "writable and executable"),
        ("dynamic-loader", &["-pie", "-fPIE", "-s"], "it needs a dynamic loader"),
        ("dynamic-libraries", &["-pie", "-fPIE", "-s"], "it needs 1 shared libraries"),
        ("symbols", &["-static-pie", "-Wl,-z,relro,-z,now"], "not stripped"),
        ("debug", &["-static-pie", "-g", "-Wl,-z,relro,-z,now"], "not stripped"),
    ] {
        let found = problems(&Elf::read(&linked(name, flags)).unwrap(), HERE);
        assert!(found.iter().any(|found| found.contains(problem)), "{name}: {found:?}");
    }
}

#[test]
fn each_property_is_judged_by_itself() {
    let good = Elf {
        machine: HERE,
        position_independent: true,
        stack: elf::Stack::NotExecutable,
        relocated_read_only: true,
        bound_at_start: true,
        relocates_code: false,
        writable_and_executable: 0,
        interpreter: false,
        libraries: 0,
        symbols: 0,
        unwinding: 0,
    };
    assert!(problems(&good, HERE).is_empty());
    for (what, bad) in [
        ("another machine", Elf { machine: Machine(8), ..good.clone() }),
        ("fixed address", Elf { position_independent: false, ..good.clone() }),
        ("executable stack", Elf { stack: elf::Stack::Executable, ..good.clone() }),
        ("nothing about the stack", Elf { stack: elf::Stack::Unsaid, ..good.clone() }),
        ("no RELRO", Elf { relocated_read_only: false, ..good.clone() }),
        ("lazy", Elf { bound_at_start: false, ..good.clone() }),
        ("text relocations", Elf { relocates_code: true, ..good.clone() }),
        ("writable code", Elf { writable_and_executable: 1, ..good.clone() }),
        ("loader", Elf { interpreter: true, ..good.clone() }),
        ("libraries", Elf { libraries: 1, ..good.clone() }),
        ("symbols", Elf { symbols: 1, ..good.clone() }),
    ] {
        assert_eq!(problems(&bad, HERE).len(), 1, "{what}");
    }
}

#[test]
fn tables_for_unwinding_are_a_problem_where_there_are_to_be_none() {
    let folder = std::env::temp_dir().join(format!("orlop-harden-{}-script", std::process::id()));
    let script = format!("-Wl,-T,{}", linker::without_unwinding(&folder).unwrap().display());
    let own = fs::read(std::env::current_exe().unwrap()).unwrap();
    let (with, without) =
        (linked("with", GOOD), linked("without", &[GOOD, &["-Wl,--no-eh-frame-hdr", &script]].concat()));
    fs::remove_dir_all(&folder).unwrap();
    for (name, bytes, target, has) in [
        ("the C library's", &with, "x86_64-unknown-linux-musl", true),
        ("the C library's, on ARM", &with, "aarch64-unknown-linux-musl", true),
        ("of a test that unwinds", &own, "x86_64-unknown-linux-musl", true),
        ("discarded by our script", &without, "x86_64-unknown-linux-musl", false),
        ("the GNU C library's own", &with, "x86_64-unknown-linux-gnu", false),
    ] {
        let found = unwinding(&Elf::read(bytes).unwrap(), target);
        assert_eq!(!found.is_empty(), has, "{name}: {found:?}");
    }
}

#[test]
fn what_is_no_program_is_an_error_and_not_a_hardened_one() {
    for bytes in [&b""[..], b"#!/bin/sh\n", b"\x7fELF", &[0; 64]] {
        assert!(Elf::read(bytes).is_err(), "{bytes:?}");
    }
}

#[test]
fn a_folder_of_this_machine_is_found_in_a_binary() {
    let folders = [PathBuf::from("/home/jo/orlop"), PathBuf::from("/home/jo/.cargo")];
    let bytes = b"\x7fELF\0/home/jo/orlop/crates/wire/src/lib.rs\0/orlop/crates\0";
    let found = traces(bytes, &folders);
    assert_eq!(found, ["it names the folder /home/jo/orlop of the machine that built it"]);
    assert!(traces(b"\x7fELF\0/orlop/crates/wire/src/lib.rs\0", &folders).is_empty());
}
