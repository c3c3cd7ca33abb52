//! What each fuzz target does with its bytes. `fuzz/` compiles this very file; here the committed seeds and proptest run it on
//! stable.

use std::collections::BTreeSet;

use orlop_machine::Instant;
use orlop_metadata_contract::{
    Errand, Kind, MAX_ENTRIES, MAX_FILE, MAX_TOTAL, Permitted, Policy, Provider, Request as Asked,
};
use orlop_metadata_core::Facts;
use orlop_metadata_core::http::{HttpError, Progress, Reader, Response};
use orlop_metadata_core::left_out::MAX_TOLD;
use orlop_metadata_core::provider::{Answers, Failure, Halt, Options, SOURCES, Talk};
use orlop_metadata_core::tree::Tree;

/// Bytes of the body of an answer, at most, in the target.
const MOST: usize = 64;

/// The first byte says in what pieces the rest comes: an answer gives the same in them and whole.
pub(crate) fn http(data: &[u8]) {
    let Some((pieces, bytes)) = data.split_first() else { return };
    let size = usize::from(*pieces % 31) + 1;
    let whole = answer_in_pieces(bytes, [bytes.len()]);
    let ends = (0..=bytes.len() / size).map(|n| n * size).chain([bytes.len()]);
    assert_eq!(answer_in_pieces(bytes, ends), whole);
    if let Ok((response, consumed)) = whole {
        assert!(response.body.len() <= MOST && consumed <= bytes.len());
        assert!((200..600).contains(&response.status), "{}", response.status);
    }
}

/// What comes of a stream whose pieces end there, and how many of its bytes belong to the answer.
pub(crate) fn answer_in_pieces(
    bytes: &[u8],
    ends: impl IntoIterator<Item = usize>,
) -> Result<(Response, usize), HttpError> {
    let mut reader = Reader::new(MOST);
    let mut begin = 0;
    for end in ends {
        if let Progress::Whole { response, rest } = reader.push(&bytes[begin..end])? {
            return Ok((response, end - rest));
        }
        begin = end;
    }
    reader.end().map(|response| (response, bytes.len()))
}

/// Between the answers in the input of [`documents`]: one byte, which in no document of a provider stands alone in a line.
pub(crate) const BETWEEN: &[u8] = b"\n~\n";

/// The first byte says which provider is asked, the second what is allowed; the rest is its answers, which it gives in turn,
/// whatever the questions are. Each begins with a line of its status, and perhaps a word that comes as `Metadata-Flavor`.
pub(crate) fn documents(data: &[u8]) {
    let _ = documents_are_facts(data);
}

/// The same; whether facts came of it.
pub(crate) fn documents_are_facts(data: &[u8]) -> bool {
    let [which, options, rest @ ..] = data else { return false };
    let source = SOURCES[usize::from(*which) % SOURCES.len()];
    let options = Options { imds_v1: options & 1 == 1, reports: true };
    let mut given = Given::new(rest);
    let mut answers = Answers::default();
    let facts = given.lead(&mut answers, |answers| (source.read)(&Talk::new(answers, options)));
    let Ok(facts) = facts else { return false };
    check(&Tree::of(facts), source.provider);
    if let Some(report) = source.report {
        let _ = given.lead(&mut answers, |answers| report(&Talk::new(answers, options)));
    }
    true
}

/// Answers that are given in turn; when there is no more of them, all others are 404.
struct Given<'d> {
    left: Option<&'d [u8]>,
    asked: usize,
}

impl<'d> Given<'d> {
    const fn new(data: &'d [u8]) -> Self {
        Self { left: Some(data), asked: 0 }
    }

    fn lead<T>(&mut self, answers: &mut Answers, run: impl Fn(&Answers) -> Result<T, Halt>) -> Result<T, Failure> {
        loop {
            match run(answers) {
                Ok(done) => return Ok(done),
                Err(Halt::Fail(failure)) => return Err(failure),
                Err(Halt::Ask(ask)) => {
                    self.asked += 1;
                    assert!(self.asked <= Answers::MAX + 2, "it asks without end");
                    let request = ask.request.encode("192.0.2.1");
                    let head = request.split(|byte| *byte == b'\n').take_while(|line| *line != b"\r").count();
                    assert!((4..12).contains(&head), "a request of {head} lines");
                    answers.keep(&ask, self.next(ask.max_body))?;
                }
            }
        }
    }

    fn next(&mut self, max_body: usize) -> Response {
        let Some(left) = self.left else { return Response::absent() };
        let end = left.windows(BETWEEN.len()).position(|window| window == BETWEEN);
        let one = &left[..end.unwrap_or(left.len())];
        self.left = end.map(|end| &left[end + BETWEEN.len()..]);
        let (head, body) = one.split_at(one.iter().position(|byte| *byte == b'\n').unwrap_or(one.len()));
        let body = body.strip_prefix(b"\n").unwrap_or(body);
        let mut words = head.split(|byte| *byte == b' ').map(|word| String::from_utf8_lossy(word).into_owned());
        let status =
            words.next().and_then(|word| word.parse::<u16>().ok()).filter(|status| (200..600).contains(status));
        let flavor = words.next().filter(|word| word.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        let flavor = flavor.unwrap_or_else(|| "none".to_owned());
        let head = format!(
            "HTTP/1.1 {} x\r\nMetadata-Flavor: {flavor}\r\nContent-Length: {}\r\n\r\n",
            status.unwrap_or(404),
            body.len()
        );
        match Reader::new(max_body).push(&[head.as_bytes(), body].concat()) {
            Ok(Progress::Whole { response, .. }) => response,
            Ok(Progress::More) | Err(_) => Response::absent(),
        }
    }
}

/// The input is user data.
pub(crate) fn tree(data: &[u8]) {
    let facts = Facts { user_data: Some(data.to_vec()), ..Facts::default() };
    let tree = Tree::of(facts);
    check(&tree, Provider::Aws);
    let raw = tree.entries.iter().find(|entry| entry.path.as_str() == "userdata").map(|entry| &entry.kind);
    assert_eq!(raw, Some(&Kind::File(data.to_vec())), "the raw user data");
}

/// Every rule that a tree keeps, whatever it was made of: the broker permits all of it.
pub(crate) fn check(tree: &Tree, provider: Provider) {
    let now = Instant::from_nanos(0);
    let mut policy = Policy::new(now, Errand::Fetch { endpoints: 1 });
    let (mut seen, mut total) = (BTreeSet::new(), 0);
    for entry in &tree.entries {
        assert!(seen.insert(entry.path.clone()), "{} twice", entry.path);
        let (path, mode) = (entry.path.clone(), entry.mode);
        let request = match &entry.kind {
            Kind::Folder => Asked::Folder { path, mode },
            Kind::File(bytes) => {
                assert!(bytes.len() <= MAX_FILE);
                total += bytes.len();
                // Its content is as long as it says: of no interest here, and many messages.
                Asked::File { path, mode, length: 0 }
            }
        };
        let permitted = policy.permit(now, request.clone()).map(Permitted::into_request);
        assert_eq!(permitted.as_ref(), Ok(&request), "of {}", provider.name());
        if ["userdata", "vendordata", "network-config", "userdata.unpacked"].contains(&entry.path.as_str()) {
            assert_eq!(entry.mode.bits(), 0o600, "{}", entry.path);
        }
    }
    assert!(tree.entries.len() <= MAX_ENTRIES && total <= MAX_TOTAL);
    assert!(tree.left_out.len() <= MAX_TOLD);
}
