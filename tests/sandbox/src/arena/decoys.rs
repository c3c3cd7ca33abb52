//! A root process that stands in for the broker: what a worker must not touch.

use std::hint::black_box;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};

/// The running stand-in. It ends with its owner, and with the arena.
pub(super) struct StandIn {
    child: Child,
    secret_at: usize,
}

impl StandIn {
    pub(super) fn start(program: &Path) -> Result<Self> {
        let mut command = Command::new(program);
        command.arg("stand-in").stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().context("cannot start the broker's stand-in")?;
        let mut line = String::new();
        let output = child.stdout.take().context("the stand-in has no output")?;
        BufReader::new(output).read_line(&mut line)?;
        let secret_at = line.trim().parse().context("the stand-in did not say where its secret is")?;
        Ok(Self { child, secret_at })
    }

    pub(super) fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).unwrap_or(0)
    }

    pub(super) fn secret_at(&self) -> usize {
        self.secret_at
    }

    pub(super) fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        // It may have ended already; either way it is reaped here.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the stand-in does: it keeps a secret, says where, and waits to be ended.
///
/// # Errors
/// When nobody listens any more.
pub fn stand_in() -> Result<()> {
    let mut secret = black_box(*b"the broker's own");
    let mut output = std::io::stdout();
    writeln!(output, "{}", secret.as_mut_ptr().addr())?;
    output.flush()?;
    loop {
        std::thread::park();
        black_box(&secret);
    }
}
