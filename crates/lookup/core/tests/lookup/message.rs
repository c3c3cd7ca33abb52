//! DNS messages, written by hand, so that they can be wrong in every way.

/// What most answers are to: `a.example`.
pub(crate) const NAME: &str = "a.example";

pub(crate) const A: u16 = 1;
pub(crate) const CNAME: u16 = 5;
pub(crate) const AAAA: u16 = 28;

/// An answer whose parts can be set.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) id: u16,
    /// QR, OPCODE, AA, TC, RD; RA, Z, RCODE.
    pub(crate) flags: u16,
    /// QDCOUNT, if it is not the number of questions that are there.
    pub(crate) questions: Option<u16>,
    /// ANCOUNT, if it is not the number of records that are there.
    pub(crate) answers: Option<u16>,
    pub(crate) question: Vec<u8>,
    pub(crate) records: Vec<Vec<u8>>,
    /// After the answer section.
    pub(crate) rest: Vec<u8>,
}

impl Message {
    /// NOERROR to the question for addresses of this type of [`NAME`], with no records.
    pub(crate) fn new(id: u16, kind: u16) -> Self {
        let question = [&name(NAME)[..], &kind.to_be_bytes(), &1_u16.to_be_bytes()].concat();
        Self { id, flags: 0x8180, questions: None, answers: None, question, records: Vec::new(), rest: Vec::new() }
    }

    pub(crate) fn code(mut self, code: u16) -> Self {
        self.flags |= code;
        self
    }

    pub(crate) fn truncated(mut self) -> Self {
        self.flags |= 0x0200;
        self
    }

    /// Another question, or none, in raw bytes.
    pub(crate) fn question(mut self, question: Vec<u8>) -> Self {
        self.question = question;
        self
    }

    pub(crate) fn record(self, owner: &str, kind: u16, ttl: u32, data: &[u8]) -> Self {
        self.record_of(&name(owner), kind, 1, ttl, data)
    }

    /// With an owner in raw bytes, and a class.
    pub(crate) fn record_of(mut self, owner: &[u8], kind: u16, class: u16, ttl: u32, data: &[u8]) -> Self {
        let length = u16::try_from(data.len()).unwrap();
        let fixed = [&kind.to_be_bytes()[..], &class.to_be_bytes(), &ttl.to_be_bytes(), &length.to_be_bytes()].concat();
        self.records.push([owner, &fixed, data].concat());
        self
    }

    /// Raw bytes in the place of a record.
    pub(crate) fn raw(mut self, record: &[u8]) -> Self {
        self.records.push(record.to_vec());
        self
    }

    pub(crate) fn a(self, owner: &str, last: u8) -> Self {
        self.record(owner, A, 300, &[192, 0, 2, last])
    }

    pub(crate) fn alias(self, owner: &str, target: &str) -> Self {
        self.record(owner, CNAME, 300, &name(target))
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let questions = self.questions.unwrap_or(u16::from(!self.question.is_empty()));
        let answers = self.answers.unwrap_or(u16::try_from(self.records.len()).unwrap());
        let header = [self.id, self.flags, questions, answers, 0, 0].map(u16::to_be_bytes).concat();
        [header, self.question.clone(), self.records.concat(), self.rest.clone()].concat()
    }
}

/// A name, uncompressed.
pub(crate) fn name(text: &str) -> Vec<u8> {
    let labels =
        text.split('.').flat_map(|label| [&[u8::try_from(label.len()).unwrap()][..], label.as_bytes()].concat());
    labels.chain([0]).collect()
}

/// A pointer to an offset in the message.
pub(crate) fn pointer(to: u16) -> [u8; 2] {
    (0xc000 | to).to_be_bytes()
}
