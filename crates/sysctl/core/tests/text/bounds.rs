//! Nothing grows without end, whatever the text and the machine are.

use orlop_sysctl_contract::{
    Directory, MAX_FINDINGS, MAX_LISTS, MAX_STEPS, Notice, Problem, Request, Rules, Step, TEXT_AT_ONCE,
};
use orlop_sysctl_core::Reader;

use crate::stage::{Tree, play};

fn steps(said: &[Request]) -> Vec<&Step> {
    said.iter().flat_map(|request| if let Request::Steps(steps) = request { &**steps } else { &[] }).collect()
}

/// Each problem, with its line.
fn problems(said: &[Request]) -> Vec<(u32, &Problem)> {
    let mut problems = Vec::new();
    for request in said {
        if let Request::Finding(finding) = request {
            problems.push((finding.origin.line, &finding.problem));
        }
    }
    problems
}

fn read(tree: &Tree, text: &str) -> Vec<Request> {
    play(tree, &Rules::default(), &[vec![text.as_bytes()]])
}

#[test]
fn a_line_of_ten_megabytes_is_one_finding() {
    let mut reader = Reader::default();
    let piece = [b'a'; TEXT_AT_ONCE];
    let mut said = Vec::new();
    for _ in 0..10 * (1 << 20) / TEXT_AT_ONCE {
        let bytes = piece.into_iter().collect();
        said.extend(reader.handle(Notice::Text { source: 0, bytes, last: false }));
    }
    let bytes = b"\nvm.swappiness = 1".iter().copied().collect();
    said.extend(reader.handle(Notice::Text { source: 0, bytes, last: true }));
    said.extend(reader.handle(Notice::EndOfTexts));
    assert_eq!(problems(&said), [(1, &Problem::LongLine)]);
    assert_eq!(steps(&said).len(), 1, "the next line counts");
}

#[test]
fn findings_beyond_the_bound_are_counted() {
    let said = read(&Tree::default(), &"what\n".repeat(MAX_FINDINGS + 7));
    assert_eq!(problems(&said).len(), MAX_FINDINGS);
    assert_eq!(said.last(), Some(&Request::Done { unsaid: 7 }));
}

#[test]
fn many_hints_leave_room_for_an_error() {
    let said = read(&Tree::default(), &format!("{}what\n", "a.b = 1 # one\n".repeat(MAX_FINDINGS + 7)));
    let line = u32::try_from(MAX_FINDINGS + 8).unwrap();
    assert_eq!(problems(&said).last(), Some(&(line, &Problem::NoAssignment)), "the exit code depends on it");
    assert_eq!(said.last(), Some(&Request::Done { unsaid: u32::try_from(MAX_FINDINGS / 2 + 7).unwrap() }));
}

#[test]
fn a_plan_has_room_for_so_many_steps_and_says_so() {
    let text: String = (0..=MAX_STEPS).map(|number| format!("a.k{number} = 1\n")).collect();
    let said = read(&Tree::default(), &text);
    assert_eq!(steps(&said).len(), MAX_STEPS);
    let line = u32::try_from(MAX_STEPS + 1).unwrap();
    assert_eq!(problems(&said), [(line, &Problem::TooMany)]);
}

#[test]
fn what_a_pattern_stands_for_has_no_more_room() {
    let paths: Vec<_> = (0..5).flat_map(|folder| (0..4000).map(move |name| format!("f{folder}/n{name}"))).collect();
    let tree = Tree::new(paths.iter().map(String::as_str));
    let said = read(&tree, "a.b = 1\n*.* = 1\n");
    assert_eq!(steps(&said).len(), MAX_STEPS);
    assert_eq!(problems(&said), [(2, &Problem::TooMany)], "said once");
}

#[test]
fn a_long_value_for_many_settings_has_no_more_room_than_the_texts() {
    let paths: Vec<_> = (0..3000).map(|name| format!("f/n{name}")).collect();
    let tree = Tree::new(paths.iter().map(String::as_str));
    let said = read(&tree, &format!("f.* = {}\n", "x".repeat(4096)));
    assert_eq!(steps(&said).len(), 1023, "4 MiB, and the value itself");
    assert_eq!(problems(&said), [(1, &Problem::TooMany)]);
}

#[test]
fn many_patterns_in_a_large_tree_come_to_an_end() {
    let paths: Vec<_> = (0..3000).map(|name| format!("f/n{name}/x")).collect();
    let tree = Tree::new(paths.iter().map(String::as_str));
    let text: String = (0..1000).map(|number| format!("f.*.{number}* = 1\n")).collect();
    let said = read(&tree, &text);
    let given_up = problems(&said).into_iter().filter(|(_, problem)| **problem == Problem::TooMany).count();
    // 3001 looks each, and room for 262,144 of them.
    assert_eq!(given_up, 1000 - 87);
}

#[test]
fn folders_that_do_not_fit_into_memory_are_not_asked_for_without_end() {
    // 20,000 folders with a name each: more than is remembered.
    let paths: Vec<_> = (0..20_000).map(|name| format!("f{}/n{name}/x", name % 4)).collect();
    let tree = Tree::new(paths.iter().map(String::as_str));
    let text: String = (0..5).map(|number| format!("*.n*.{number}? = 1\n")).collect();
    let said = read(&tree, &text);
    let lists = said.iter().filter(|request| matches!(request, Request::List(_))).count();
    assert_eq!(lists, MAX_LISTS);
    assert_eq!(problems(&said).last(), Some(&(5, &Problem::TooMany)));
}

#[test]
fn a_folder_larger_than_any_is_cut_short() {
    let paths: Vec<_> = (0..9000).map(|name| format!("f/n{name:05}")).collect();
    let tree = Tree::new(paths.iter().map(String::as_str));
    assert_eq!(steps(&read(&tree, "f.* = 1")).len(), 8192);
}

#[test]
fn what_nobody_asked_for_is_ignored() {
    let mut reader = Reader::default();
    let names = || Notice::Names { names: [].into_iter().collect(), last: true };
    let text = |text: &[u8]| Notice::Text { source: 0, bytes: text.iter().copied().collect(), last: true };
    assert_eq!(reader.handle(names()), [], "before the texts");
    assert_eq!(reader.handle(text(b"a.* = 1")), []);
    let folder = Directory::new("a").unwrap();
    assert_eq!(reader.handle(Notice::EndOfTexts), [Request::List(folder)]);
    assert_eq!(reader.handle(text(b"b = 1")), [], "after the texts");
    assert!(matches!(reader.handle(names()).as_slice(), [Request::Finding(_), Request::Done { unsaid: 0 }]));
    assert_eq!(reader.handle(names()), [], "after the end");
}
