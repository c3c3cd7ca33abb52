//! What strace saw of all processes of a run.

/// A run's system calls.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    /// In the order in which they ended.
    pub calls: Vec<TracedCall>,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TracedCall {
    /// Who.
    pub pid: u32,
    /// Its name.
    pub name: String,
    /// What follows the name, as strace writes it; with `-y`, descriptors come with their paths: `3</proc/sys>`.
    pub rest: String,
}

impl Trace {
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
                    open.rest.push_str(rest);
                }
                continue;
            }
            let Some((name, rest)) = call.split_once('(') else { continue };
            let rest = rest.strip_suffix("<unfinished ...>").unwrap_or(rest);
            calls.push(TracedCall { pid, name: name.to_owned(), rest: rest.to_owned() });
        }
        Self { calls }
    }

    /// The calls of these names.
    pub fn named<'a>(&'a self, names: &'a [&'a str]) -> impl Iterator<Item = &'a TracedCall> {
        self.calls.iter().filter(move |call| names.contains(&call.name.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_read_with_their_process_and_put_together_again() {
        let trace = Trace::parse(
            "7 openat2(3</proc/sys>, \"kernel/hostname\", {flags=O_RDWR} <unfinished ...>\n\
             8 write(1<pipe>, \"x\", 1) = 1\n\
             7 <... openat2 resumed>, 24) = 4</proc/sys/kernel/hostname>\n\
             8 +++ exited with 0 +++\n",
        );
        assert_eq!(trace.calls.len(), 2);
        assert_eq!(trace.calls[0].pid, 7);
        assert!(trace.calls[0].rest.ends_with("{flags=O_RDWR} , 24) = 4</proc/sys/kernel/hostname>"), "{trace:?}");
        assert_eq!(trace.named(&["write"]).count(), 1);
    }
}
