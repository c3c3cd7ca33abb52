//! Standard output.

use std::io;

use orlop_sandbox::fatal::Fatal;

/// Writes text to standard output. A reader that has heard enough is no error.
///
/// # Errors
/// The kernel refuses.
pub fn print(text: &str) -> Result<(), Fatal> {
    print_bytes(text.as_bytes())
}

/// As [`print`], what may be no text.
///
/// # Errors
/// The kernel refuses.
pub fn print_bytes(bytes: &[u8]) -> Result<(), Fatal> {
    write(&mut io::stdout(), bytes)
}

fn write(output: &mut impl io::Write, bytes: &[u8]) -> Result<(), Fatal> {
    match output.write_all(bytes).and_then(|()| output.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Fatal::os("cannot write to standard output", error))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;

    use super::*;

    #[test]
    fn a_reader_that_has_gone_is_no_error_and_a_full_disk_is() {
        let (reader, writer) = rustix::pipe::pipe().unwrap();
        drop(reader);
        assert_eq!(write(&mut std::fs::File::from(writer), b"text"), Ok(()));
        let mut full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        assert_eq!(write(&mut full, b"text").unwrap_err().problem, "cannot write to standard output");
    }
}
