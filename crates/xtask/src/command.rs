//! Running other programs: printed before they run, and their failure named with what was typed.

use std::io::{BufRead, BufReader};
use std::process::{Command, ExitStatus, Stdio};

use anyhow::{Context, Result, bail};

/// The command as a person would type it, with the variables it sets in front.
pub(crate) fn shown(command: &Command) -> String {
    let variables = command
        .get_envs()
        .filter_map(|(name, value)| Some(format!("{}={}", name.display(), quoted(&value?.to_string_lossy()))));
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words = words.map(|word| quoted(&word.to_string_lossy()));
    variables.chain(words).collect::<Vec<_>>().join(" ")
}

fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=./:,+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) { word.to_owned() } else { format!("'{word}'") }
}

/// Runs `command` with our terminal and waits for it.
///
/// # Errors
/// When it cannot be started or does not end with success.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    run_shown_as(&shown(command), command)
}

/// The same for a command that is too long to be read: it is shown as `words`.
///
/// # Errors
/// As [`run`].
pub(crate) fn run_shown_as(words: &str, command: &mut Command) -> Result<()> {
    let status = ended(words, command)?;
    if !status.success() {
        bail!("`{words}` ended with {status}");
    }
    Ok(())
}

/// The same for a command whose exit code says more than that it failed.
///
/// # Errors
/// When it cannot be started.
pub(crate) fn ended(words: &str, command: &mut Command) -> Result<ExitStatus> {
    println!("  $ {words}");
    command.status().with_context(|| format!("cannot start `{words}`"))
}

/// Runs `command` and returns its standard output; its standard error goes to our terminal.
///
/// # Errors
/// When it cannot be started, does not end with success, or writes something that is not UTF-8.
pub(crate) fn captured(command: &mut Command) -> Result<String> {
    let output =
        command.stderr(Stdio::inherit()).output().with_context(|| format!("cannot start `{}`", shown(command)))?;
    if !output.status.success() {
        bail!("`{}` ended with {}", shown(command), output.status);
    }
    String::from_utf8(output.stdout).with_context(|| format!("`{}` wrote no UTF-8", shown(command)))
}

/// Whether `command` can be started and ends with success; its output is thrown away.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

/// Runs `command`, passes every line of its standard output on at once and shows it to `observe` too.
///
/// # Errors
/// When it cannot be started or does not end with success.
pub(crate) fn observed(command: &mut Command, mut observe: impl FnMut(&str)) -> Result<()> {
    println!("  $ {}", shown(command));
    let mut child =
        command.stdout(Stdio::piped()).spawn().with_context(|| format!("cannot start `{}`", shown(command)))?;
    if let Some(stdout) = child.stdout.take() {
        let mut reader = BufReader::new(stdout);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line)? > 0 {
            let text = String::from_utf8_lossy(&line);
            print!("{text}");
            observe(text.trim_end());
            line.clear();
        }
    }
    let status = child.wait()?;
    if !status.success() {
        bail!("`{}` ended with {status}", shown(command));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_as_it_would_be_typed() {
        let mut command = Command::new("cargo");
        command.args(["test", "a b"]).env("RUSTFLAGS", "-C target-feature=+crt-static");
        assert_eq!(shown(&command), "RUSTFLAGS='-C target-feature=+crt-static' cargo test 'a b'");
    }

    #[test]
    fn a_failing_command_is_an_error_that_names_it() {
        let error = run(Command::new("false").arg("--really")).unwrap_err();
        assert!(error.to_string().contains("`false --really` ended with exit status: 1"), "{error}");
    }

    #[test]
    fn every_line_is_observed_and_the_exit_status_is_kept() {
        let mut lines = Vec::new();
        let result =
            observed(Command::new("sh").args(["-c", "echo one; echo two; exit 3"]), |line| lines.push(line.to_owned()));
        assert_eq!(lines, ["one", "two"]);
        assert!(result.is_err());
    }
}
