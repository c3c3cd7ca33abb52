//! Programs of other people, as services: Debian's packages, unpacked into images that say nothing but a command.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use orlop_image::platform::Platform;
use orlop_image::tree::{Node, Tree};
use orlop_test_vm::{Apt, Image, Line, Nic, Step, put_folder};
use orlop_testbed::{Folder, needs};

use crate::stage::Stage;

/// A program, the packages that it is made of, its command, and what its entry says.
struct Stranger {
    name: &'static str,
    packages: &'static [&'static str],
    files: &'static [(&'static str, &'static str)],
    folders: &'static [&'static str],
    links: &'static [(&'static str, &'static str)],
    command: &'static [&'static str],
    entry: &'static str,
}

const PASSWD: (&str, &str) =
    ("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\nwww-data:x:33:33:www-data:/var/www:/usr/sbin/nologin\n");
const GROUP: (&str, &str) = ("/etc/group", "root:x:0:\nwww-data:x:33:\n");

/// It says on each that it is there: what the client below looks for.
const STRANGERS: &[Stranger] = &[
    Stranger {
        name: "nginx",
        packages: &["nginx", "nginx-common", "libc6", "libcrypt1", "libpcre2-8-0", "libssl3", "zlib1g"],
        files: &[
            PASSWD,
            GROUP,
            (
                "/etc/nginx/nginx.conf",
                "user www-data;\nerror_log /dev/stderr;\nevents {}\nhttp {\n  access_log /dev/stdout;\n  server { listen 80; root /usr/share/nginx/html; }\n}\n",
            ),
        ],
        folders: &["/run"],
        links: &[],
        command: &["/usr/sbin/nginx", "-g", "daemon off;"],
        // As LinuxKit's example has it.
        entry: "capabilities: [CAP_NET_BIND_SERVICE, CAP_CHOWN, CAP_SETUID, CAP_SETGID, CAP_DAC_OVERRIDE]",
    },
    Stranger {
        name: "dropbear",
        packages: &["dropbear-bin", "libc6", "libcrypt1", "libgmp10", "libtomcrypt1", "libtommath1", "zlib1g"],
        files: &[PASSWD, GROUP],
        folders: &["/etc/dropbear", "/run"],
        links: &[],
        command: &["/usr/sbin/dropbear", "-F", "-E", "-R"],
        entry: "capabilities: [CAP_NET_BIND_SERVICE, CAP_SETUID, CAP_SETGID]",
    },
    Stranger {
        name: "exporter",
        packages: &["prometheus-node-exporter", "libc6"],
        files: &[PASSWD, GROUP],
        folders: &[],
        links: &[],
        command: &["/usr/bin/prometheus-node-exporter"],
        entry: "capabilities: []",
    },
    Stranger {
        name: "client",
        packages: &["busybox-static"],
        files: &[PASSWD, GROUP],
        folders: &[],
        links: &[
            ("/bin/sh", "busybox"),
            ("/bin/wget", "busybox"),
            ("/bin/nc", "busybox"),
            ("/bin/grep", "busybox"),
            ("/bin/sleep", "busybox"),
            ("/bin/id", "busybox"),
        ],
        // Named without a path; all that it says goes to `/dev/stdout`, as a file.
        command: &["sh", "-c", CLIENT],
        entry: "capabilities: [], uid: 1000, gid: 1000",
    },
];

const CLIENT: &str = "\
until wget -q -O - http://127.0.0.1/ | grep 'Welcome to nginx' >/dev/stdout; do sleep 1; done
until wget -q -O - http://127.0.0.1:9100/metrics | grep '^node_uname_info' >/dev/stdout; do sleep 1; done
until echo | nc -w 5 127.0.0.1 22 | grep -a -o 'SSH-2.0-dropbear' >/dev/stdout; do sleep 1; done
echo \"that is all, as $(id -u)\" >/dev/stdout
sleep 36000";

impl Stranger {
    fn image(&self, folder: &Path) -> Result<Image> {
        let work = folder.join(format!("package-{}", self.name));
        fs::create_dir_all(&work)?;
        let packages = Apt::either(Platform::Amd64, |apt| apt.unpack(&work, self.packages))?;
        let mut tree = Tree::default();
        // What is put first stays.
        for (path, text) in self.files {
            tree.put(path, Node::File { mode: 0o644, content: text.as_bytes().to_vec() });
        }
        for path in self.folders {
            tree.put(path, Node::Directory { mode: 0o755 });
        }
        for (path, to) in self.links {
            tree.put(path, Node::Link { to: (*to).to_owned() });
        }
        put_folder(&mut tree, &packages)?;
        Image::new(Platform::Amd64, folder, self.name, &tree, self.command)
    }
}

#[test]
fn ordinary_programs_of_other_people_run_as_services() {
    let folder = Folder::new("vm-strangers-packages");
    let images: Result<Vec<Image>> = STRANGERS.iter().map(|stranger| stranger.image(&folder.0)).collect();
    let images = match images {
        Ok(images) => images,
        Err(error) => return needs::skip(&format!("needs packages of Debian's: {error:#}")),
    };
    let log = |name: &str| format!("/proc/1/root/var/log/{name}.log");
    let mut steps = vec![
        Step::wait(&log("client.out"), "that is all", 300),
        Step::wait(&log("nginx.out"), "GET / HTTP/1.1", 60),
        Step::read("/run/orlop/boot.json"),
    ];
    steps.extend(STRANGERS.iter().map(|stranger| Step::read(&log(stranger.name))));
    let stage = Stage::with("strangers", Line::V6_12, &steps, |_| {
        let entries = images.iter().zip(STRANGERS).map(|(image, stranger)| image.entry(stranger.name, stranger.entry));
        (entries.collect(), images.clone())
    });
    let Some(mut stage) = stage else { return };
    stage.emulator = stage.emulator.nic(Nic::Alone).megabytes(1024);
    let seen = stage.end_within(stage.start(), Duration::from_secs(600)).unwrap();
    let said = &seen.record[0].out;
    let logs: String = seen.record.iter().skip(3).map(|report| format!("{}\n", report.out)).collect();
    for wanted in ["Welcome to nginx", "node_uname_info{", "SSH-2.0-dropbear", "that is all, as 1000"] {
        assert!(said.contains(wanted), "no {wanted:?} in\n{said}\n{logs}\n{}", seen.console);
    }
    assert_eq!(seen.record[1].code, 0, "what nginx writes to /dev/stdout: {}\n{logs}", seen.record[1].out);
    let boot: serde_json::Value = serde_json::from_str(&seen.record[2].out).unwrap();
    for stranger in STRANGERS {
        let known = boot["containers"].as_array().unwrap();
        let own = known.iter().find(|container| container["name"] == stranger.name).unwrap();
        assert_eq!((&own["state"], &own["restarts"]), (&"running".into(), &0.into()), "{}\n{logs}", stranger.name);
    }
}
