//! The operator's own question: as a message, and what the answer says, as text.

use hickory_proto::op::Message;
use hickory_proto::rr::rdata::opt::EdnsOption;
use orlop_machine::Instant;
use orlop_resolver_contract::{MAX_RECORDS, Queried, QueryType, Record, UpstreamId};
use orlop_wire::{DomainName, Str};

/// Recursion desired (RFC 1035 section 4.1.1).
const RECURSION_DESIRED: u16 = 0x0100;
/// `IN`.
const CLASS: u16 = 1;
/// `OPT`, with the size that fits everywhere (RFC 6891 section 6.1; dnsflagday.net/2020).
const OPT: [u8; 11] = [0, 0, 41, 0x04, 0xd0, 0, 0, 0, 0, 0, 0];
/// The code of an extended error among the options (RFC 8914 section 2).
const EXTENDED_ERROR: u16 = 15;

/// The question as a message.
pub(crate) fn question(name: &DomainName, kind: QueryType) -> Vec<u8> {
    let mut message = Vec::with_capacity(name.as_str().len() + 32);
    let header = [0, RECURSION_DESIRED, 1, 0, 0, 1];
    message.extend(header.iter().flat_map(|word: &u16| word.to_be_bytes()));
    for label in name.as_str().split('.') {
        // A label of a DomainName has 63 bytes at most.
        message.push(u8::try_from(label.len()).unwrap_or(0));
        message.extend(label.as_bytes());
    }
    message.push(0);
    message.extend(kind.0.to_be_bytes());
    message.extend(CLASS.to_be_bytes());
    message.extend(OPT);
    message
}

/// What an answer says that took until `now` since it was asked for.
pub(crate) fn queried(message: &[u8], asked: Option<UpstreamId>, since: Instant, now: Instant) -> Queried {
    let took = now.since(since);
    let Ok(answer) = Message::from_vec(message) else {
        return Queried {
            // SERVFAIL: an answer that this program cannot show.
            rcode: 2,
            extended_error: None,
            asked,
            took,
            records: [].into_iter().collect(),
            is_cut: true,
        };
    };
    let code = u16::from(answer.metadata.response_code);
    let error = answer.edns.as_ref().and_then(|edns| {
        edns.options().as_ref().iter().find_map(|(code, option)| {
            if let EdnsOption::Unknown(_, data) = option
                && u16::from(*code) == EXTENDED_ERROR
            {
                data.first_chunk().map(|number| u16::from_be_bytes(*number))
            } else {
                None
            }
        })
    });
    let records = answer.answers.iter().take(MAX_RECORDS).map(|record| Record {
        name: Str::truncated(&record.name.to_string()),
        kind: QueryType(record.record_type().into()),
        ttl: record.ttl,
        data: Str::truncated(&record.data.to_string()),
    });
    Queried {
        rcode: u8::try_from(code).unwrap_or(u8::MAX),
        extended_error: error,
        asked,
        took,
        records: records.collect(),
        is_cut: answer.answers.len() > MAX_RECORDS,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::from_nanos(millis * 1_000_000)
    }

    #[test]
    fn a_question_is_one_that_everybody_understands() {
        let message = Message::from_vec(&question(&DomainName::new("a.example").unwrap(), QueryType(28))).unwrap();
        assert!(message.metadata.recursion_desired);
        assert_eq!(message.queries.len(), 1);
        assert_eq!(
            (message.queries[0].name().to_string(), u16::from(message.queries[0].query_type())),
            ("a.example.".to_owned(), 28)
        );
        assert_eq!(message.edns.map(|edns| edns.max_payload()), Some(1232));
    }

    #[test]
    fn an_answer_is_shown_as_zone_files_have_it() {
        let mut message = question(&DomainName::new("a.example").unwrap(), QueryType(1));
        // QR, NXDOMAIN, one record; and for the OPT without options one with an extended error.
        message[2] |= 0x80;
        message[3] = 3;
        message[7] = 1;
        let opt = message.len() - OPT.len();
        message.truncate(opt);
        message.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1]);
        message.extend([0, 0, 41, 0x04, 0xd0, 0, 0, 0, 0, 0, 6, 0, 15, 0, 2, 0, 3]);
        let upstream = UpstreamId::new(1);
        let shown = queried(&message, upstream, at(1), at(4));
        let record = &shown.records[0];
        assert_eq!((shown.rcode, shown.extended_error, shown.asked, shown.is_cut), (3, Some(3), upstream, false));
        assert_eq!(shown.took.as_millis(), 3);
        assert_eq!(
            (record.name.as_str(), record.kind.to_string().as_str(), record.ttl, record.data.as_str()),
            ("a.example.", "A", 60, "192.0.2.1")
        );
    }

    #[test]
    fn what_cannot_be_read_is_a_failure() {
        assert_eq!(queried(b"\0", None, at(0), at(0)).rcode, 2);
    }
}
