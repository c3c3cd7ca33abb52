//! What another container can do that shares a folder with the daemon: it is uid 0 without capabilities.
#![allow(clippy::unwrap_used, reason = "a test says what failed by panicking")]

use orlop_test_dhcp::{ADDRESS, SOON, Scene, dhcp, testbed};
use orlop_testbed::Running;

/// The folders that other containers bind.
const SHARED: [&str; 4] = ["/run/orlop/dhcp", "/run/orlop/netfacts", "/run/orlop/metrics", "/run/resolvconf"];

/// Runs `script` in a container that shares `folders` of the client with `access` (`ro` or `rw`), and nothing else below `/run`.
fn neighbour(scene: &Scene, folders: &[&str], access: &str, script: &str) -> (Option<i32>, Running) {
    let binds: Vec<String> = folders
        .iter()
        .map(|folder| {
            format!(
                "mkdir -p /mnt{folder}; mount --bind {folder} /mnt{folder}; mount -o remount,bind,{access} /mnt{folder}"
            )
        })
        .collect();
    let script = format!(
        "mount -t tmpfs none /mnt\n{}\nmount --rbind /mnt/run /run\n
         exec setpriv --bounding-set=-all --inh-caps=-all sh -c '{script}'",
        binds.join("\n")
    );
    let mut unshare = scene.client.command("unshare");
    let mut run = scene.client.spawn("neighbour", unshare.args(["--mount", "bash", "-ec", &script])).unwrap();
    let code = run.wait_exit(SOON).unwrap().code();
    (code, run)
}

#[test]
fn who_shares_what_the_daemon_publishes_cannot_give_it_orders() {
    let Some(_) = testbed(&["dnsmasq", "unshare", "setpriv"]) else { return };
    let scene = Scene::new().unwrap();
    let _dnsmasq = scene.dnsmasq().unwrap();
    let _daemon = scene.service(&dhcp()).unwrap();
    let program = dhcp().binary();
    for folder in SHARED {
        for access in ["ro", "rw"] {
            let (code, run) = neighbour(&scene, &[folder], access, &format!("{} release eth0", program.display()));
            assert_eq!(code, Some(69), "{folder}, {access}: {}", run.text());
        }
        let sockets = scene.client.shell(&format!("find {folder} -type s")).unwrap();
        assert_eq!(sockets, "", "nothing to connect to in {folder}");
    }
    assert_eq!(scene.client.addresses("eth0").unwrap()[0].address, ADDRESS);
    let mode = scene.client.shell("stat -c %a /run/orlop/control/dhcp /run/orlop/control/dhcp/control").unwrap();
    assert_eq!(mode.split_whitespace().collect::<Vec<_>>(), ["700", "600"]);
    // The control: who has the folder of the socket may give orders.
    let (code, run) =
        neighbour(&scene, &["/run/orlop/control/dhcp"], "ro", &format!("{} renew eth0", program.display()));
    assert_eq!(code, Some(0), "{}", run.text());
}
