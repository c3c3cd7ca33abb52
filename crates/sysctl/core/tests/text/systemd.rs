//! The expectations of systemd's own test of systemd-sysctl (TEST-87), as far as they are about text and outcome.

use orlop_sysctl_contract::{Attempt, Policy, Request, Rules, judge};

use crate::stage::{Tree, play};

/// The exit code: 1 when a setting is not in force, 2 when a line is an error.
fn exit_code(text: &str, strict: bool) -> u8 {
    let rules = Rules::default();
    let (mut policy, mut code) = (Policy::new(&rules, false), 0);
    for request in play(&Tree::default(), &rules, &[vec![text.as_bytes()]]) {
        match request {
            // ENOENT: there is no setting at all.
            Request::Steps(steps) => {
                for step in steps.into_vec() {
                    let lenient = step.lenient;
                    let outcome = judge(&policy.permit(step).unwrap(), &Attempt::Unopened(2));
                    code = code.max(u8::from(outcome.is_failure(strict, lenient)));
                }
            }
            Request::Finding(finding) if finding.problem.is_error() => code = 2,
            Request::Finding(_) | Request::List(_) | Request::Done { .. } => {}
        }
    }
    code
}

#[test]
fn exit_codes_are_those_of_systemd() {
    for (what, text, strict, want) in [
        ("a key that is missing", "foo.bar=42", false, 0),
        ("a key that is missing, strictly", "foo.bar=42", true, 1),
        ("a key that may be missing", "-foo.foo=42", false, 0),
        ("a key that may be missing, strictly", "-foo.foo=42", true, 0),
        ("white space and a comment", "   foo.bar=42\n#comment\n   ", false, 0),
        ("the same, strictly", "   foo.bar=42\n#comment\n   ", true, 1),
        ("without a line end", "-foo.bar=42", true, 0),
        ("a pattern that nothing matches", "net.ipv4.aaa.*.disable_policy=1", true, 0),
        // It is 1 there; here an error in the text has an exit code of its own.
        ("no assignment", "foo.bar", false, 2),
    ] {
        assert_eq!(exit_code(text, strict), want, "{what}");
    }
}
