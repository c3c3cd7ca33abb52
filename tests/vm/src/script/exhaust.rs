//! Taking all there is: room in a file system, memory, processes. What takes without end is meant for a container that is ended.

use std::fs::{self, OpenOptions};
use std::hint::black_box;
use std::io::{self, Write as _};
use std::process::Command;
use std::thread;
use std::time::Duration;

use rustix::io::Errno;

use super::Report;

/// The guest program's own first argument: make processes, as many as there can be; the second is a file that is made when there can
/// be no more.
pub const BOMB: &str = "bomb";

/// What is in that file then.
pub const FULL: &str = "no more processes";

/// What is written or taken at once, and how often a file is given so much: more than any test's machine has.
const BLOCK: usize = 1 << 16;
const MAX_BLOCKS: usize = 1 << 16;
/// Between two tries of a process whose tries fail: thousands of them share a processor.
const PAUSE: Duration = Duration::from_millis(200);

/// Writes to a file until there is no room; tells the `errno` of that.
pub(super) fn fill(path: &str) -> io::Result<Report> {
    let mut file = OpenOptions::new().create(true).append(true).open(path)?;
    for _ in 0..MAX_BLOCKS {
        file.write_all(&[1; BLOCK])?;
    }
    Ok(Report::of_file(b""))
}

/// Takes memory until there is none. Who has a bound is ended by the kernel before that.
pub(super) fn hoard() -> io::Result<Report> {
    let mut taken: Vec<Vec<u8>> = Vec::new();
    loop {
        let mut block = Vec::new();
        block.try_reserve_exact(BLOCK).map_err(|_| Errno::NOMEM)?;
        block.resize(BLOCK, 1);
        taken.push(block);
        black_box(&taken);
    }
}

/// Makes copies of this process, each of which does the same, for ever.
pub fn bomb(told: &str) -> ! {
    loop {
        if Command::new("/proc/self/exe").args([BOMB, told]).spawn().is_err() {
            // Each says the same.
            let _ = fs::write(told, FULL);
            thread::sleep(PAUSE);
        }
    }
}
