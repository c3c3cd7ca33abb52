//! Bytes that attacks bring along.

use std::process::ExitCode;

use crate::syscall::call;

/// A whole program: an ELF file with one segment that ends with status 0.
pub const EXIT_WELL: &[u8] = &program();

/// Sizes as bytes, because the headers name them: the whole file is smaller than 256.
const CODE_LEN: u8 = 12;
const HEADERS_LEN: u8 = 64 + 56;
const LEN: usize = HEADERS_LEN as usize + CODE_LEN as usize;

#[cfg(target_arch = "x86_64")]
const MACHINE: u8 = 62;
#[cfg(target_arch = "aarch64")]
const MACHINE: u8 = 183;

/// `exit(0)`.
#[cfg(target_arch = "x86_64")]
const CODE: [u8; CODE_LEN as usize] = [0x31, 0xff, 0xb8, 60, 0, 0, 0, 0x0f, 0x05, 0x0f, 0x0b, 0x90];
/// `exit(0)`.
#[cfg(target_arch = "aarch64")]
const CODE: [u8; CODE_LEN as usize] = [0x00, 0x00, 0x80, 0xd2, 0xa8, 0x0b, 0x80, 0xd2, 0x01, 0x00, 0x00, 0xd4];

/// Where the one segment lies: any page above the kernel's lowest.
const BASE: u32 = 0x40_0000;

const fn program() -> [u8; LEN] {
    let mut file = [0; LEN];
    // e_ident, e_type EXEC, e_machine, e_version; then the fields by offset.
    put(&mut file, 0, &[0x7f, b'E', b'L', b'F', 2, 1, 1]);
    put(&mut file, 16, &[2, 0, MACHINE, 0, 1]);
    put(&mut file, 24, &(BASE + HEADERS_LEN as u32).to_le_bytes());
    put(&mut file, 32, &[64]);
    put(&mut file, 52, &[64, 0, 56, 0, 1]);
    // PT_LOAD, readable and executable, the whole file at BASE, aligned to a page.
    put(&mut file, 64, &[1, 0, 0, 0, 5]);
    put(&mut file, 80, &BASE.to_le_bytes());
    put(&mut file, 88, &BASE.to_le_bytes());
    put(&mut file, 96, &[HEADERS_LEN + CODE_LEN]);
    put(&mut file, 104, &[HEADERS_LEN + CODE_LEN]);
    put(&mut file, 112, &[0, 0x10]);
    put(&mut file, HEADERS_LEN as usize, &CODE);
    file
}

const fn put(file: &mut [u8], at: usize, bytes: &[u8]) {
    let mut next = 0;
    while next < bytes.len() {
        file[at + next] = bytes[next];
        next += 1;
    }
}

/// The other program that attacks bring along, this one as a set-user-ID file: ends with 0 only if it gained what was asked.
#[must_use]
pub fn gained(arguments: &[String]) -> ExitCode {
    let gained = match arguments.first().map(String::as_str) {
        Some("identity") => rustix::process::geteuid().is_root(),
        // What CAP_SYS_ADMIN allows, in a namespace of the process's own.
        Some("capability") => call!(libc::SYS_sethostname, c"owned", 5).is_ok(),
        _ => false,
    };
    if gained { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn the_program_that_attacks_bring_along_runs_and_ends_well() {
        let path = std::env::temp_dir().join(format!("orlop-payload-{}", std::process::id()));
        std::fs::write(&path, super::EXIT_WELL).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        let status = std::process::Command::new(&path).status();
        std::fs::remove_file(&path).unwrap();
        assert!(status.unwrap().success());
    }
}
