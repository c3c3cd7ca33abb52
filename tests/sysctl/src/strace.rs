//! What strace saw of all processes of a run.

use anyhow::Result;

use crate::place::Place;
use crate::program::{Program, Ran};

/// A run's system calls.
#[derive(Clone, Debug, Default)]
pub struct Strace {
    /// In the order in which they ended.
    pub calls: Vec<TracedCall>,
}

/// One system call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TracedCall {
    /// The process that made it.
    pub pid: u32,
    /// Its name, as strace writes it.
    pub name: String,
    /// What follows the name, as strace writes it; with `-y`, descriptors come with their paths: `3</proc/sys>`.
    pub rest: String,
}

/// Where strace writes, on the host.
const LOG: &str = "/run/strace.log";

impl Strace {
    /// Runs our applier with these arguments under strace. Descriptors come with their paths.
    ///
    /// # Errors
    /// When it cannot be run.
    pub fn of(place: &Place, arguments: &[&str]) -> Result<(Ran, Self)> {
        Self::with(place, &[], arguments)
    }

    /// As [`Self::of`], with these options for strace, which can make a system call fail or end its process.
    ///
    /// # Errors
    /// As [`Self::of`].
    pub fn with(place: &Place, options: &[&str], arguments: &[&str]) -> Result<(Ran, Self)> {
        let mut command = std::process::Command::new("strace");
        command
            .args(["-f", "-y", "-s", "256", "-o", LOG])
            .args(options)
            .arg("--")
            .arg(Program::Orlop.path())
            .args(arguments);
        let ran = place.host.enter(|| Ran::of(&mut command))?;
        Ok((ran, Self::parse(&place.host.read(LOG)?)))
    }

    /// From what `strace -f -o FILE` wrote.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut calls: Vec<TracedCall> = Vec::new();
        for line in text.lines() {
            let Some((pid, call)) = line.trim_start().split_once(' ') else { continue };
            let Ok(pid) = pid.parse() else { continue };
            let call = call.trim_start();
            if let Some(rest) = call.strip_prefix("<... ") {
                // The end of a call during which another process's was written.
                let Some((name, rest)) = rest.split_once(" resumed>") else { continue };
                let open = calls.iter_mut().rev().find(|call| call.pid == pid && call.name == name);
                if let Some(open) = open {
                    open.rest.truncate(open.rest.trim_end().len());
                    open.rest.push_str(&spaced(rest));
                }
                continue;
            }
            let Some((name, rest)) = call.split_once('(') else { continue };
            let rest = rest.strip_suffix("<unfinished ...>").unwrap_or(rest);
            calls.push(TracedCall { pid, name: name.to_owned(), rest: spaced(rest) });
        }
        Self { calls }
    }

    /// The calls of these names.
    pub fn named<'a>(&'a self, names: &'a [&'a str]) -> impl Iterator<Item = &'a TracedCall> {
        self.calls.iter().filter(move |call| names.contains(&call.name.as_str()))
    }
}

/// The results in a column of their own are for people.
fn spaced(rest: &str) -> String {
    rest.rsplit_once(" = ").map_or_else(|| rest.to_owned(), |(call, result)| format!("{} = {result}", call.trim_end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_read_with_their_process_and_put_together_again() {
        let trace = Strace::parse(
            "7 openat2(3</proc/sys>, \"kernel/hostname\", {flags=O_RDWR} <unfinished ...>\n\
             8 write(1<pipe>, \"x\", 1) = 1\n\
             7 <... openat2 resumed>, 24)      = 4</proc/sys/kernel/hostname>\n\
             8 +++ exited with 0 +++\n",
        );
        assert_eq!(trace.calls.len(), 2);
        assert_eq!(trace.calls[0].pid, 7);
        assert!(trace.calls[0].rest.ends_with("{flags=O_RDWR}, 24) = 4</proc/sys/kernel/hostname>"), "{trace:?}");
        assert_eq!(trace.named(&["write"]).count(), 1);
    }
}
