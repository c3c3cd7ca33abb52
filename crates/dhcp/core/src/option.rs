//! All options of a message, wherever they stand and however they were split.
//!
//! A server may put options in three places (option 52, RFC 2131 section 4.1) and cut one option into several
//! instances that need not be neighbours (RFC 3396). [`Options`] undoes both: one byte string per code.
//!
//! **The rule of this whole parser: what is whole counts; what is broken costs itself; a message is dropped only when its
//! header, its type or its transaction is wrong.** So a field counts up to its first flaw, a list counts up to its last
//! whole member, a fixed-size option counts by its first bytes whatever follows them, and text that is sent twice counts once.

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

/// Bytes of a full instance: only one of these has to be continued in another (RFC 3396 section 5).
const FULL: usize = 255;

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
    instances: Vec<Instance<'a>>,
    discards: Vec<Discard>,
}

#[derive(Debug, Clone, Copy)]
struct Instance<'a> {
    code: u8,
    /// In which field it stands: the first, second or third that was walked.
    field: usize,
    data: &'a [u8],
}

/// How the instances of one option make one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Join {
    /// All of them in a row, as RFC 3396 says.
    All,
    /// For text, which has no end of its own: a later instance goes on where the one before was cut, because it was full or its
    /// field was. Any other is a copy, and some servers send one; joined, `a.example` would become `a.examplea.example`.
    Cut,
}

/// The bytes of an option.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joined<'a> {
    /// What counts.
    pub bytes: Cow<'a, [u8]>,
    /// Why that is not all there was.
    pub left_out: Option<Discard>,
}

impl<'a> Options<'a> {
    /// Walks `options`, then `file`, then `sname` as far as option 52 says so, in the order of RFC 3396 section 5.
    /// Keeps the codes for which `used` is true.
    ///
    /// A missing END is tolerated. Option 52 counts only in the options field, so it can never lead in a circle. A field
    /// whose option announces more bytes than are left (plain text in `file`, often) counts up to there.
    pub fn parse(fields: Fields<'a>, used: impl Fn(u8) -> bool) -> Self {
        let mut all = Self::default();
        let overload = all.walk(0, fields.options, &used);
        let (in_file, in_sname) = match overload {
            None => (false, false),
            Some(1) => (true, false),
            Some(2) => (false, true),
            Some(3) => (true, true),
            Some(_) => {
                all.discards.push(Discard::BadOption);
                (false, false)
            }
        };
        for (at, field) in [(1, in_file.then_some(fields.file)), (2, in_sname.then_some(fields.sname))] {
            if field.and_then(|field| all.walk(at, field, &used)).is_some() {
                all.discards.push(Discard::BadOption);
            }
        }
        all
    }

    /// The codes of all options, in whatever state these are.
    pub fn codes(&self) -> impl Iterator<Item = u8> {
        self.instances.iter().map(|instance| instance.code)
    }

    /// The bytes of option `code`, at most [`MAX_OPTION`] of them. `None` when there is none.
    #[must_use]
    pub fn get(&self, code: u8, join: Join) -> Option<Joined<'a>> {
        let mut all = self.instances.iter().filter(|instance| instance.code == code);
        let first = all.next()?;
        let mut last = first;
        let mut joined = Joined { bytes: Cow::Borrowed(first.data), left_out: None };
        for next in all {
            let goes_on =
                join == Join::All || last.data.len() == FULL || last.field != next.field || last.data.is_empty();
            if !goes_on {
                joined.left_out = Some(Discard::BadOption);
                break;
            }
            let room = MAX_OPTION.saturating_sub(joined.bytes.len());
            joined.bytes.to_mut().extend(next.data.iter().take(room));
            if next.data.len() > room {
                joined.left_out = Some(Discard::Excess);
                break;
            }
            last = next;
        }
        Some(joined)
    }

    /// What was left out although the message is sound.
    #[must_use]
    pub fn discards(&self) -> &[Discard] {
        &self.discards
    }

    /// Collects the options of one field, up to its first flaw. Returns what option 52 in it says, by its first byte (0,
    /// which means nothing, when it has no byte); `None` when there is none.
    fn walk(&mut self, at: usize, field: &'a [u8], used: &impl Fn(u8) -> bool) -> Option<u8> {
        let mut overload: Option<u8> = None;
        let mut rest = field;
        loop {
            match next(rest) {
                Ok(None) => return overload,
                Ok(Some((code, data, after))) => {
                    rest = after;
                    if code == OVERLOAD {
                        // A copy of it says nothing new.
                        overload = overload.or(Some(data.first().copied().unwrap_or(0)));
                    } else if used(code) {
                        self.keep(Instance { code, field: at, data });
                    }
                }
                Err(flaw) => {
                    self.discards.push(flaw);
                    return overload;
                }
            }
        }
    }

    fn keep(&mut self, instance: Instance<'a>) {
        if self.instances.len() < MAX_INSTANCES {
            self.instances.push(instance);
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
