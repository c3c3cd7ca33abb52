//! Configurations as people and programs write them, and as they should not.

use crate::chance::Chance;
use crate::settings::{self, Kind, Setting};
use crate::tree::DIRECTORIES;
use crate::tree::{Content, File, Tree};

/// Few, so that files of one name meet in several folders; some are no configuration to sysctl.d(5).
const NAMES: [&str; 12] = [
    "10-a.conf",
    "20-b.conf",
    "20-B.conf",
    "50-default.conf",
    "99-z.conf",
    "9-z.conf",
    "zz.conf",
    "ü.conf",
    "README",
    "50-default.conf.bak",
    "20-b.conf~",
    ".hidden.conf",
];

/// Patterns that stand for an interface in a key.
const INTERFACE_PATTERNS: [&str; 14] = [
    "*", "eth*", "eth?", "e*0", "[a-d]*", "*.100", "[!e]*", "[^l]*", "eth0*", "w[a]n?", "?th1", "eth[01]", "*h*",
    "eth0.1??",
];

/// Other patterns. Whatever they match is one of [`settings::all`]: a test looks.
pub const PATTERNS: [&str; 16] = [
    "kernel.msgm*",
    "kernel.shmm*",
    "kernel/*domainname",
    "kernel.[hd]o[sm]*name",
    "fs.mqueue.*_max",
    "fs/mqueue/*_default",
    "fs.mqueue.msg*",
    "net.ipv4.tcp_keepalive_*",
    "net.ipv4.tcp_[rw]mem",
    "net.ipv4.ip_local_*_range",
    "net.*.conf.eth1.forwarding",
    "net/ipv?/conf/*/forwarding",
    "*.ipv4.ip_default_ttl",
    "net.core.somax*",
    "net.ipv4.nothing_*",
    "net.ipv4.conf.[.rp_filter",
];

/// Keys that are not there, that nobody may write, that lead elsewhere, or are no keys.
const WRONG_KEYS: [&str; 26] = [
    "net.ipv4.no_such_key",
    "kernel.orlop_missing",
    "net.ipv4.conf.nosuch0.rp_filter",
    "net.ipv4.conf.eth0.100.rp_filter",
    "nosuch",
    "nosuch.folder.key",
    "net.core.rmem_max",
    "kernel.osrelease",
    "net.ipv4",
    "kernel",
    "../../run/orlop-escape",
    "/../../run/orlop-escape",
    "kernel/../../../run/orlop-escape",
    "kernel/../kernel/domainname",
    "/run/orlop-escape",
    "/proc/sys/kernel/domainname",
    "kernel/./domainname",
    "kernel..domainname",
    "kernel domainname",
    "kernel.domain name",
    "kernel.domainname.",
    "kernel.domainname/",
    "KERNEL.DOMAINNAME",
    "{kernel}.domainname",
    "\"kernel.domainname\"",
    "kernel.domainnam\u{e9}",
];

/// Lines that are neither a setting nor a comment, or hardly.
const ODD_LINES: [&str; 13] = [
    "net.ipv4.ip_forward",
    "net.ipv4.ip_forward 1",
    "net.ipv4.ip_forward: 1",
    "=",
    "= 1",
    "-",
    "-=1",
    "--net.ipv4.ip_forward=1",
    "- net.ipv4.tcp_fin_timeout = 31",
    "!net.ipv4.ip_forward=1",
    "// net.ipv4.ip_forward=1",
    "include /etc/passwd",
    "[section]",
];

/// The tree of a seed.
#[must_use]
pub fn tree(seed: u64) -> Tree {
    let mut chance = Chance::new(seed);
    let settings = settings::all();
    // A few settings that come again and again: overriding is what most of the rules are about.
    let favourites: Vec<&Setting> = (0..6).map(|_| &settings[chance.below(settings.len())]).collect();
    let mut tree = Tree::default();
    for _ in 0..=chance.below(6) {
        let (directory, name) = (chance.pick(&DIRECTORIES), chance.pick(&NAMES));
        let taken = tree.files.iter().any(|file| file.directory == directory && file.name == name);
        if !taken {
            tree.files.push(File {
                directory: known(directory),
                name: name.to_owned(),
                content: content(&mut chance, &settings, &favourites),
            });
        }
    }
    tree
}

/// What a seed's tree is applied with: mostly nothing, sometimes an option that both programs have.
#[must_use]
pub fn arguments(seed: u64, tree: &Tree) -> Vec<String> {
    // Not the choices that made the tree.
    let mut chance = Chance::new(seed ^ 0x5eed);
    let mut arguments = Vec::new();
    if chance.percent(10) {
        arguments.push("--strict".to_owned());
    }
    if chance.percent(15) {
        arguments.push(format!("--prefix={}", chance.pick(&PREFIXES)));
        if chance.percent(30) {
            arguments.push(format!("--prefix={}", chance.pick(&PREFIXES)));
        }
    }
    let names: Vec<&str> =
        tree.files.iter().map(|file| file.name.as_str()).filter(|name| name.ends_with(".conf")).collect();
    if chance.percent(5) && !names.is_empty() {
        arguments.push(chance.pick(&names).to_owned());
    }
    arguments
}

/// Two lines each, of which the kernel takes the first only after the second.
const WRONG_ORDER: [[&str; 2]; 4] = [
    ["net.ipv4.ip_local_port_range = 500 60000", "net.ipv4.ip_unprivileged_port_start = 400"],
    ["net.ipv4.ip_unprivileged_port_start = 40000", "net.ipv4.ip_local_port_range = 50000 60000"],
    ["net.ipv4.ipfrag_low_thresh = 5000000", "net.ipv4.ipfrag_high_thresh = 6000000"],
    ["net.ipv4.ipfrag_high_thresh = 2000000", "net.ipv4.ipfrag_low_thresh = 1000000"],
];

/// Starts of keys.
const PREFIXES: [&str; 10] = [
    "/net",
    "net.ipv4",
    "/net/ipv4/conf/eth0",
    "net.ipv4.conf.eth0",
    "/net/ipv6/conf/eth0.100",
    "net/ipv4/conf",
    "kernel",
    "kernel.domainname",
    "/proc/sys/fs/mqueue",
    "nosuch",
];

/// The constant itself: `pick` gives it a shorter life.
fn known(directory: &str) -> &'static str {
    DIRECTORIES.iter().find(|known| **known == directory).copied().unwrap_or(DIRECTORIES[0])
}

fn content(chance: &mut Chance, settings: &[Setting], favourites: &[&Setting]) -> Content {
    if chance.percent(6) {
        return Content::Mask;
    }
    let count = chance.below(14);
    let windows = chance.percent(4);
    let mut lines: Vec<Vec<u8>> = (0..count)
        .map(|_| {
            let setting = if chance.percent(50) {
                favourites[chance.below(favourites.len())]
            } else {
                &settings[chance.below(settings.len())]
            };
            let mut text = line(chance, setting).into_bytes();
            if chance.below(250) == 0 {
                text.push(0xff);
            }
            text.extend(if windows { &b"\r\n"[..] } else { b"\n" });
            text
        })
        .collect();
    if chance.percent(5) {
        let pair = &WRONG_ORDER[chance.below(WRONG_ORDER.len())];
        lines.extend(pair.iter().map(|line| format!("{line}\n").into_bytes()));
    }
    // An editor that begins files with a byte order mark.
    if let Some(first) = lines.first_mut().filter(|_| chance.percent(2)) {
        first.splice(..0, *b"\xef\xbb\xbf");
    }
    // An editor that does not end the last line.
    if let Some(last) = lines.last_mut().filter(|_| chance.percent(10)) {
        last.pop();
    }
    Content::Lines(lines)
}

fn line(chance: &mut Chance, setting: &Setting) -> String {
    let indent = chance.pick(&["", "", "", "", " ", "\t", "   "]);
    let text = match chance.below(100) {
        0..=3 => String::new(),
        4..=9 => comment(chance, setting),
        10 => chance.pick(&ODD_LINES).to_owned(),
        11 => {
            let key = chance.pick(&["kernel.osrelease", "net.core.rmem_max", "net.ipv4", "kernel"]);
            assignment(chance, key, setting.kind)
        }
        12..=18 => format!("-{}", key(chance, setting)),
        19..=20 => format!("-{}", pattern(chance, setting)),
        21..=33 => {
            let pattern = pattern(chance, setting);
            assignment(chance, &pattern, setting.kind)
        }
        34 => assignment(chance, "net.ipv4.tcp_congestion_control", Kind::Word),
        35..=37 => {
            let wrong = chance.pick(&WRONG_KEYS);
            assignment(chance, wrong, setting.kind)
        }
        _ => {
            let key = key(chance, setting);
            assignment(chance, &key, setting.kind)
        }
    };
    format!("{indent}{text}")
}

fn comment(chance: &mut Chance, setting: &Setting) -> String {
    let mark = chance.pick(&["#", ";", "##", "# ", "; "]);
    format!("{mark}{} = {}", setting.path, chance.below(9))
}

fn assignment(chance: &mut Chance, key: &str, kind: Kind) -> String {
    let dash = if chance.percent(8) { "-" } else { "" };
    let space = |chance: &mut Chance| chance.pick(&["", "", " ", " ", "\t", "   "]).to_owned();
    let (before, after, end) = (space(chance), space(chance), chance.pick(&["", "", "", " ", "\t "]));
    format!("{dash}{key}{before}={after}{}{end}", value(chance, kind))
}

/// One of the ways to write a key, most of them right.
fn key(chance: &mut Chance, setting: &Setting) -> String {
    let path = setting.path.as_str();
    match chance.below(40) {
        0..=19 => swapped(path),
        20..=33 => path.to_owned(),
        34 => format!("/{path}"),
        35 => path.replacen('/', "//", 1),
        36 => path.replacen('/', "/./", 1),
        37 => path.replace('/', "."),
        38 => path.replacen('/', ".", 1),
        _ => format!(".{}", swapped(path)),
    }
}

fn pattern(chance: &mut Chance, setting: &Setting) -> String {
    let parts: Vec<&str> = setting.path.split('/').collect();
    match parts.as_slice() {
        ["net", family, "conf", _, name] if chance.percent(80) => {
            let path = format!("net/{family}/conf/{}/{name}", chance.pick(&INTERFACE_PATTERNS));
            if chance.percent(50) { swapped(&path) } else { path }
        }
        _ => chance.pick(&PATTERNS).to_owned(),
    }
}

/// With dots for slashes and slashes for dots, as `sysctl -a` shows it.
fn swapped(path: &str) -> String {
    let swap = |c| match c {
        '/' => '.',
        '.' => '/',
        other => other,
    };
    path.chars().map(swap).collect()
}

fn value(chance: &mut Chance, kind: Kind) -> String {
    if chance.percent(5) {
        let odd =
            ["", "abc", "-1", "99999999999999999999", "1 # one", "a=b", "=", "0x", "1;2", "1\\", "'1'", "1,2", "٣"];
        return chance.pick(&odd).to_owned();
    }
    let number = |chance: &mut Chance, usual: &str| match chance.below(12) {
        0..=2 => usual.to_owned(),
        3..=6 => (chance.below(120) + 1).to_string(),
        7 => (chance.below(70_000) + 1).to_string(),
        8 => format!("{usual} {usual}"),
        9 => chance.pick(&["010", "0x20", "+5", "0", "007", "1e3", "12abc"]).to_owned(),
        10 => chance.pick(&["2147483647", "2147483648", "4294967296", "-2147483649"]).to_owned(),
        _ => format!("{}\t{}", chance.below(50), chance.below(50)),
    };
    match kind {
        Kind::Flag => chance.pick(&["0", "1", "0", "1", "0", "1", "2", "01", "0x1", "1 0", "true", "3"]).to_owned(),
        Kind::Number(usual) => number(chance, usual),
        Kind::Triple => chance
            .pick(&[
                "4096 87380 6291456",
                "4096\t131072\t33554432",
                "8192  8192   8192",
                "4096 65536",
                "10000",
                "4096 87380 6291456 7",
                "0 0 0",
                "a b c",
                "4096,87380,6291456",
            ])
            .to_owned(),
        Kind::Range => chance
            .pick(&["1024 65000", "32768 60999", "1 0", "0 100", "65000 1024", "2000", "1024-65000", "999\t59999"])
            .to_owned(),
        Kind::Four => chance
            .pick(&[
                "250 32000 32 128",
                "32000 1024000000 500 32000",
                "250 32000",
                "250",
                "250 32000 100 128 9",
                "32001 1 1 1",
            ])
            .to_owned(),
        Kind::Ports => {
            chance.pick(&["8080", "8080,9090-9100", "9100-9090", "80, 90", "1-3,2-5", "70000", "8080 9090"]).to_owned()
        }
        Kind::Word => chance.pick(&["cubic", "reno", "bbr", "nosuch", "CUBIC", "reno cubic"]).to_owned(),
        Kind::Text => {
            let long = "long-".repeat(20);
            chance
                .pick(&[
                    "host-a",
                    "a.example.org",
                    "two words",
                    "a=b=c",
                    "x # y",
                    "\"q\"",
                    "n\u{fc}rnberg",
                    "(none)",
                    "tab\there",
                    &long,
                ])
                .to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_makes_the_same_tree_again() {
        assert_eq!(tree(7), tree(7));
        assert_ne!(tree(7), tree(8));
    }

    #[test]
    fn what_the_rules_are_about_is_generated() {
        let text: String = (0..300).map(|seed| tree(seed).to_string()).collect();
        for (what, needle) in [
            ("a mask", "-> /dev/null"),
            ("a slash in a dotted key", "eth0/100"),
            ("a pattern", "conf.*."),
            ("an exclusion", "    -net"),
            ("a comment", "    #"),
            ("lines in the wrong order", "low_thresh = 5000000"),
            ("an escape", "../../run"),
            ("a value with '='", "a=b=c"),
            ("a line end of Windows", "\\r\\n"),
        ] {
            assert!(text.contains(needle), "{what}");
        }
        let overriding = |tree: Tree| {
            let mut names: Vec<String> = tree.files.into_iter().map(|file| file.name).collect();
            names.sort();
            names.windows(2).any(|pair| pair[0] == pair[1])
        };
        assert!((0..300).filter(|seed| overriding(tree(*seed))).count() > 10);
    }
}
