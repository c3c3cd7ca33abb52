use std::collections::BTreeMap;
use std::fs;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use orlop_sysctl_contract::{Key, Origin, Policy, Rules, Skipped, Step, Value, Want};
use orlop_testbed::Folder;

use super::*;
use crate::write::work;

/// Writers that are no processes: they do what appliers do as long as nothing is said to the contrary.
pub(crate) struct Fake(BTreeMap<Class, FakeWriter>);

pub(crate) struct FakeWriter {
    name: &'static str,
    jobs: VecDeque<(Job, OwnedFd)>,
    /// How often it has no room, although its queue is empty.
    full: usize,
    /// How many jobs it takes at once, and how many it had at most.
    room: usize,
    most: usize,
    /// How often it was handed a job after it had been listened to, and whether it was listened to last.
    turns: usize,
    heard: bool,
    /// After how many answers it ends.
    lives: usize,
    /// The kernel asks it for a capability that it does not have.
    powerless: bool,
    /// It says that it has written, and that nobody can see it.
    liar: bool,
    /// The kernel takes no value that [`FakeWriter::takes`] says no to, as it does where one setting bounds another.
    bounds: Option<PathBuf>,
    /// Every job that it was handed, one after the other.
    handed: usize,
}

impl FakeWriter {
    fn new(name: &'static str) -> Self {
        Self {
            name,
            jobs: VecDeque::new(),
            full: 0,
            room: usize::MAX,
            most: 0,
            turns: 0,
            heard: false,
            lives: usize::MAX,
            powerless: false,
            liar: false,
            bounds: None,
            handed: 0,
        }
    }
}

pub(crate) fn crew() -> Fake {
    let writers = [(Class::Root, "root"), (Class::NetAdmin, "net"), (Class::SysAdmin, "admin")];
    Fake(writers.map(|(class, name)| (class, FakeWriter::new(name))).into())
}

impl Fake {
    fn change(mut self, class: Class, change: impl FnOnce(&mut FakeWriter)) -> Self {
        change(self.0.get_mut(&class).unwrap());
        self
    }

    /// Takes the capability of its class away from a writer, or gives it back.
    pub(crate) fn powerless(self, class: Class, powerless: bool) -> Self {
        self.change(class, |writer| writer.powerless = powerless)
    }

    /// How many jobs the writer of a class was handed.
    pub(crate) fn handed(&self, class: Class) -> usize {
        self.0[&class].handed
    }
}

impl Writers for Fake {
    type Writer = FakeWriter;

    fn of(&mut self, class: Class) -> Option<&mut FakeWriter> {
        self.0.get_mut(&class)
    }

    fn second(&mut self, class: Class) -> Option<&mut FakeWriter> {
        (class == Class::Root).then(|| self.0.get_mut(&Class::SysAdmin))?
    }
}

impl Writer for FakeWriter {
    fn name(&self) -> &'static str {
        self.name
    }

    fn send(&mut self, job: &Job, setting: BorrowedFd<'_>) -> Option<bool> {
        if self.lives == 0 || self.jobs.len() >= self.room {
            return (self.lives > 0).then_some(false);
        }
        if let Some(left) = self.full.checked_sub(1) {
            self.full = left;
            return Some(false);
        }
        self.handed += 1;
        self.turns += usize::from(std::mem::take(&mut self.heard));
        self.jobs.push_back((job.clone(), setting.try_clone_to_owned().unwrap()));
        self.most = self.most.max(self.jobs.len());
        Some(true)
    }

    fn recv(&mut self) -> Option<Trial> {
        self.lives = self.lives.checked_sub(1)?;
        self.heard = true;
        let (job, setting) = self.jobs.pop_front()?;
        if self.liar {
            return Some(Trial { before: None, wrote: Wrote::Whole, after: None });
        }
        if self.powerless && !job.dry {
            return Some(Trial { before: None, wrote: Wrote::Refused(Errno::PERM.raw_os_error()), after: None });
        }
        if self.bounds.as_deref().is_some_and(|folder| !job.dry && !takes(folder, &job)) {
            let before = crate::reading::reading(&setting);
            return Some(Trial { before, wrote: Wrote::Refused(Errno::INVAL.raw_os_error()), after: None });
        }
        Some(work(job, Some(setting)))
    }
}

/// Whether a kernel takes this whose settings below `vm` bound each other: none may be larger than the number in the file that
/// comes after it in the order of their names.
fn takes(folder: &Path, job: &Job) -> bool {
    let Want::Exactly(value) = &job.want else { return true };
    // A value is `NAME NUMBER`, so that the writer knows which setting it is about.
    let (name, number) = value.as_str().split_once(' ').unwrap();
    let next = char::from(name.as_bytes()[0] + 1).to_string();
    let Ok(bound) = fs::read_to_string(folder.join("vm").join(next)) else { return true };
    let bound = bound.split_whitespace().next_back().unwrap();
    number.parse::<u32>().unwrap() <= bound.parse().unwrap()
}

/// A tree with these keys, each of them `0`.
pub(crate) fn tree(test: &str, keys: &[String]) -> (Folder, Tree) {
    let folder = Folder::new(test);
    for key in keys {
        let path = folder.0.join(key);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "0\n").unwrap();
    }
    let tree = Tree::open(&folder.0).unwrap();
    (folder, tree)
}

fn keys(keys: &[&str]) -> Vec<String> {
    keys.iter().map(|key| (*key).to_owned()).collect()
}

/// A plan that makes every one of these keys `1`.
fn plan(keys: &[String], lock: bool) -> Arranged {
    plan_of(keys.iter().map(|key| (key.as_str(), "1")), lock)
}

fn plan_of<'a>(settings: impl IntoIterator<Item = (&'a str, &'a str)>, lock: bool) -> Arranged {
    let mut policy = Policy::new(&Rules::default(), lock);
    let step = |(key, value): (&str, &str)| Step {
        key: Key::new(key).unwrap(),
        want: Want::Exactly(Value::new(value).unwrap()),
        origin: Origin { source: 0, line: 1 },
        replaces: None,
        lenient: false,
        by_pattern: false,
    };
    Policy::arrange(settings.into_iter().map(|setting| policy.permit(step(setting)).unwrap()).collect())
}

/// What became of each, as `key by outcome`.
fn told(records: &[Record]) -> Vec<String> {
    let told = |record: &Record| {
        let (by, outcome) = (record.by.unwrap_or("nobody"), record.outcome.unwrap().name());
        format!("{} {by} {outcome}", record.permitted.step().key)
    };
    records.iter().map(told).collect()
}

#[test]
fn each_key_is_written_by_the_writer_of_its_class_in_the_order_of_the_plan() {
    let all_keys = keys(&["vm/a", "vm/b", "net/c", "kernel/kptr_restrict", "vm/d"]);
    let (folder, tree) = tree("apply-order", &all_keys);
    let records = all(&tree, &mut crew(), plan(&all_keys, false), false);
    let want = ["vm.a root ok", "vm.b root ok", "net.c net ok", "kernel.kptr_restrict admin ok", "vm.d root ok"];
    assert_eq!(told(&records), want);
    assert_eq!(fs::read_to_string(folder.0.join("vm/d")).unwrap(), "1\n");
}

#[test]
fn a_setting_that_another_one_changes_afterwards_is_found_out() {
    let (folder, tree) = tree("apply-overtaken", &keys(&["vm/a", "vm/c"]));
    // To write one of them is to write both, as with net/ipv4/ip_forward and what it stands for.
    fs::hard_link(folder.0.join("vm/a"), folder.0.join("vm/b")).unwrap();
    let settings = [("vm/a", "1"), ("vm/c", "1"), ("vm/b", "2")];
    let records = all(&tree, &mut crew(), plan_of(settings, false), false);
    assert_eq!(told(&records), ["vm.a root overtaken", "vm.c root ok", "vm.b root ok"]);
    assert_eq!(records[0].later.as_deref(), Some("2\n"));
    assert_eq!(records[1].later, None);
    let records = all(&tree, &mut crew(), plan_of([("vm/a", "1")], false), true);
    assert_eq!(told(&records), ["vm.a root differs"], "who only looks, looks once");
}

#[test]
fn an_interfaces_setting_is_written_even_where_it_is_in_force() {
    let interface = "net/ipv4/conf/lo/rp_filter";
    for (what, key, dry, want) in [
        ("inherited", interface, false, Wrote::Whole),
        ("inherited, only looking", interface, true, Wrote::No),
        ("an ordinary one", "net/ipv4/ip_forward", false, Wrote::No),
    ] {
        let (_folder, tree) = tree("apply-insist", &keys(&[key]));
        let records = all(&tree, &mut crew(), plan_of([(key, "0")], false), dry);
        assert_eq!(records[0].outcome, Some(Outcome::Unchanged), "{what}");
        assert!(matches!(&records[0].attempt, Some(Attempt::Tried(_, trial)) if trial.wrote == want), "{what}");
    }
}

#[test]
fn nothing_is_written_when_only_differences_are_asked_for() {
    let all_keys = keys(&["vm/a", "net/c"]);
    let (folder, tree) = tree("apply-dry", &all_keys);
    assert_eq!(
        told(&all(&tree, &mut crew(), plan(&all_keys, false), true)),
        ["vm.a root differs", "net.c net differs"]
    );
    assert_eq!(fs::read_to_string(folder.0.join("vm/a")).unwrap(), "0\n");
}

#[test]
fn a_key_that_is_not_there_is_missing_and_the_others_are_written() {
    let (_folder, tree) = tree("apply-missing", &keys(&["vm/a", "vm/c"]));
    let records = all(&tree, &mut crew(), plan(&keys(&["vm/a", "vm/b", "vm/c"]), false), false);
    assert_eq!(told(&records), ["vm.a root ok", "vm.b nobody missing", "vm.c root ok"]);
}

#[test]
fn a_long_run_of_one_class_is_tried_in_order_whatever_room_the_writer_has() {
    let many: Vec<String> = (0..100).map(|number| format!("vm/k{number:03}")).collect();
    let (_folder, tree) = tree("apply-many", &many);
    for (what, room, most, turns) in
        [("much room", usize::MAX, AT_ONCE, 5), ("room for one", 1, 1, 99), ("room for five", 5, 5, 32)]
    {
        for key in &many {
            fs::write(_folder.0.join(key), "0\n").unwrap();
        }
        let mut crew = crew().change(Class::Root, |root| root.room = room);
        let told = told(&all(&tree, &mut crew, plan(&many, false), false));
        let want: Vec<String> = (0..100).map(|number| format!("vm.k{number:03} root ok")).collect();
        assert_eq!(told, want, "{what}");
        let root = &crew.0[&Class::Root];
        assert_eq!((root.most, root.turns), (most, turns), "{what}");
    }
}

#[test]
fn what_is_overtaken_is_seen_whether_it_is_held_open_or_opened_again() {
    let many: Vec<String> = (0..300).map(|number| format!("vm/k{number:03}")).collect();
    let (folder, tree) = tree("apply-held", &many);
    // Two settings of one file each: the first of all, and one that comes when no more are held.
    for (first, second) in [(0, 298), (250, 299)] {
        fs::remove_file(folder.0.join(&many[second])).unwrap();
        fs::hard_link(folder.0.join(&many[first]), folder.0.join(&many[second])).unwrap();
    }
    let value = |number| if number < 298 { "1" } else { "2" };
    let settings = (0..).zip(&many).map(|(number, key)| (key.as_str(), value(number)));
    let told = told(&all(&tree, &mut crew(), plan_of(settings, false), false));
    let overtaken: Vec<&String> = told.iter().filter(|told| !told.ends_with(" ok")).collect();
    assert_eq!(overtaken, ["vm.k000 root overtaken", "vm.k250 root overtaken"]);
}

#[test]
fn when_a_writer_dies_its_settings_fail_and_the_others_go_on() {
    let all_keys = keys(&["vm/a", "vm/b", "vm/c", "net/d", "vm/e"]);
    let (_folder, tree) = tree("apply-death", &all_keys);
    let mut crew = crew().change(Class::Root, |root| root.lives = 1);
    let records = all(&tree, &mut crew, plan(&all_keys, false), false);
    let want = ["vm.a root ok", "vm.b root failed", "vm.c root failed", "net.d net ok", "vm.e root failed"];
    assert_eq!(told(&records), want);
}

#[test]
fn a_writer_that_takes_nothing_ends_nothing() {
    let all_keys = keys(&["vm/a", "net/b"]);
    let (_folder, tree) = tree("apply-full", &all_keys);
    let mut crew = crew().change(Class::Root, |root| root.room = 0);
    let records = all(&tree, &mut crew, plan(&all_keys, false), false);
    assert_eq!(told(&records), ["vm.a root failed", "net.b net ok"]);
    assert_eq!(records[0].outcome, Some(Outcome::Failed(Errno::TOOMANYREFS.raw_os_error())), "it has not ended");
    // Who has room again when all others were tried is handed the job then.
    let mut crew = self::crew().change(Class::Root, |root| root.full = 1);
    assert_eq!(told(&all(&tree, &mut crew, plan(&all_keys, false), false)), ["vm.a root ok", "net.b net unchanged"]);
}

#[test]
fn what_root_may_not_write_is_tried_once_more_with_a_capability() {
    let all_keys = keys(&["vm/a"]);
    let (_folder, tree) = tree("apply-again", &all_keys);
    let mut fallback = crew().change(Class::Root, |root| root.powerless = true);
    assert_eq!(told(&all(&tree, &mut fallback, plan(&all_keys, false), false)), ["vm.a admin ok"]);
    let mut neither = crew()
        .change(Class::Root, |root| root.powerless = true)
        .change(Class::SysAdmin, |admin| admin.powerless = true);
    fs::write(_folder.0.join("vm/a"), "0\n").unwrap();
    assert_eq!(told(&all(&tree, &mut neither, plan(&all_keys, false), false)), ["vm.a admin denied"]);
    let mut none = crew().change(Class::Root, |root| root.powerless = true);
    none.0.remove(&Class::SysAdmin);
    assert_eq!(told(&all(&tree, &mut none, plan(&all_keys, false), false)), ["vm.a root denied"]);
}

#[test]
fn where_no_writer_is_left_nothing_is_in_force() {
    let all_keys = keys(&["vm/a"]);
    let (folder, tree) = tree("apply-nobody", &all_keys);
    assert_eq!(told(&all(&tree, &mut Fake(BTreeMap::new()), plan(&all_keys, false), false)), ["vm.a nobody failed"]);
    assert_eq!(fs::read_to_string(folder.0.join("vm/a")).unwrap(), "0\n");
}

#[test]
fn locks_come_last_and_only_when_asked_for_and_modules_only_when_nothing_is_missing() {
    let all_keys = keys(&["kernel/modules_disabled", "kernel/kexec_load_disabled", "vm/a"]);
    let with_missing = keys(&["kernel/modules_disabled", "kernel/kexec_load_disabled", "vm/a", "net/nf_conntrack_max"]);
    let (folder, tree) = tree("apply-locks", &all_keys);
    let (modules, kexec) = ("kernel.modules_disabled", "kernel.kexec_load_disabled");
    for (what, keys, lock, kexec_is, modules_is) in [
        ("without --lock", &all_keys, false, "skipped", "skipped"),
        ("a key is missing", &with_missing, true, "ok", "skipped"),
        ("everything is there", &all_keys, true, "ok", "ok"),
    ] {
        for key in &all_keys {
            fs::write(folder.0.join(key), "0\n").unwrap();
        }
        let records = all(&tree, &mut crew(), plan(keys, lock), false);
        let told = told(&records);
        let last = told.split_last_chunk::<2>().unwrap().1;
        assert_eq!(*last, [format!("{kexec} root {kexec_is}"), format!("{modules} root {modules_is}")], "{what}");
        let is = fs::read_to_string(folder.0.join(&all_keys[0])).unwrap();
        assert_eq!(is == "1\n", modules_is == "ok", "{what}");
    }
    // What is in force already needs no --lock.
    fs::write(folder.0.join(&all_keys[0]), "1\n").unwrap();
    let records = all(&tree, &mut crew(), plan(&all_keys[..1], false), false);
    assert_eq!(records[0].outcome, Some(Outcome::Unchanged));
    assert_ne!(records[0].outcome, Some(Outcome::Skipped(Skipped::NeedsLock)));
}

#[test]
fn a_plan_that_is_only_shown_has_everything_in_its_order_and_tries_nothing() {
    let records = none(plan(&keys(&["kernel/modules_disabled", "vm/a"]), false));
    assert!(records.iter().all(|record| record.outcome.is_none() && record.attempt.is_none()));
    let order: Vec<_> = records.iter().map(|record| record.permitted.step().key.path()).collect();
    assert_eq!(order, ["vm/a", "kernel/modules_disabled"]);
}

#[test]
fn what_its_applier_cannot_read_is_read_by_the_broker() {
    let (_folder, tree) = tree("apply-liar", &keys(&["vm/a", "vm/b"]));
    let mut crew = crew().change(Class::Root, |root| root.liar = true);
    let records = all(&tree, &mut crew, plan_of([("vm/a", "1"), ("vm/b", "0")], false), false);
    assert_eq!(told(&records), ["vm.a root mismatch", "vm.b root unverified"]);
    assert_eq!(records[0].later.as_deref(), Some("0\n"));
}

#[test]
fn what_was_refused_is_tried_again_in_order_as_long_as_something_is_gained() {
    for (what, there, raised, want, handed) in [
        ("nothing to try again", "abcdef", "fedcba", 6, 6),
        ("one line, before the one that it needs", "ab", "ab", 2, 2 + 1),
        ("a chain: a pass for each link", "abc", "abc", 3, 3 + 2 + 1),
        ("as long a chain as there are passes", "abcd", "abcd", 4, 4 + 3 + 2 + 1),
        ("a longer one: its first link stays refused", "abcde", "abcde", 4, 5 + 4 + 3 + 2),
        ("nothing is gained: once more and no further", "abcdef", "ace", 0, 3 + 3),
        ("in the order of the plan, so that one pass is enough", "abcd", "cbad", 4, 4 + 3),
    ] {
        let all_keys: Vec<String> = there.chars().map(|name| format!("vm/{name}")).collect();
        let (folder, tree) = tree(&format!("apply-retry-{raised}"), &all_keys);
        let mut crew = crew().change(Class::Root, |root| root.bounds = Some(folder.0.clone()));
        let settings: Vec<_> = raised.chars().map(|name| (format!("vm/{name}"), format!("{name} 1"))).collect();
        let settings = settings.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        let records = all(&tree, &mut crew, plan_of(settings, false), false);
        let ok = records.iter().filter(|record| record.outcome == Some(Outcome::Ok)).count();
        assert_eq!((ok, crew.0[&Class::Root].handed), (want, handed), "{what}: {:?}", told(&records));
    }
}
