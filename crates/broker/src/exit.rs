//! The table of exit codes that `--help` shows.

use std::fmt::Write as _;

use orlop_sandbox::fatal::Exit;

use orlop_sandbox::daemon::Daemon;

/// The table of `daemon`: what is true of every daemon, and in `own` what the other codes mean for this one. A text of
/// several lines is continued below itself.
#[must_use]
pub fn table(daemon: &Daemon, own: &[(Exit, &str)]) -> String {
    let mut table = "Exit codes:\n".to_owned();
    for exit in (0..=u8::MAX).filter_map(Exit::from_code) {
        let text = own.iter().find(|(code, _)| *code == exit).map(|(_, text)| (*text).to_owned());
        let Some(text) = text.or_else(|| everywhere(exit, daemon)) else { continue };
        for (at, line) in text.lines().enumerate() {
            let code = if at == 0 { exit.code().to_string() } else { String::new() };
            // Writing to a String cannot fail.
            let _ = writeln!(table, "  {code:>2}  {line}");
        }
    }
    table
}

/// What a code means for every daemon; nothing for one that means something else for each.
fn everywhere(exit: Exit, daemon: &Daemon) -> Option<String> {
    Some(match exit {
        Exit::Usage => "the command line is wrong".to_owned(),
        Exit::Software => format!("a bug in {}", daemon.program),
        Exit::Os => "the kernel refused something".to_owned(),
        Exit::Permission => "a sandbox layer or a capability is missing".to_owned(),
        Exit::Done
        | Exit::Unmet
        | Exit::Mistaken
        | Exit::Unconfigured
        | Exit::AlreadyRunning
        | Exit::Partly
        | Exit::Refused
        | Exit::Config => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command_line::tests::DAEMON;

    #[test]
    fn a_daemon_adds_its_own_codes_and_the_order_is_that_of_the_numbers() {
        let own = [(Exit::Config, "the file is wrong"), (Exit::Done, "all is well\n(or it was told to end)")];
        let want = "Exit codes:\n   \
             0  all is well\n      \
                (or it was told to end)\n  \
            64  the command line is wrong\n  \
            70  a bug in orlop-test\n  \
            71  the kernel refused something\n  \
            77  a sandbox layer or a capability is missing\n  \
            78  the file is wrong\n";
        assert_eq!(table(&DAEMON, &own), want);
    }
}
