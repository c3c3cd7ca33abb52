//! The first process of a test's machine: mounts, does what the script says, ends the machine.
//!
//! As `/init only 6,21 PROGRAM …` it is started by itself: it gives up all capabilities but these, and becomes the program.
//! As `containers RUNTIME BUNDLE TIMES` it measures what a container runtime takes by itself.
//! As `bomb FILE` it makes processes without end. As `step WORDS` it does one step, and says on its output how that went. As `steps SCRIPT RECORD` it is in a container of a machine that another first process looks after; with `poweroff` at the
//! end it then tells that one to end the machine.
#![forbid(unsafe_code)]

use std::fs::{self, File, OpenOptions};
use std::os::fd::AsFd as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;
use std::{env, io};

use orlop_test_vm::{BOMB, CONTAINERS, ONLY, POWEROFF, Report, SCRIPT, STEP, STEPS, bomb, perform};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::mount::{MountFlags, mount};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};
use rustix::system::{RebootCommand, reboot};
use rustix::termios::tcdrain;
use rustix::thread::{
    CapabilitySet, LinkNameSpaceType, move_into_link_name_space, remove_capability_from_bounding_set,
};

/// The second serial line, which is the test's; the first is the kernel's.
const RECORD: &str = "/dev/ttyS1";

/// What is mounted, as the machine's own init would. Everything else lies in memory as it is.
const MOUNTS: [(&str, &str); 3] = [("proc", "/proc"), ("sysfs", "/sys"), ("devtmpfs", "/dev")];

/// Where a runtime that is measured keeps what it knows: nobody else's containers are there.
const RUNTIME_STATE: &str = "/run/measured";

/// Numbers that capabilities have, at most: their sets have 64 bits.
const CAPABILITIES: u32 = 64;

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    let outcome = match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [ONLY, capabilities, program, arguments @ ..] => only(capabilities, program, arguments),
        [CONTAINERS, runtime, bundle, times] => containers(runtime, bundle, times),
        [BOMB, told] => bomb(told),
        [STEP, words @ ..] => perform(&words.join("\t"), &mut io::stdout()),
        [STEPS, script, record] => steps(script, record),
        [STEPS, script, record, POWEROFF] => {
            steps(script, record).and_then(|()| Ok(kill_process(Pid::INIT, Signal::TERM)?))
        }
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
    steps(SCRIPT, RECORD)?;
    // QEMU is told to end instead of starting again.
    Ok(reboot(RebootCommand::Restart)?)
}

/// Does what the script says, and writes about it.
fn steps(script: &str, record: &str) -> io::Result<()> {
    let mut record: File = OpenOptions::new().write(true).open(record)?;
    for line in fs::read_to_string(script)?.lines() {
        perform(line, &mut record)?;
    }
    Report::complete(&mut record)?;
    match tcdrain(&record) {
        // It is no serial line, and has nothing that could still be on its way.
        Ok(()) | Err(Errno::NOTTY | Errno::INVAL) => Ok(()),
        Err(error) => Err(error.into()),
    }
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

/// Runs a bundle again and again where the first process runs it, and says how long each took: from the start of the runtime
/// until both it and the container's first process had ended.
fn containers(runtime: &str, bundle: &str, times: &str) -> io::Result<()> {
    let times: u32 = times.parse().map_err(io::Error::other)?;
    // All of the machine is there; in this container's own root is only this program.
    let machine = File::open("/proc/1/ns/mnt")?;
    move_into_link_name_space(machine.as_fd(), Some(LinkNameSpaceType::Mount))?;
    fs::create_dir_all(RUNTIME_STATE)?;
    for number in 0..times {
        let id = format!("measured-{number}");
        let pid_file = format!("{RUNTIME_STATE}/{id}.pid");
        let asked = |words: &[&str]| {
            let mut command = Command::new(runtime);
            command.args(["--root", RUNTIME_STATE]).args(words).arg(&id).stdin(Stdio::null());
            match command.status()? {
                status if status.success() => Ok(()),
                status => Err(io::Error::other(format!("{runtime} {} ended with {status}", words.join(" ")))),
            }
        };
        let began = Instant::now();
        asked(&["run", "--detach", "--bundle", bundle, "--pid-file", &pid_file])?;
        ended(fs::read_to_string(&pid_file)?.trim().parse().map_err(io::Error::other)?)?;
        println!("{}", began.elapsed().as_micros());
        asked(&["delete", "--force"])?;
    }
    Ok(())
}

/// Waits for the end of a process, which may be somebody else's child.
fn ended(pid: i32) -> io::Result<()> {
    match Pid::from_raw(pid).ok_or(Errno::INVAL).and_then(|pid| pidfd_open(pid, PidfdFlags::empty())) {
        Ok(process) => Ok(poll(&mut [PollFd::new(&process, PollFlags::IN)], None).map(drop)?),
        // Its parent knows already.
        Err(Errno::SRCH) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
