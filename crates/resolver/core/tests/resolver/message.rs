//! DNS messages, written by hand, so that they can be wrong in every way.

pub(crate) const A: u16 = 1;
pub(crate) const NS: u16 = 2;
pub(crate) const CNAME: u16 = 5;
pub(crate) const SOA: u16 = 6;
pub(crate) const PTR: u16 = 12;
pub(crate) const TXT: u16 = 16;
pub(crate) const AAAA: u16 = 28;
pub(crate) const OPT: u16 = 41;

pub(crate) const QR: u16 = 0x8000;
pub(crate) const AA: u16 = 0x0400;
pub(crate) const TC: u16 = 0x0200;
pub(crate) const RD: u16 = 0x0100;
pub(crate) const RA: u16 = 0x0080;
pub(crate) const AD: u16 = 0x0020;
pub(crate) const CD: u16 = 0x0010;

/// A message whose parts can be set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) id: u16,
    pub(crate) flags: u16,
    /// Counts that are not those of what is there.
    pub(crate) counts: [Option<u16>; 4],
    /// Name, type and class, in raw bytes.
    pub(crate) question: Vec<u8>,
    /// Answers, authorities, additionals.
    pub(crate) sections: [Vec<Vec<u8>>; 3],
    /// After everything.
    pub(crate) rest: Vec<u8>,
}

impl Message {
    /// A client's question.
    pub(crate) fn query(text: &str, kind: u16) -> Self {
        let question = [&name(text)[..], &kind.to_be_bytes(), &1_u16.to_be_bytes()].concat();
        Self { id: 0x1234, flags: RD, counts: [None; 4], question, sections: Default::default(), rest: Vec::new() }
    }

    /// The answer to a question: its id and its question, no records.
    pub(crate) fn reply(query: &[u8]) -> Self {
        let id = u16::from_be_bytes([query[0], query[1]]);
        let end = 12 + query[12..].iter().position(|byte| *byte == 0).unwrap() + 5;
        let question = query[12..end].to_vec();
        Self { id, flags: QR | RD | RA, counts: [None; 4], question, sections: Default::default(), rest: Vec::new() }
    }

    pub(crate) fn flags(self, flags: u16) -> Self {
        Self { flags: self.flags | flags, ..self }
    }

    pub(crate) fn answer(self, owner: &[u8], kind: u16, ttl: u32, data: &[u8]) -> Self {
        self.raw(0, record(owner, kind, 1, ttl, data))
    }

    pub(crate) fn authority(self, owner: &[u8], kind: u16, ttl: u32, data: &[u8]) -> Self {
        self.raw(1, record(owner, kind, 1, ttl, data))
    }

    pub(crate) fn additional(self, owner: &[u8], kind: u16, ttl: u32, data: &[u8]) -> Self {
        self.raw(2, record(owner, kind, 1, ttl, data))
    }

    /// Raw bytes in the place of a record.
    pub(crate) fn raw(mut self, section: usize, record: Vec<u8>) -> Self {
        self.sections[section].push(record);
        self
    }

    /// An address of the name that was asked for.
    pub(crate) fn a(self, ttl: u32, last: u8) -> Self {
        self.answer(&QUESTION, A, ttl, &[192, 0, 2, last])
    }

    /// There is nothing, for so many seconds.
    pub(crate) fn soa(self, ttl: u32, minimum: u32) -> Self {
        let numbers = [1, 2, 3, 4, minimum].map(u32::to_be_bytes).concat();
        self.authority(&name("example"), SOA, ttl, &[name("ns.example"), name("root.example"), numbers].concat())
    }

    /// OPT with these flags and options.
    pub(crate) fn opt(self, size: u16, ttl: u32, options: &[u8]) -> Self {
        self.raw(2, record(&[0], OPT, size, ttl, options))
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let count = |at: usize| u16::try_from(self.sections[at].len()).unwrap();
        let there = [u16::from(!self.question.is_empty()), count(0), count(1), count(2)];
        let counts = [0, 1, 2, 3].map(|at| self.counts[at].unwrap_or(there[at]));
        let header = [self.id, self.flags].into_iter().chain(counts).flat_map(u16::to_be_bytes).collect::<Vec<_>>();
        [header, self.question.clone(), self.sections.concat().concat(), self.rest.clone()].concat()
    }
}

/// A pointer to the name of the question.
pub(crate) const QUESTION: [u8; 2] = [0xc0, 12];

/// DO, among the flags of OPT.
pub(crate) const DO: u32 = 0x8000;

pub(crate) fn record(owner: &[u8], kind: u16, class: u16, ttl: u32, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).unwrap();
    [owner, &kind.to_be_bytes(), &class.to_be_bytes(), &ttl.to_be_bytes(), &length.to_be_bytes(), data].concat()
}

/// A name, uncompressed.
pub(crate) fn name(text: &str) -> Vec<u8> {
    let labels = text.split('.').filter(|label| !label.is_empty());
    let labels = labels.flat_map(|label| [&[u8::try_from(label.len()).unwrap()][..], label.as_bytes()].concat());
    labels.chain([0]).collect()
}

/// An option of OPT.
pub(crate) fn option(number: u16, data: &[u8]) -> Vec<u8> {
    [&number.to_be_bytes()[..], &u16::try_from(data.len()).unwrap().to_be_bytes(), data].concat()
}
