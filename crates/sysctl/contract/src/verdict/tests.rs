use orlop_wire::Str;
use proptest::prelude::*;

use super::*;
use crate::{Key, Origin, Policy, Rules, Skipped, Step, Value};

fn permitted(path: &str, want: Want, lock: bool) -> Permitted {
    let step = Step {
        key: Key::new(path).unwrap(),
        want,
        origin: Origin { source: 0, line: 1 },
        replaces: None,
        lenient: false,
        by_pattern: false,
    };
    Policy::new(&Rules::default(), lock).permit(step).unwrap()
}

fn exactly(value: &str) -> Want {
    Want::Exactly(Value::new(value).unwrap())
}

fn trial(before: &str, wrote: Wrote, after: Option<&str>) -> Trial {
    Trial { before: Str::new(before), wrote, after: after.map(|after| Str::new(after).unwrap()) }
}

/// What is said of a value that the kernel took, when it says `after` afterwards.
fn after_a_write(path: &str, value: &str, before: &str, after: &str) -> Outcome {
    let step = permitted(path, exactly(value), true);
    judge(&step, &Attempt::Tried(Access::ReadWrite, trial(before, Wrote::Whole, Some(after))))
}

#[test]
fn a_write_that_the_kernel_took_and_changed_is_found_out() {
    let domain = "d".repeat(100);
    let pattern = "c".repeat(200);
    // Measured on Linux 6.18: each of these writes succeeds.
    for (what, path, value, before, after, want) in [
        ("the second number is dropped", "vm/swappiness", "40 50", "60\n", "40\n", Outcome::Mismatch),
        ("the first of four changes", "kernel/printk", "4", "7\t4\t1\t7\n", "4\t4\t1\t7\n", Outcome::Mismatch),
        ("nothing, for a number", "vm/swappiness", "", "60\n", "60\n", Outcome::Mismatch),
        ("a name of 100 bytes", "kernel/domainname", &domain, "(none)\n", &domain[..64], Outcome::Mismatch),
        ("a text of 200 bytes", "kernel/core_pattern", &pattern, "core\n", &pattern[..127], Outcome::Mismatch),
        ("as many as there is room for", "vm/nr_hugepages", "9999999", "0\n", "10815\n", Outcome::Mismatch),
        ("octal", "vm/swappiness", "010", "60\n", "8\n", Outcome::Normalized),
        ("hexadecimal", "vm/swappiness", "0x20", "60\n", "32\n", Outcome::Normalized),
    ] {
        assert_eq!(after_a_write(path, value, before, after), want, "{what}");
    }
}

#[test]
fn values_are_compared_as_what_they_are() {
    for (what, value, after, want) in [
        ("a number", "10", "10\n", Outcome::Ok),
        ("a list, with tabs", "4096 87380 6291456", "4096\t87380\t6291456\n", Outcome::Ok),
        ("a range, with spaces", "0  2147483647", "0\t2147483647\n", Outcome::Ok),
        ("a list in hexadecimal", "0x10 16", "16\t16\n", Outcome::Normalized),
        ("a list in another order", "1 2", "2\t1\n", Outcome::Mismatch),
        ("a negative number", "-1", "-1\n", Outcome::Ok),
        ("a number that wraps", "-1", "4294967295\n", Outcome::Mismatch),
        ("a text", "cubic", "cubic\n", Outcome::Ok),
        ("a text with spaces", "|/bin/x  %p", "|/bin/x  %p\n", Outcome::Ok),
        ("a text with other spaces", "|/bin/x  %p", "|/bin/x %p\n", Outcome::Mismatch),
        ("a text that looks octal", "010", "010\n", Outcome::Ok),
        ("a text that looks octal, and lost its zero", "8", "010\n", Outcome::Mismatch),
        ("nothing, for a text", "", "\n", Outcome::Ok),
        ("ports, joined", "8081,8080", "8080-8081\n", Outcome::Normalized),
        ("ports, octal and hexadecimal", "010,0x20", "8,32\n", Outcome::Normalized),
        ("ports, others", "8081,8080", "8080\n", Outcome::Mismatch),
        ("names in the kernel's order", "trap errno", "errno trap\n", Outcome::Normalized),
        ("names, one missing", "trap errno", "errno\n", Outcome::Mismatch),
        ("another case", "Host", "host\n", Outcome::Mismatch),
        ("an address", "2001:DB8::1", "2001:0db8:0000:0000:0000:0000:0000:0001\n", Outcome::Normalized),
        ("another address", "2001:db8::1", "2001:0db8:0000:0000:0000:0000:0000:0002\n", Outcome::Mismatch),
        ("flags that the kernel says in hexadecimal", "32767", "0x7fff\n", Outcome::Normalized),
        ("other flags", "32767", "0x0fff\n", Outcome::Mismatch),
        ("a key of groups", "A-0-0-1", "0000000a-00000000-00000000-00000001\n", Outcome::Normalized),
        ("another key", "A-0-0-1", "0000000a-00000000-00000000-00000010\n", Outcome::Mismatch),
        ("a mask of many processors", "ff", "00000000,000000ff\n", Outcome::Normalized),
        ("a mask of some", "3", "0003\n", Outcome::Normalized),
        ("another mask", "ff", "000000ff,00000000\n", Outcome::Mismatch),
        ("no mask", "80,90", "80-90\n", Outcome::Mismatch),
    ] {
        assert_eq!(after_a_write("some/key", value, "before\n", after), want, "{what}");
    }
}

#[test]
fn what_is_in_force_is_not_written() {
    for (what, want, before, in_force) in [
        ("the number", exactly("10"), "10\n", true),
        ("another number", exactly("10"), "11\n", false),
        ("the list", exactly("1 2"), "1\t2\n", true),
        ("the start of the list", exactly("1"), "1\t2\n", false),
        ("a spelling that a text would keep", exactly("0x20"), "32\n", false),
        ("the text", exactly("core"), "core\n", true),
        ("nothing", exactly(""), "\n", true),
        ("at least: less", Want::AtLeast(10), "9\n", false),
        ("at least: as much", Want::AtLeast(10), "10\n", true),
        ("at least: more than 64 bits with a sign", Want::AtLeast(10), "18446744073709551615\n", true),
        ("at least: negative", Want::AtLeast(10), "-1\n", false),
        ("at least: a list", Want::AtLeast(10), "11\t12\n", false),
        ("at least: a text", Want::AtLeast(10), "max\n", false),
    ] {
        assert_eq!(is_in_force(&want, before), in_force, "{what}");
    }
}

#[test]
fn what_was_not_written_is_judged_by_what_it_is() {
    use Access::{ReadOnly, ReadWrite, WriteOnly};
    for (what, path, want, access, before, outcome) in [
        ("in force", "vm/swappiness", exactly("60"), ReadWrite, "60\n", Outcome::Unchanged),
        ("in force, spelled differently", "vm/swappiness", exactly("0x3c"), ReadWrite, "60\n", Outcome::Unchanged),
        ("would change", "vm/swappiness", exactly("10"), ReadWrite, "60\n", Outcome::Differs),
        ("nobody's to write", "kernel/osrelease", exactly("10"), ReadOnly, "6.18\n", Outcome::ReadOnly),
        ("mounted read-only", "vm/swappiness", exactly("10"), Access::MountedReadOnly, "60\n", Outcome::ReadOnly),
        (
            "mounted read-only, whatever the class",
            "user/max_user_namespaces",
            exactly("10"),
            Access::MountedReadOnly,
            "60\n",
            Outcome::ReadOnly,
        ),
        ("nobody's to write, and so", "kernel/osrelease", exactly("6.18"), ReadOnly, "6.18\n", Outcome::Unchanged),
        (
            "ours with a capability",
            "user/max_user_namespaces",
            exactly("0"),
            ReadOnly,
            "9\n",
            Outcome::Denied(Some(Class::SysResource)),
        ),
        ("at least, and as much", "fs/file-max", Want::AtLeast(7), ReadWrite, "7\n", Outcome::Unchanged),
        ("at least, and more", "fs/file-max", Want::AtLeast(7), ReadWrite, "8\n", Outcome::Kept),
        ("at least, and less", "fs/file-max", Want::AtLeast(7), ReadWrite, "6\n", Outcome::Differs),
        ("at least, and a list", "net/ipv4/tcp_rmem", Want::AtLeast(7), ReadWrite, "4\t5\t6\n", Outcome::Invalid),
        ("locked", "kernel/modules_disabled", exactly("0"), ReadWrite, "1\n", Outcome::Locked),
        ("a trigger", "vm/drop_caches", exactly("3"), WriteOnly, "", Outcome::Differs),
    ] {
        let step = permitted(path, want, true);
        assert_eq!(judge(&step, &Attempt::Tried(access, trial(before, Wrote::No, None))), outcome, "{what}");
    }
}

#[test]
fn a_lock_that_may_not_be_closed_is_skipped_unless_it_is_closed_already() {
    let step = permitted("kernel/modules_disabled", exactly("1"), false);
    for (what, before, want) in
        [("open", "0\n", Outcome::Skipped(Skipped::NeedsLock)), ("closed already", "1\n", Outcome::Unchanged)]
    {
        let attempt = Attempt::Tried(Access::ReadWrite, trial(before, Wrote::No, None));
        assert_eq!(judge(&step, &attempt), want, "{what}");
    }
}

#[test]
fn what_the_kernel_refuses_is_called_by_its_reason() {
    for (what, path, value, before, errno, want) in [
        ("a value", "vm/swappiness", "300", "60\n", EINVAL, Outcome::Invalid),
        ("a range", "vm/swappiness", "300", "60\n", ERANGE, Outcome::Invalid),
        ("an unknown name", "net/ipv4/tcp_congestion_control", "x", "cubic\n", ENOENT, Outcome::Invalid),
        ("root's right", "vm/swappiness", "10", "60\n", EPERM, Outcome::Denied(None)),
        ("a capability", "net/ipv4/ip_forward", "1", "0\n", EPERM, Outcome::Denied(Some(Class::NetAdmin))),
        ("a capability", "kernel/kptr_restrict", "2", "0\n", EACCES, Outcome::Denied(Some(Class::SysAdmin))),
        ("a file system", "vm/swappiness", "10", "60\n", EROFS, Outcome::ReadOnly),
        ("something else", "vm/swappiness", "10", "60\n", 12, Outcome::Failed(12)),
        ("a lock, by EPERM", "kernel/unprivileged_bpf_disabled", "0", "1\n", EPERM, Outcome::Locked),
        ("a lock, by EINVAL", "kernel/modules_disabled", "0", "1\n", EINVAL, Outcome::Locked),
        ("a lock of three", "kernel/yama/ptrace_scope", "1", "3\n", EINVAL, Outcome::Locked),
        (
            "a lock that is open",
            "kernel/unprivileged_bpf_disabled",
            "1",
            "2\n",
            EPERM,
            Outcome::Denied(Some(Class::SysAdmin)),
        ),
        ("a value no lock has", "kernel/modules_disabled", "9", "0\n", EINVAL, Outcome::Invalid),
    ] {
        let step = permitted(path, exactly(value), true);
        let attempt = Attempt::Tried(Access::ReadWrite, trial(before, Wrote::Refused(errno), None));
        assert_eq!(judge(&step, &attempt), want, "{what}");
    }
}

#[test]
fn what_cannot_be_opened_is_called_by_its_reason() {
    for (what, path, errno, want) in [
        ("not there", "vm/none", ENOENT, Outcome::Missing),
        ("below a setting", "vm/swappiness/x", ENOTDIR, Outcome::Missing),
        ("a folder", "vm", EISDIR, Outcome::Missing),
        ("not ours", "vm/x", EACCES, Outcome::Denied(None)),
        ("not ours yet", "user/max_user_namespaces", EACCES, Outcome::Denied(Some(Class::SysResource))),
        ("mounted read-only", "vm/swappiness", EROFS, Outcome::ReadOnly),
        ("another mount", "fs/binfmt_misc/status", 18, Outcome::Failed(18)),
    ] {
        assert_eq!(judge(&permitted(path, exactly("1"), true), &Attempt::Unopened(errno)), want, "{what}");
    }
}

#[test]
fn what_cannot_be_read_back_is_not_called_a_success() {
    let step = permitted("vm/drop_caches", exactly("3"), true);
    let blind = |wrote| Attempt::Tried(Access::WriteOnly, Trial { before: None, wrote, after: None });
    assert_eq!(judge(&step, &blind(Wrote::Whole)), Outcome::Unverified);
    assert_eq!(judge(&step, &blind(Wrote::Short)), Outcome::Mismatch);
    let short = Attempt::Tried(Access::ReadWrite, trial("0\n", Wrote::Short, Some("3\n")));
    assert_eq!(judge(&step, &short), Outcome::Ok, "what the kernel says counts, not what it took");
}

#[test]
fn a_key_that_goes_while_it_is_open_is_missing() {
    let step = permitted("net/ipv4/conf/eth0/rp_filter", exactly("1"), true);
    let gone = Trial { before: None, wrote: Wrote::Refused(ENOENT), after: None };
    assert_eq!(judge(&step, &Attempt::Tried(Access::ReadWrite, gone.clone())), Outcome::Missing);
    assert_eq!(judge(&step, &Attempt::Tried(Access::WriteOnly, gone)), Outcome::Invalid, "nobody looked");
}

#[test]
fn at_least_is_judged_by_the_number_afterwards() {
    for (what, after, want) in
        [("as much", "10\n", Outcome::Ok), ("more", "16\n", Outcome::Ok), ("less", "9\n", Outcome::Mismatch)]
    {
        let step = permitted("fs/file-max", Want::AtLeast(10), true);
        let attempt = Attempt::Tried(Access::ReadWrite, trial("5\n", Wrote::Whole, Some(after)));
        assert_eq!(judge(&step, &attempt), want, "{what}");
    }
}

#[test]
fn what_is_written_only_so_that_it_stays_is_unchanged() {
    for (what, before, after, want) in [
        ("the same, before and after", "1\n", "1\n", Outcome::Unchanged),
        ("another before", "0\n", "1\n", Outcome::Ok),
        ("another after", "1\n", "0\n", Outcome::Mismatch),
    ] {
        assert_eq!(after_a_write("net/ipv4/conf/lo/rp_filter", "1", before, after), want, "{what}");
    }
}

proptest! {
    #[test]
    fn what_the_kernel_keeps_as_it_was_is_never_a_failure(value in "[ -~]{0,60}") {
        let text = format!("{value}\n");
        prop_assert!(is_in_force(&exactly(&value), &text));
        prop_assert!(!after_a_write("some/key", &value, "", &text).is_failure(true, false));
    }

    #[test]
    fn any_texts_can_be_compared(want in "[^\n\0]{0,60}", now: String) {
        let (same, again) = (compare(&want, &now), compare(&want, &now));
        prop_assert_eq!(same, again);
        prop_assert_eq!(is_in_force(&exactly(&want), &now), same == Likeness::Same);
    }
}
