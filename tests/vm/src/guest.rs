//! The first process of a test's machine: mounts, does what the script says, ends the machine.
//!
//! As `/init only 6,21 PROGRAM …` it is started by itself: it gives up all capabilities but these, and becomes the program.
#![forbid(unsafe_code)]

use std::fs::{self, File, OpenOptions};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};
use std::{env, io};

use orlop_test_vm::{ONLY, Report, SCRIPT, perform};
use rustix::mount::{MountFlags, mount};
use rustix::system::{RebootCommand, reboot};
use rustix::termios::tcdrain;
use rustix::thread::{CapabilitySet, remove_capability_from_bounding_set};

/// The second serial line, which is the test's; the first is the kernel's.
const RECORD: &str = "/dev/ttyS1";

/// What is mounted, as the machine's own init would. Everything else lies in memory as it is.
const MOUNTS: [(&str, &str); 3] = [("proc", "/proc"), ("sysfs", "/sys"), ("devtmpfs", "/dev")];

/// Numbers that capabilities have, at most: their sets have 64 bits.
const CAPABILITIES: u32 = 64;

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    let outcome = match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [ONLY, capabilities, program, arguments @ ..] => only(capabilities, program, arguments),
        // What else the kernel was told, it hands on.
        _ => guest(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("guest: {error}");
            ExitCode::FAILURE
        }
    }
}

/// All of a machine's life. When this fails, the first process ends, and the kernel with it.
fn guest() -> io::Result<()> {
    for (kind, at) in MOUNTS {
        mount(kind, at, kind, MountFlags::empty(), None)?;
    }
    let mut record: File = OpenOptions::new().write(true).open(RECORD)?;
    for line in fs::read_to_string(SCRIPT)?.lines() {
        perform(line, &mut record)?;
    }
    Report::complete(&mut record)?;
    tcdrain(&record)?;
    // QEMU is told to end instead of starting again.
    Ok(reboot(RebootCommand::Restart)?)
}

fn only(capabilities: &str, program: &str, arguments: &[&str]) -> io::Result<()> {
    let kept: Vec<&str> = capabilities.split(',').collect();
    for number in (0..CAPABILITIES).filter(|number| !kept.contains(&number.to_string().as_str())) {
        match remove_capability_from_bounding_set(CapabilitySet::from_bits_retain(1 << number)) {
            // The kernel has no capability of this number.
            Ok(()) | Err(rustix::io::Errno::INVAL) => {}
            Err(error) => return Err(error.into()),
        }
    }
    // For uid 0, what a program gets when it is started is the bounding set.
    Err(Command::new(program).args(arguments).exec())
}
