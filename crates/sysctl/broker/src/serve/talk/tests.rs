use orlop_sysctl_contract::{Directory, Key, MAX_STEPS, Prefix, Problem, Step, Value, Want};

use super::*;
use orlop_wire::Batch;

fn origin(source: u16) -> Origin {
    Origin { source, line: 1 }
}

fn step(path: &str, source: u16) -> Step {
    Step {
        key: Key::new(path).unwrap(),
        want: Want::Exactly(Value::new("1").unwrap()),
        origin: origin(source),
        replaces: None,
        lenient: false,
        by_pattern: false,
    }
}

fn steps<const N: usize>(steps: [Step; N]) -> Request {
    let [batch] = Batch::pack(steps, usize::MAX).try_into().unwrap();
    Request::Steps(batch)
}

fn finding(source: u16) -> Request {
    Request::Finding(Finding { origin: origin(source), problem: Problem::NoAssignment })
}

/// A finding about two lines, the other one in `source`.
fn about(source: u16) -> Request {
    Request::Finding(Finding { origin: origin(0), problem: Problem::SetByName(origin(source)) })
}

#[test]
fn what_a_worker_says_is_kept_in_order() {
    let mut policy = Policy::new(&Rules::default(), false);
    let mut hearing = Hearing::new(2, &mut policy);
    for (what, request, want) in [
        ("a finding", finding(1), Next::Listen),
        ("a folder", Request::List(Directory::root()), Next::Answer(Directory::root())),
        ("settings", steps([step("vm/b", 1), step("vm/a", 0)]), Next::Listen),
        ("another", steps([step("vm/c", 0)]), Next::Listen),
        ("the end", Request::Done { unsaid: 7 }, Next::End),
    ] {
        assert_eq!(hearing.take(request), Ok(want), "{what}");
    }
    let Said { plan, findings, unsaid } = hearing.said;
    assert_eq!(plan.iter().map(|permitted| permitted.step().key.path()).collect::<Vec<_>>(), ["vm/b", "vm/a", "vm/c"]);
    assert_eq!((findings.len(), unsaid), (1, 7));
}

#[test]
fn a_worker_that_says_what_ours_never_says_is_not_believed() {
    let prefixes = [Prefix::new(Directory::new("vm").unwrap())].into_iter().collect();
    let rules = Rules { prefixes, ..Rules::default() };
    let replaces = Step { replaces: Some(origin(9)), ..step("vm/c", 0) };
    for (what, request) in [
        ("a key twice", steps([step("vm/a", 0)])),
        ("a key twice at once", steps([step("vm/b", 0), step("vm/b", 0)])),
        ("outside the prefixes", steps([step("kernel/core_pattern", 0)])),
        ("a setting from nowhere", steps([step("vm/b", 1)])),
        ("a replaced line from nowhere", steps([replaces])),
        ("a finding from nowhere", finding(1)),
        ("a finding about a line from nowhere", about(1)),
    ] {
        let mut policy = Policy::new(&rules, false);
        let mut hearing = Hearing::new(1, &mut policy);
        assert_eq!(hearing.take(steps([step("vm/a", 0)])), Ok(Next::Listen), "the control");
        assert_eq!(hearing.take(about(0)), Ok(Next::Listen), "the control");
        let fatal = hearing.take(request).unwrap_err();
        assert_eq!(fatal.exit, Exit::Software, "{what}");
    }
}

#[test]
fn everything_that_a_worker_says_is_bounded() {
    let most = |most: usize, request: &dyn Fn(usize) -> Request| {
        let mut policy = Policy::new(&Rules::default(), false);
        let mut hearing = Hearing::new(1, &mut policy);
        for number in 0..most {
            assert!(hearing.take(request(number)).is_ok(), "{number}");
        }
        assert!(hearing.take(request(most)).is_err());
    };
    most(MAX_FINDINGS, &|_| finding(0));
    most(MAX_LISTS, &|_| Request::List(Directory::root()));
    most(MAX_STEPS, &|number| steps([step(&format!("a/{number}"), 0)]));
}
