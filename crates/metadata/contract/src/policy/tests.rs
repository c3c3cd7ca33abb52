use super::*;
use crate::{Chunk, Counters, Failure, Hostname, Mode};

const NOW: Instant = Instant::from_nanos(1_000_000_000);
const READ: Errand = Errand::Read;

fn path(text: &str) -> EntryPath {
    EntryPath::new(text).expect(text)
}

fn folder(text: &str) -> Request {
    Request::Folder { path: path(text), mode: Mode::FOLDER }
}

fn file(text: &str, length: usize) -> Request {
    Request::File { path: path(text), mode: Mode::SECRET, length: length.try_into().expect("small") }
}

fn content(length: usize) -> Request {
    Request::Content(core::iter::repeat_n(b'x', length).collect::<Chunk>())
}

fn hostname() -> Request {
    Request::Hostname(Hostname::of("web-1").expect("a name"))
}

fn done() -> Request {
    Request::Done(Counters::default())
}

/// What is denied last of `requests`, all before it being permitted.
fn last(errand: Errand, requests: &[Request]) -> Option<Denied> {
    let mut policy = Policy::new(NOW, errand);
    let (last, before) = requests.split_last().expect("some");
    for request in before {
        assert_eq!(policy.permit(NOW, request.clone()).map(Permitted::into_request).as_ref(), Ok(request));
    }
    policy.permit(NOW, last.clone()).err()
}

#[test]
fn a_tree_is_written_in_its_order_and_in_no_other() {
    for (what, requests, want) in [
        ("nothing", vec![done()], None),
        ("a file", vec![file("a", 2), content(1), content(1), hostname(), done()], None),
        ("an empty one", vec![file("a", 0), done()], None),
        ("a file in a folder", vec![folder("a"), folder("a/b"), file("a/b/c", 1), content(1), done()], None),
        ("no folder", vec![file("a/b", 0)], Some(Denied::NoFolder)),
        ("a file is none", vec![file("a", 0), file("a/b", 0)], Some(Denied::NoFolder)),
        ("a folder of another name", vec![folder("a"), file("b/c", 0)], Some(Denied::NoFolder)),
        ("twice", vec![folder("a"), file("a", 0)], Some(Denied::Twice)),
        ("too little", vec![file("a", 2), content(1), done()], Some(Denied::Unfinished)),
        ("too little, and another", vec![file("a", 2), file("b", 0)], Some(Denied::Unfinished)),
        ("too little, and it says so", vec![file("a", 2), content(1), Request::Failed(Failure::Silent)], None),
        ("too much", vec![file("a", 2), content(3)], Some(Denied::Unasked)),
        ("of no file", vec![content(1)], Some(Denied::Unasked)),
        ("of no bytes", vec![file("a", 2), content(0)], Some(Denied::Unasked)),
        ("two names", vec![hostname(), hostname()], Some(Denied::Unasked)),
        ("after the end", vec![done(), hostname()], Some(Denied::Over)),
        ("after a failure", vec![Request::Failed(Failure::Silent), done()], Some(Denied::Over)),
        ("the broker's file", vec![file(PROVIDER, 0)], Some(Denied::Reserved)),
        ("the broker's folder", vec![folder(STAGING)], Some(Denied::Reserved)),
        ("of that name elsewhere", vec![folder("a"), file("a/provider", 0), done()], None),
    ] {
        assert_eq!(last(READ, &requests), want, "{what}");
    }
}

#[test]
fn there_is_room_for_so_much_and_no_more() {
    let most: Vec<Request> = (0..MAX_ENTRIES).map(|n| folder(&format!("d{n}"))).collect();
    assert_eq!(last(READ, &most), None);
    assert_eq!(last(READ, &[most, vec![folder("one-more")]].concat()), Some(Denied::TooMany));
    assert_eq!(last(READ, &[file("a", MAX_FILE)]), None);
    assert_eq!(last(READ, &[file("a", MAX_FILE + 1)]), Some(Denied::TooLarge));
    let mut policy = Policy::new(NOW, READ);
    for name in ["a", "b"] {
        let _permitted = policy.permit(NOW, file(name, MAX_FILE)).expect(name);
        let whole = MAX_FILE / Chunk::MAX;
        for _ in 0..whole {
            let _permitted = policy.permit(NOW, content(Chunk::MAX)).expect(name);
        }
    }
    assert_eq!(policy.permit(NOW, file("c", 1)).err(), Some(Denied::TooLarge));
}

#[test]
fn an_errand_brings_what_it_was_for() {
    let connect = |place| Request::Connect(Place(place));
    let disk = |id| Request::Disk(DiskId(id), None);
    let fetch = Errand::Fetch { endpoints: 2 };
    let look = Errand::Look { disks: 2 };
    for (what, errand, request, want) in [
        ("an endpoint", fetch, connect(1), None),
        ("another's", fetch, connect(2), Some(Denied::NoSuchPlace)),
        ("from a disk", READ, connect(0), Some(Denied::NoSuchPlace)),
        ("while looking", look, connect(0), Some(Denied::NoSuchPlace)),
        ("a disk", look, disk(1), None),
        ("one that was not handed over", look, disk(2), Some(Denied::NoSuchPlace)),
        ("of the network", fetch, disk(0), Some(Denied::NoSuchPlace)),
        ("an entry while looking", look, folder("a"), Some(Denied::Unasked)),
        ("a name while looking", look, hostname(), Some(Denied::Unasked)),
        ("an end of looking", look, done(), Some(Denied::Unasked)),
        ("a failure", look, Request::Failed(Failure::Unreadable), None),
    ] {
        assert_eq!(last(errand, &[request]), want, "{what}");
    }
}

#[test]
fn connections_are_few() {
    let mut policy = Policy::new(NOW, Errand::Fetch { endpoints: 1 });
    let mut ask = |now| policy.permit(now, Request::Connect(Place(0))).err();
    for _ in 0..Policy::CONNECT_BURST {
        assert_eq!(ask(NOW), None);
    }
    assert_eq!(ask(NOW), Some(Denied::TooOften));
    let later = NOW.after(Policy::CONNECT_EVERY);
    assert_eq!(ask(later), None);
    assert_eq!(ask(later), Some(Denied::TooOften));
}
