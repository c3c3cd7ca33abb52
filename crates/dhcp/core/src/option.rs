//! All options of a message, wherever they stand and however they were split.
//!
//! A server may put options in three places (option 52, RFC 2131 section 4.1) and cut one option into several
//! instances that need not be neighbours (RFC 3396). [`Options`] undoes both: one byte string per code.

use std::borrow::Cow;

use orlop_dhcp_contract::Discard;

/// RFC 2132 section 3.1: one byte, no length.
const PAD: u8 = 0;
/// RFC 2132 section 3.2: nothing after it counts.
const END: u8 = 255;
/// RFC 2132 section 9.3.
const OVERLOAD: u8 = 52;

/// Instances kept in all. A message of 1,500 bytes with every used option cut in four has under 80.
const MAX_INSTANCES: usize = 256;

/// Longest option after joining. The longest that means anything here, a full list of routes, has under 600 bytes.
const MAX_OPTION: usize = 2048;

/// The three fields of a message that can hold options.
#[derive(Debug, Clone, Copy)]
pub struct Fields<'a> {
    /// After the magic cookie, to the end of the message.
    pub options: &'a [u8],
    /// The 128 bytes of `file`.
    pub file: &'a [u8],
    /// The 64 bytes of `sname`.
    pub sname: &'a [u8],
}

/// The options of one message, as slices of it.
#[derive(Debug, Clone, Default)]
pub struct Options<'a> {
    instances: Vec<(u8, &'a [u8])>,
    discards: Vec<Discard>,
}

impl<'a> Options<'a> {
    /// Walks `options`, then `file`, then `sname` as far as option 52 says so, in the order of RFC 3396 section 5.
    /// Keeps the codes for which `used` is true.
    ///
    /// A missing END is tolerated. Option 52 counts only in the options field, so it can never lead in a circle.
    ///
    /// # Errors
    /// [`Discard::BadOptions`] when an option announces more bytes than its field has left: nothing after it, and
    /// nothing in it, can be trusted.
    pub fn parse(fields: Fields<'a>, used: impl Fn(u8) -> bool) -> Result<Self, Discard> {
        let mut all = Self::default();
        let (in_file, in_sname) = all.walk(fields.options, &used)?;
        for field in [in_file.then_some(fields.file), in_sname.then_some(fields.sname)].into_iter().flatten() {
            if all.walk(field, &used)? != (false, false) {
                all.discards.push(Discard::BadOption);
            }
        }
        Ok(all)
    }

    /// The bytes of option `code`: all its instances joined. `None` when there is none.
    ///
    /// # Errors
    /// [`Discard::Excess`] when they are longer than any use of them.
    pub fn get(&self, code: u8) -> Result<Option<Cow<'a, [u8]>>, Discard> {
        let mut joined: Option<Cow<'a, [u8]>> = None;
        for (_, data) in self.instances.iter().filter(|(have, _)| *have == code) {
            match &mut joined {
                None => joined = Some(Cow::Borrowed(data)),
                Some(start) if start.len().saturating_add(data.len()) > MAX_OPTION => return Err(Discard::Excess),
                Some(start) => start.to_mut().extend_from_slice(data),
            }
        }
        Ok(joined)
    }

    /// What was left out although the message is sound.
    #[must_use]
    pub fn discards(&self) -> &[Discard] {
        &self.discards
    }

    /// Collects the options of one field. Returns whether option 52 in it says that `file` and `sname` have more.
    fn walk(&mut self, field: &'a [u8], used: &impl Fn(u8) -> bool) -> Result<(bool, bool), Discard> {
        let mut overload: Option<&[u8]> = None;
        let mut rest = field;
        while let Some((code, data, after)) = next(rest)? {
            rest = after;
            if code == OVERLOAD {
                // A second one contradicts the first: an impossible value follows neither.
                overload = Some(if overload.is_some() { &[] } else { data });
            } else if used(code) {
                self.keep(code, data);
            }
        }
        Ok(match overload {
            None => (false, false),
            Some([1]) => (true, false),
            Some([2]) => (false, true),
            Some([3]) => (true, true),
            Some(_) => {
                self.discards.push(Discard::BadOption);
                (false, false)
            }
        })
    }

    fn keep(&mut self, code: u8, data: &'a [u8]) {
        if self.instances.len() < MAX_INSTANCES {
            self.instances.push((code, data));
        } else if self.discards.last() != Some(&Discard::Excess) {
            self.discards.push(Discard::Excess);
        }
    }
}

/// An option and what follows it.
type Step<'a> = (u8, &'a [u8], &'a [u8]);

/// The next option of a field. Each call consumes at least a byte, so a walk ends.
fn next(mut rest: &[u8]) -> Result<Option<Step<'_>>, Discard> {
    loop {
        match rest.split_first() {
            None | Some((&END, _)) => return Ok(None),
            Some((&PAD, after)) => rest = after,
            Some((&code, after)) => {
                let (&len, after) = after.split_first().ok_or(Discard::BadOptions)?;
                let (data, after) = after.split_at_checked(usize::from(len)).ok_or(Discard::BadOptions)?;
                return Ok(Some((code, data, after)));
            }
        }
    }
}
