//! The fuzz targets of this package: their committed seeds are replayed, and most of them are made here.

use orlop_harness::seeds::{self, Seed, Target};
use orlop_sysctl_contract::{Directory, Finding, Key, Origin, Problem, Request, STEPS_AT_ONCE, Step, Value, Want};
use orlop_wire::{Batch, encode, max_size};

use crate::targets;

/// The fuzz targets of this package, and what each does with a seed.
const TARGETS: [Target; 2] = [("sysctl_text", targets::text), ("sysctl_request", targets::request)];

#[test]
fn every_committed_seed_is_replayed() {
    seeds::replay(&TARGETS);
}

#[test]
fn every_seed_that_is_made_here_is_committed() {
    seeds::committed(&made());
}

fn made() -> Vec<Seed> {
    let mut all = Vec::new();
    for (name, how, cuts, text) in texts() {
        let places: Vec<u8> = cuts.iter().flat_map(|cut| cut.to_be_bytes()).collect();
        let count = u8::try_from(cuts.len()).unwrap();
        all.push(Seed::new("sysctl_text", name, [&[how, count][..], &places, &text].concat()));
    }
    for (name, frames) in requests() {
        let framed = frames.iter().flat_map(|frame| {
            let length = u16::try_from(frame.len()).unwrap().to_be_bytes();
            [&length[..], frame].concat()
        });
        all.push(Seed::new("sysctl_request", name, framed.collect()));
    }
    all
}

/// Name, how to read, where to cut, text.
fn texts() -> Vec<(&'static str, u8, Vec<u16>, Vec<u8>)> {
    let plain = |name, text: &str| (name, 0, vec![], text.as_bytes().to_vec());
    vec![
        plain("plain", "# a comment\nvm.swappiness = 10\nnet/core/somaxconn=4096\n"),
        plain(
            "pattern, key and exclusion",
            "net.ipv4.conf.*.rp_filter = 2\nnet.ipv4.conf.lo.rp_filter = 0\n-net.ipv4.conf.all.rp_filter\n",
        ),
        plain("excluded by pattern", "net.*.conf.*.rp_filter = 1\n-net.ipv4.conf.e*.rp_filter\n"),
        plain("later pattern", "vm.* = 1\nvm.s* = 2\n"),
        plain("lenient", "-no.such.key = 1\n-vm.swappiness=1\n"),
        plain(
            "at least",
            "# orlop: at-least\nnet.core.somaxconn = 4096\n# orlop: at-least\nvm.swappiness = x\n# orlop: at-least\n",
        ),
        plain("leads up", "../../etc/foo = 1\n/../etc = 1\nkernel/../kernel/hostname = x\nkernel.//.x = 1\n"),
        plain("absolute", "/proc/sys/kernel/hostname = x\n//vm//swappiness = 1\n"),
        plain("NUL", "vm.swappiness = 1\0\nvm\0 = 1\n\0\n"),
        plain("open bracket", "net.ipv4.conf.eth[0-9.rp_filter = 1\nnet.ipv4.conf.[[:alpha:]].x = 1\nx[ = 1\n-[\n"),
        plain("200 stars", &format!("net.{}.x = 1\n", "*a".repeat(100))),
        plain("200 stars side by side", &format!("net.{}.x = 1\n", "*".repeat(200))),
        plain(
            "a bracket in a name",
            "net.ipv6.conf.a*.rp_filter = 1\nnet/ipv6/conf/a\\[b\\]\\*/rp_filter = 2\nnet/ipv6/conf/[.]x/rp_filter = 3\n",
        ),
        plain("CRLF", "vm.swappiness = 10\r\n# x\r\n\r\nvm.* = 1\r\n"),
        plain("byte order mark", "\u{feff}vm.swappiness = 10\n\u{feff}vm.swappiness = 11\n"),
        plain("no line end", "vm.swappiness = 10"),
        plain("VLAN", "net.ipv4.conf.eth0.100.rp_filter = 1\nnet.ipv4.conf.eth0/100.rp_filter = 1\n"),
        plain("equals signs", "kernel.core_pattern = |/bin/x a=b\n=\n = 1\nvm.swappiness ==\n"),
        plain("a comment in the value", "vm.swappiness = 10 # ten\n"),
        plain(
            "the same again",
            "vm.swappiness = 1\nvm.drop_caches = 3\n-vm.swappiness = 1\nvm.swappiness = 2\n-vm.swappiness\n",
        ),
        plain("no assignment", "vm.swappiness\nvm.swappiness 10\n-\n"),
        plain("only patterns", "*\n-*\n* = 1\n*.* = 1\n*.*.* = 1\n?.[!v]*.* = 1\n"),
        plain("locks", "kernel.modules_disabled = 0x1\nkernel.* = 1\n"),
        ("long line", 0, vec![4000], [&b"vm.swappiness = "[..], &[b'x'; 4000], b"\nvm.drop_caches = 1\n"].concat()),
        ("not UTF-8", 0, vec![], b"vm.swappiness = \xff\n# caf\xe9\n\xc3".to_vec()),
        ("LinuxKit", 1, vec![], b"net.ipv4.conf.eth0/100.rp_filter = 1\n../vm/swappiness = 1\n".to_vec()),
        (
            "prefixes",
            2,
            vec![],
            b"vm.swappiness = 1\nvm.drop_caches = 1\nnet.*.conf.*.rp_filter = 1\nn*.core.* = 1\n".to_vec(),
        ),
        (
            "cut in lines",
            0,
            vec![1, 3, 1, 7],
            b"vm.swappiness = 1\r\nvm.drop_caches = 3\nnet.core.somaxconn = 5".to_vec(),
        ),
        ("three sources", 0, vec![5], b"vm.swappiness = 1\x1c\x1c# orlop: at-least\x1cvm.swappiness = 2\n".to_vec()),
        ("nothing", 0, vec![], vec![]),
    ]
}

fn requests() -> Vec<(&'static str, Vec<Vec<u8>>)> {
    let step = |(path, value): (&str, &str)| Step {
        key: Key::new(path).unwrap(),
        want: Want::Exactly(Value::new(value).unwrap()),
        origin: Origin { source: 1, line: 2 },
        replaces: Some(Origin { source: 0, line: 300 }),
        lenient: true,
        by_pattern: false,
    };
    let steps = |settings: &[(&str, &str)]| {
        Batch::pack(settings.iter().copied().map(step), STEPS_AT_ONCE)
            .into_iter()
            .map(Request::Steps)
            .collect::<Vec<_>>()
    };
    let frames = |requests: &[Request]| requests.iter().map(encoded).collect::<Vec<_>>();
    let broken = |from: &[u8], to: &[u8]| {
        let frame = frames(&steps(&[("net/a", "1")])).concat();
        let at = frame.windows(from.len()).position(|window| window == from).unwrap();
        vec![[&frame[..at], to, &frame[at + from.len()..]].concat()]
    };
    let finding = |problem| Request::Finding(Finding { origin: Origin { source: 0, line: 1 }, problem });
    let long = "7 ".repeat(2000);
    vec![
        ("steps", frames(&steps(&[("vm/swappiness", "10"), ("net/ipv4/ip_forward", "1")]))),
        (
            "steps one by one",
            [("vm/swappiness", "10"), ("vm/x", "1")].map(|setting| frames(&steps(&[setting]))).concat(),
        ),
        ("more steps than one request holds", frames(&steps(&["a", "b", "c", "d", "e"].map(|path| (path, &*long))))),
        ("a key twice", frames(&steps(&[("net/a", "1"), ("net/a", "2")]))),
        (
            "locks",
            frames(&steps(&[
                ("kernel/modules_disabled", "1"),
                ("kernel/yama/ptrace_scope", "3"),
                ("kernel/kexec_load_disabled", "01"),
            ])),
        ),
        ("list", frames(&[Request::List(Directory::root()), Request::List(Directory::new("net/ipv4/conf").unwrap())])),
        ("findings", frames(&[finding(Problem::TooMany), finding(Problem::NoMatch)])),
        ("done", frames(&[Request::Done { unsaid: 7 }])),
        ("a key that leads up", broken(b"net/a", b"../ab")),
        ("an absolute key", broken(b"net/a", b"/etc/")),
        ("a key with NUL", broken(b"net/a", b"net\0a")),
        ("a value of two lines", broken(b"\x011", b"\x01\n")),
        ("a length of another spelling", broken(b"\x05net/a", b"\x85\x00net/a")),
        ("trailing byte", vec![[frames(&steps(&[("a", "1")])).concat(), vec![0]].concat()]),
        ("unknown tag", vec![vec![9]]),
        ("number without end", vec![vec![3, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]]),
        ("empty frames", vec![vec![], vec![]]),
    ]
}

fn encoded(request: &Request) -> Vec<u8> {
    encode(request, &mut vec![0; max_size::<Request>()]).unwrap().to_vec()
}
