//! Who does what: one process reads text, one opens settings, others write them.
#![allow(clippy::unwrap_used, reason = "a test says what failed by panicking")]

use std::collections::BTreeSet;
use std::process::Command;

use orlop_sandbox::capability::CapabilitySet;
use orlop_sysctl_contract::{Class, Key};
use orlop_test_sysctl::{Audit, LABEL, Place, Program, Ran, Strace, TracedCall};
use orlop_testbed::last_look;
use serde_json::Value;

const WORKER: &str = "64105";
const NET: &str = "64106";

/// Settings of three classes. The last belongs to the whole machine and is written as what it is, spelled differently.
fn three_classes(place: &Place) -> String {
    let restricted = place.get("kernel/dmesg_restrict").unwrap();
    format!(
        "net.ipv4.ip_default_ttl = 65\nkernel.domainname = y\nnet.ipv4.conf.eth0.arp_ignore = 1\n\
         kernel.dmesg_restrict = 0x{restricted}\nkernel.msgmax = 9000\nnet.ipv4.conf.*.rp_filter = 2\n"
    )
}

fn pids<'a>(calls: impl Iterator<Item = &'a TracedCall>) -> BTreeSet<u32> {
    calls.map(|call| call.pid).collect()
}

/// The user that a process became, as its own calls say.
fn user(strace: &Strace, pid: u32) -> String {
    let became = strace.named(&["setresuid", "setuid"]).filter(|call| call.pid == pid).last();
    became.map_or_else(|| "0".to_owned(), |call| call.rest.split([',', ')']).next().unwrap().to_owned())
}

#[test]
fn only_the_broker_opens_settings_and_only_appliers_write_them() {
    let Some(place) = Place::with(&[Program::Orlop]) else { return };
    place.configure_one(&three_classes(&place)).unwrap();
    let (ran, strace) = Strace::of(&place, &[]).unwrap();
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let is_setting = |call: &&TracedCall| call.rest.contains("</proc/sys/") && !call.rest.contains("O_DIRECTORY");
    let opens = pids(strace.named(&["openat", "openat2", "open"]).filter(is_setting));
    let writes: Vec<_> =
        strace.named(&["pwrite64", "write", "writev", "pwritev", "pwritev2"]).filter(is_setting).collect();
    let writers = pids(writes.iter().copied());
    assert_eq!(opens.len(), 1, "one process opens: {opens:?}");
    assert_eq!(writers.len(), 3, "three classes, three processes that write: {writers:?}");
    assert!(opens.is_disjoint(&writers), "{opens:?} {writers:?}");
    // Each once, as a whole, from the start.
    assert!(writes.iter().all(|call| call.name == "pwrite64" && call.rest.contains(", 0) =")), "{writes:?}");
    let ttl: Vec<_> = writes.iter().filter(|call| call.rest.contains("ip_default_ttl")).collect();
    assert_eq!(ttl.len(), 1, "{ttl:?}");
    for (setting, want) in [("/net/", NET), ("/kernel/", "0")] {
        for call in writes.iter().filter(|call| call.rest.contains(&format!("/proc/sys{setting}"))) {
            assert_eq!(user(&strace, call.pid), want, "{call:?}");
        }
    }
    // The text was sent to somebody who opened and wrote nothing at all.
    let worker = strace.named(&["setresuid", "setuid"]).find(|call| call.rest.starts_with(WORKER)).unwrap().pid;
    assert!(!opens.contains(&worker) && !writers.contains(&worker), "{worker}");
}

#[test]
fn after_it_is_locked_in_an_applier_opens_nothing() {
    let Some(place) = Place::with(&[Program::Orlop]) else { return };
    place.configure_one(&three_classes(&place)).unwrap();
    let (_, strace) = Strace::of(&place, &[]).unwrap();
    let writers = pids(strace.named(&["pwrite64"]).filter(|call| call.rest.contains("</proc/sys/")));
    for writer in writers {
        let own: Vec<_> = strace.calls.iter().filter(|call| call.pid == writer).collect();
        // The last filter of several.
        let locked =
            own.iter().rposition(|call| call.name == "seccomp" || call.rest.contains("PR_SET_SECCOMP")).unwrap();
        // What the filter answers with ENOSYS was not done: some C libraries try.
        let done =
            own[locked + 1..].iter().filter(|call| !call.rest.ends_with("= -1 ENOSYS (Function not implemented)"));
        let later: BTreeSet<_> = done.map(|call| call.name.as_str()).collect();
        let may = [
            "recvmsg",
            "sendto",
            "pread64",
            "pwrite64",
            "close",
            "write",
            "brk",
            "mmap",
            "munmap",
            "mremap",
            "exit_group",
            "exit",
        ];
        assert!(later.iter().all(|name| may.contains(name)), "{later:?}");
        assert!(later.contains("pwrite64") && later.contains("recvmsg"), "{later:?}");
    }
}

/// What a process said of itself and what its broker saw of it, as the kernel saw it at its end.
#[test]
fn the_posture_in_the_status_is_what_the_kernel_says_of_every_process() {
    let Some(place) = Place::with(&[Program::Orlop]) else { return };
    place.configure_one(&three_classes(&place)).unwrap();
    let contained = Program::Orlop.contained(LABEL);
    let (code, looks) = place.host.enter(|| last_look::run(&contained)).unwrap();
    assert_eq!(code, 0);
    let status: Value = serde_json::from_str(&place.host.read("/run/orlop/sysctl/status.json").unwrap()).unwrap();
    let posture = &status["posture"];
    let processes = posture.as_object().unwrap();
    assert_eq!(
        processes.keys().collect::<Vec<_>>(),
        ["supervisor", "sysctl-admin", "sysctl-broker", "sysctl-net", "sysctl-root", "sysctl-worker"],
        "what the label grants"
    );
    let mut claimed: Vec<[u64; 9]> = processes.values().map(|posture| claimed(&posture["status"])).collect();
    let mut seen: Vec<[u64; 9]> = looks.iter().map(observed).collect();
    claimed.sort_unstable();
    seen.sort_unstable();
    assert_eq!(claimed, seen, "{posture:#}\n{looks:#?}");
    for (role, uid, capabilities) in [("sysctl-worker", 64105, 0), ("sysctl-broker", 0, 0)] {
        let status = &posture[role]["status"];
        assert_eq!((status["uids"][1].as_u64(), mask(&status["effective"])), (Some(uid), capabilities), "{role}");
    }
    // What the kernel counts by user, it counts for the broker in a name of its own.
    assert_eq!(posture["sysctl-broker"]["status"]["uids"], serde_json::json!([64605, 0, 0, 0]));
    for (name, uid, capabilities) in
        [("sysctl-root", 0, 0), ("sysctl-net", 64106, 1 << 12), ("sysctl-admin", 0, 1 << 21)]
    {
        let status = &posture[name]["status"];
        for set in ["permitted", "effective", "bounding"] {
            assert_eq!(mask(&status[set]), capabilities, "{name}: {set}");
        }
        assert_eq!((status["uids"][1].as_u64(), status["no_new_privs"].as_bool()), (Some(uid), Some(true)), "{name}");
        assert_eq!(posture[name]["empty_root"], true, "{name}");
        assert!(posture[name]["landlock"].to_string().contains("full"), "{name}: {}", posture[name]["landlock"]);
    }
}

/// The kernel's mask of a set of capabilities.
fn mask(names: &Value) -> u64 {
    serde_json::from_value::<CapabilitySet>(names.clone()).unwrap().bits()
}

/// Real user, the five capability sets, `no_new_privs`, the number of filters and of threads.
fn claimed(status: &Value) -> [u64; 9] {
    let number = |name: &str| status[name].as_u64().unwrap();
    [
        status["uids"][0].as_u64().unwrap(),
        mask(&status["inheritable"]),
        mask(&status["permitted"]),
        mask(&status["effective"]),
        mask(&status["bounding"]),
        mask(&status["ambient"]),
        u64::from(status["no_new_privs"].as_bool().unwrap()),
        number("filters"),
        number("threads"),
    ]
}

fn observed(look: &orlop_testbed::LastLook) -> [u64; 9] {
    let number = |name: &str| look.field(name).unwrap().parse().unwrap();
    let set = |name: &str| u64::from_str_radix(look.field(name).unwrap(), 16).unwrap();
    [
        number("Uid"),
        set("CapInh"),
        set("CapPrm"),
        set("CapEff"),
        set("CapBnd"),
        set("CapAmb"),
        number("NoNewPrivs"),
        number("Seccomp_filters"),
        number("Threads"),
    ]
}

/// A Landlock rule dies with the kernel's memory of a file, which `vm.drop_caches` empties in the middle of this run.
#[test]
fn settings_are_found_after_the_kernel_forgot_them() {
    let Some(place) = Place::with(&[Program::Orlop]) else { return };
    let flush = "vm.drop_caches = 3\n";
    place
        .configure_one(&format!("kernel.msgmax = 9000\n{flush}kernel.domainname = y\nnet.ipv4.ip_default_ttl = 65\nkernel.sem = 250 32000 32 128\n"))
        .unwrap();
    let ran = place.run(Program::Orlop, &["--require-landlock"]).unwrap();
    let audit = Audit::of(&place).unwrap();
    let results: Vec<_> = audit.records.iter().map(|record| (record.key.as_str(), record.result.as_str())).collect();
    let want = [
        ("kernel.msgmax", "ok"),
        ("vm.drop_caches", "unverified"),
        ("kernel.domainname", "ok"),
        ("net.ipv4.ip_default_ttl", "ok"),
        ("kernel.sem", "ok"),
    ];
    // Reading back what was flushed is the kernel's choice.
    let readable = place.get("vm/drop_caches").is_ok();
    for (found, want) in results.iter().zip(want) {
        assert!(*found == want || readable && want.0 == "vm.drop_caches", "{results:?}\n{}", ran.stderr);
    }
    assert_eq!(results.len(), want.len());
}

/// What becomes of the others when one process dies, and of a setting when the kernel fails: strace makes both happen.
#[test]
fn a_process_that_dies_costs_its_own_settings_only() {
    let Some(place) = Place::with(&[Program::Orlop]) else { return };
    let (ttl, path) = ("net.ipv4.ip_default_ttl", "/proc/sys/net/ipv4/ip_default_ttl");
    for (what, inject, result, others) in [
        ("the applier is killed", "pwrite64:signal=SIGKILL", "failed", "failed"),
        ("the kernel has an error", "pwrite64:error=EIO", "failed", "ok"),
        ("the kernel takes nothing and says it did", "pwrite64:retval=3", "mismatch", "ok"),
        ("the kernel takes a part", "pwrite64:retval=1", "mismatch", "ok"),
    ] {
        place.set("net/ipv4/ip_default_ttl", "64").unwrap();
        place.set("net/ipv4/conf/eth0/arp_ignore", "0").unwrap();
        place.set("kernel/domainname", "x").unwrap();
        place
            .configure_one("net.ipv4.ip_default_ttl = 65\nnet.ipv4.conf.eth0.arp_ignore = 1\nkernel.domainname = y\n")
            .unwrap();
        let (ran, _) = Strace::with(&place, &["-P", path, &format!("--inject={inject}")], &[]).unwrap();
        let audit = Audit::of(&place).unwrap();
        let found = [ttl, "net.ipv4.conf.eth0.arp_ignore", "kernel.domainname"]
            .map(|key| audit.of_key(key).unwrap().result.clone());
        assert_eq!(found, [result, others, "ok"], "{what}: {:?}\n{}", audit.records, ran.stderr);
        assert_eq!(ran.code, 1, "{what}: {}", ran.stderr);
        assert_eq!(place.get("kernel/domainname").unwrap(), "y", "{what}");
    }
}

/// Writes a setting as what it is, as this user with only these capabilities: whether the kernel lets it.
fn lets(place: &Place, path: &str, user: &str, capabilities: &str) -> bool {
    let script = r#"value=$(cat "$0") && { echo "$value" >"$0"; } 2>/dev/null"#;
    let mut command = Command::new("setpriv");
    command.args(["--clear-groups", "--no-new-privs"]);
    if user == "0" {
        command.args(["--inh-caps=-all", &format!("--bounding-set=-all{capabilities}")]);
    } else {
        // Ambient capabilities survive the change of user.
        let some = if capabilities.is_empty() { "-all".to_owned() } else { format!("-all{capabilities}") };
        command.args([&format!("--reuid={user}"), &format!("--inh-caps={some}"), &format!("--ambient-caps={some}")]);
        command.arg(format!("--bounding-set={some}"));
    }
    command.args(["--", "sh", "-c", script, path]);
    place.host.enter(|| Ran::of(&mut command)).unwrap().code == 0
}

/// The table of classes is what this kernel asks for. Every setting is written as what it is already.
#[test]
fn a_setting_has_the_class_that_the_kernel_asks_for() {
    let Some(place) = Place::with(&[Program::Orlop]) else { return };
    let mut wrong = Vec::new();
    for key in [
        "net/ipv4/ip_forward",
        "net/ipv4/ip_default_ttl",
        "net/ipv4/conf/eth0/rp_filter",
        "net/ipv4/neigh/eth0/ucast_solicit",
        "net/ipv6/conf/eth0/hop_limit",
        "net/core/somaxconn",
        "net/unix/max_dgram_qlen",
        "kernel/hostname",
        "kernel/domainname",
        "kernel/sem",
        "kernel/msgmax",
        "kernel/shmmni",
        "fs/mqueue/queues_max",
        "kernel/perf_event_paranoid",
        "kernel/randomize_va_space",
        "kernel/core_pattern",
        "kernel/kptr_restrict",
        "kernel/dmesg_restrict",
        "vm/swappiness",
        "vm/mmap_min_addr",
        "fs/file-max",
        "fs/protected_symlinks",
    ] {
        let (path, class) = (format!("/proc/sys/{key}"), Class::of(&Key::new(key).unwrap()));
        // As the applier of its class, and as the same user with all of the capabilities here but its own. (Root writes many
        // settings of the network without any.)
        let (user, own, others) = match class {
            Class::Root => ("0", "", None),
            Class::NetAdmin => (NET, ",+net_admin", Some(",+sys_admin,+sys_rawio,+sys_ptrace")),
            Class::SysAdmin => ("0", ",+sys_admin", Some(",+net_admin,+sys_rawio,+sys_ptrace")),
            Class::SysRawio => ("0", ",+sys_rawio", Some(",+net_admin,+sys_admin,+sys_ptrace")),
            Class::SysResource | Class::SysPtrace => {
                panic!("{key}: these need a capability or a kernel that is not here")
            }
        };
        if !lets(&place, &path, user, own) {
            wrong.push(format!("{key}: {class:?} is not enough"));
        }
        if others.is_some_and(|others| lets(&place, &path, user, others)) {
            wrong.push(format!("{key}: {class:?} is not needed"));
        }
        if class != Class::NetAdmin && lets(&place, &path, "65534", ",+net_admin,+sys_admin,+dac_override") {
            wrong.push(format!("{key}: not only root's"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The trap that decides the design: what counts is who writes, not who opened.
#[test]
fn a_descriptor_that_root_opened_is_of_no_use_to_others() {
    let Some(place) = Place::with(&[Program::Orlop]) else { return };
    let script = |user: &str| {
        format!(
            "value=$(cat /proc/sys/kernel/msgmax); exec 3<>/proc/sys/kernel/msgmax
             setpriv --clear-groups --reuid={user} --bounding-set=-all --inh-caps=-all -- sh -c 'echo '$value' >&3'"
        )
    };
    assert!(place.host.shell(&script("0")).is_ok(), "the control: root without a capability");
    assert!(place.host.shell(&script("65534")).is_err(), "opened by root, written by nobody");
}
