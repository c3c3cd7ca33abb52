use std::fs;

use orlop_sysctl_contract::{Class, Origin, Rules, Step, Value, Want};
use orlop_testbed::Folder;

use super::*;
use crate::report::tests::sample;
use crate::serve::apply::tests::{Fake, crew, tree};

/// A tree, and a service that has put a plan in force there.
struct Stage {
    folder: Folder,
    tree: Tree,
    crew: Fake,
    report: Report,
    care: Care,
}

/// What a plan wants, and whether a pattern found it.
type Wish<'w> = (&'w str, &'w str, bool);

fn plan(wishes: &[Wish<'_>]) -> Vec<Permitted> {
    let mut policy = Policy::new(&Rules::default(), true);
    let step = |&(key, value, by_pattern): &Wish<'_>| Step {
        key: Key::new(key).unwrap(),
        want: Want::Exactly(Value::new(value).unwrap()),
        origin: Origin { source: 0, line: 1 },
        replaces: None,
        lenient: false,
        by_pattern,
    };
    wishes.iter().map(|wish| policy.permit(step(wish)).unwrap()).collect()
}

fn at(seconds: u64) -> Instant {
    Instant::from_nanos(0).after(Duration::from_secs(seconds))
}

impl Stage {
    /// With these keys, each of them `0`, and this plan.
    fn new(test: &str, present: &[&str], wishes: &[Wish<'_>], enforce: bool) -> Self {
        let present: Vec<String> = present.iter().map(|key| (*key).to_owned()).collect();
        let (folder, tree) = tree(test, &present);
        let mut crew = crew();
        let records = apply::all(&tree, &mut crew, Policy::arrange(plan(wishes)), false);
        let report = Report { records, ..sample() };
        Self { folder, tree, crew, report, care: Care::new(at(0), enforce) }
    }

    fn look(&mut self, seconds: u64, wishes: &[Wish<'_>], came: &[&str]) -> bool {
        let came: Vec<String> = came.iter().map(|name| (*name).to_owned()).collect();
        self.care.look(&mut self.report, &self.tree, &mut self.crew, plan(wishes), &came, at(seconds))
    }

    fn write(&self, key: &str, value: &str) {
        let path = self.folder.0.join(key);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, format!("{value}\n")).unwrap();
    }

    fn is(&self, key: &str) -> String {
        fs::read_to_string(self.folder.0.join(key)).unwrap().trim_end().to_owned()
    }

    fn remove(&self, key: &str) {
        fs::remove_file(self.folder.0.join(key)).unwrap();
    }

    fn told(&self) -> Vec<String> {
        let told = |record: &Record| format!("{} {}", record.permitted.step().key, record.outcome.unwrap().name());
        self.report.records.iter().map(told).collect()
    }

    /// came, foreign, put back
    fn counts(&self) -> [u64; 3] {
        let Followed { came, foreign, put_back, last: _ } = self.care.followed;
        [came, foreign, put_back]
    }
}

#[test]
fn where_nothing_happens_nothing_is_written_and_nothing_is_said() {
    let wishes = [("vm/a", "1", false), ("vm/none", "1", false)];
    let mut stage = Stage::new("care-quiet", &["vm/a"], &wishes, true);
    let handed = stage.crew.handed(Class::Root);
    for minute in 1..5 {
        assert!(!stage.look(minute * 60, &wishes, &[]));
    }
    assert_eq!((stage.crew.handed(Class::Root), stage.counts()), (handed, [0; 3]));
    assert_eq!(stage.told(), ["vm.a ok", "vm.none missing"]);
}

#[test]
fn what_was_missing_is_in_force_when_it_comes() {
    let (named, found) = (("vm/late", "1", false), ("net/ipv4/conf/wan0/x", "1", true));
    let mut stage = Stage::new("care-late", &["vm/a"], &[("vm/a", "1", false), named], false);
    stage.write("vm/late", "0");
    stage.write("net/ipv4/conf/wan0/x", "0");
    assert!(stage.look(1, &[("vm/a", "1", false), named, found], &["wan0"]));
    assert_eq!(stage.told(), ["vm.a ok", "vm.late ok", "net.ipv4.conf.wan0.x ok"]);
    assert_eq!((stage.is("vm/late"), stage.is("net/ipv4/conf/wan0/x")), ("1".to_owned(), "1".to_owned()));
    assert_eq!(stage.counts(), [2, 0, 0]);
    assert_eq!(stage.care.followed.last, Some(at(1)));
}

#[test]
fn what_goes_is_forgotten_or_missing_and_comes_again() {
    let (named, found) = (("vm/a", "1", false), ("net/ipv4/conf/wan0/x", "1", true));
    let mut stage = Stage::new("care-gone", &[named.0, found.0], &[named, found], true);
    stage.remove(named.0);
    stage.remove(found.0);
    assert!(stage.look(1, &[named], &[]));
    assert_eq!(stage.told(), ["vm.a missing"]);
    assert!(!stage.look(2, &[named], &[]), "said once");
    stage.write(named.0, "0");
    stage.write(found.0, "0");
    assert!(stage.look(3, &[named, found], &[]));
    assert_eq!(stage.told(), ["vm.a ok", "net.ipv4.conf.wan0.x ok"]);
    assert_eq!(stage.counts(), [2, 0, 0], "nobody has changed anything");
}

#[test]
fn an_interface_that_took_a_name_gets_its_settings_and_a_changed_one_does_not() {
    let wishes = [("net/ipv4/conf/eth0/x", "1", true), ("net/ipv4/conf/eth1/x", "1", true), ("vm/eth0", "1", false)];
    let mut stage = Stage::new("care-took", &wishes.map(|(key, ..)| key), &wishes, false);
    for (key, ..) in wishes {
        stage.write(key, "0");
    }
    assert!(stage.look(1, &wishes, &["eth0"]));
    assert_eq!(stage.told(), ["net.ipv4.conf.eth0.x ok", "net.ipv4.conf.eth1.x overtaken", "vm.eth0 overtaken"]);
    assert_eq!(wishes.map(|(key, ..)| stage.is(key)), ["1", "0", "0"]);
    assert_eq!(stage.counts(), [1, 2, 0]);
}

#[test]
fn each_change_by_somebody_else_is_counted_once_and_left_alone() {
    let wishes = [("vm/a", "1", false)];
    let mut stage = Stage::new("care-foreign", &["vm/a"], &wishes, false);
    for (what, value, different, told, foreign) in [
        ("a change", "7", true, "vm.a overtaken", 1),
        ("the same", "7", false, "vm.a overtaken", 1),
        ("another", "8", true, "vm.a overtaken", 2),
        ("as it should be", "1", true, "vm.a unchanged", 2),
        ("still", "1", false, "vm.a unchanged", 2),
        ("spelled in another way", "0x1", false, "vm.a unchanged", 2),
        ("and again", "7", true, "vm.a overtaken", 3),
    ] {
        stage.write("vm/a", value);
        assert_eq!(stage.look(60, &wishes, &[]), different, "{what}");
        assert_eq!((stage.told(), stage.is("vm/a")), (vec![told.to_owned()], value.to_owned()), "{what}");
        assert_eq!(stage.counts(), [0, foreign, 0], "{what}");
    }
    assert_eq!(stage.report.records[0].later.as_deref(), Some("7\n"));
}

#[test]
fn what_is_put_back_is_not_put_back_for_ever() {
    let wishes = [("vm/a", "1", false), ("vm/b", "1", false)];
    let mut stage = Stage::new("care-enforce", &["vm/a", "vm/b"], &wishes, true);
    let mut put_back = Vec::new();
    // Somebody changes one of them each minute for an hour.
    for minute in 1..=60 {
        stage.write("vm/a", "7");
        stage.look(minute * 60, &wishes, &[]);
        if stage.is("vm/a") == "1" {
            put_back.push(minute);
        }
    }
    assert_eq!(put_back, [1, 2, 3, 11, 21, 31, 41, 51]);
    assert_eq!(stage.counts()[2], 8);
    assert_eq!(stage.told(), ["vm.a overtaken", "vm.b ok"]);
    stage.write("vm/b", "7");
    stage.look(3601, &wishes, &[]);
    assert_eq!(
        (stage.is("vm/b"), stage.told()[1].as_str()),
        ("1".to_owned(), "vm.b ok"),
        "another has patience of its own"
    );
    // Nobody touches it for an hour.
    stage.look(3660 + 3600, &wishes, &[]);
    assert_eq!(stage.is("vm/a"), "1");
}

#[test]
fn what_the_plan_itself_overtakes_is_nobodys_change() {
    let wishes = [("vm/a", "1", false), ("vm/b", "2", false)];
    let mut stage = Stage::new("care-own", &["vm/a"], &[], true);
    fs::hard_link(stage.folder.0.join("vm/a"), stage.folder.0.join("vm/b")).unwrap();
    let plan = Policy::arrange(plan(&wishes));
    stage.report.records = apply::all(&stage.tree, &mut stage.crew, plan, false);
    assert_eq!(stage.told(), ["vm.a overtaken", "vm.b ok"]);
    for minute in 1..4 {
        assert!(!stage.look(minute * 60, &wishes, &[]));
    }
    assert_eq!((stage.is("vm/a"), stage.counts()), ("2".to_owned(), [0; 3]));
}

#[test]
fn what_was_refused_is_tried_again() {
    let wishes = [("net/ipv4/tcp_congestion_control", "1", false)];
    let mut stage = Stage::new("care-refused", &["net/ipv4/tcp_congestion_control"], &[], false);
    stage.crew = stage.crew.powerless(Class::NetAdmin, true);
    stage.report.records = apply::all(&stage.tree, &mut stage.crew, Policy::arrange(plan(&wishes)), false);
    assert!(!stage.look(60, &wishes, &[]), "no news");
    stage.crew = stage.crew.powerless(Class::NetAdmin, false);
    assert!(stage.look(120, &wishes, &[]));
    assert_eq!(stage.told(), ["net.ipv4.tcp_congestion_control ok"]);
}

#[test]
fn modules_are_locked_when_nothing_is_missing_any_more() {
    let wishes = [("kernel/modules_disabled", "1", false), ("net/late", "1", false)];
    let mut stage = Stage::new("care-lock", &["kernel/modules_disabled"], &wishes, false);
    assert_eq!(stage.told(), ["net.late missing", "kernel.modules_disabled skipped"]);
    assert!(!stage.look(60, &wishes, &[]));
    stage.write("net/late", "0");
    assert!(stage.look(120, &wishes, &[]));
    assert_eq!(stage.told(), ["net.late ok", "kernel.modules_disabled ok"]);
}
