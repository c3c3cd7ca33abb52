//! A machine finding out what it is: from a cloud that a firmware's word names, from a disk, and, where nobody says anything, from
//! nobody.

use std::time::Instant;

use anyhow::{Result, ensure};
use orlop_test_metadata::aws::aws;
use orlop_test_metadata::disk::Image;
use orlop_test_metadata::{Cloud, Scene};
use orlop_testbed::Capture;

use super::{DEADLINE, Shown, heading, print_indented, processes};
use crate::workspace::Workspace;

/// Where AWS's service is, on its machines.
const SERVICE: &str = "169.254.169.254";

/// The files of the disk.
const SEED: [(&str, &str); 2] =
    [("meta-data", "instance-id: iid-7\nlocal-hostname: seeded\n"), ("user-data", "#cloud-config\npassword: secret\n")];

/// The files of a disk that means harm.
const HOSTILE: [(&str, &str); 2] = [
    ("meta-data", "instance-id: iid-8\n"),
    (
        "user-data",
        r#"{"../../etc/escaped": {"content": "x"}, "a": {"entries": {"..": {"content": "x"}}}, "motd": {"perm": "4777", "content": "hello"}}"#,
    ),
];

/// Shows the metadata fetcher.
///
/// # Errors
/// When anything of it does not work.
pub(super) fn run(_: &Workspace, shown: &Shown) -> Result<()> {
    heading(
        "Two hosts on one wire: a machine whose firmware says nothing yet, and a service that speaks as AWS's does",
    );
    let stage = Stage { shown, scene: Scene::unconfigured()? };
    let cloud = Cloud::start(&stage.scene.cloud, SERVICE, aws)?;
    println!("  it listens at {SERVICE}, and answers nobody without a token of its own (IMDSv2)");
    stage.nobody(&cloud)?;
    stage.cloud(&cloud)?;
    stage.disk()?;
    stage.hostile()
}

/// A machine and its cloud.
struct Stage<'s> {
    shown: &'s Shown,
    scene: Scene,
}

impl Stage<'_> {
    fn nobody(&self, cloud: &Cloud) -> Result<()> {
        heading("onboot: orlop-metadata, where nothing says that this machine is a cloud's");
        let capture = Capture::start(&self.scene.machine)?;
        self.to_its_end(&[])?;
        // What the kernel itself says of its new interface is ARP's and IPv6's.
        let asked = cloud.asked().len();
        println!("  the service at {SERVICE} was asked {asked} questions: on this network, anybody could answer");
        let sent = capture.frames().iter().filter(|seen| seen.outgoing && is_tcp(&seen.frame)).count();
        ensure!(asked == 0 && sent == 0, "{asked} questions, {sent} packets of TCP");
        Ok(())
    }

    fn cloud(&self, cloud: &Cloud) -> Result<()> {
        heading("The same where the firmware says \"Amazon EC2\", and the machine has no address yet");
        let Scene { machine, cloud: network } = &self.scene;
        self.scene.says("sys_vendor", "Amazon EC2")?;
        let mut running = machine.spawn("orlop-metadata", &mut self.shown.container::<&str>(machine, &[]))?;
        running.wait_for("waiting for a route", DEADLINE)?;
        print_indented(&running.text());

        heading("Its processes, as the kernel sees them (/proc/PID/status)");
        print!("{}", processes::table(&processes::of_daemon(self.shown.daemon, machine)?));
        println!(
            "\n  The worker hears the service, and may do nothing; the broker connects to the service, and hears nobody. \
             Who reads disks is not there: this machine has none."
        );

        heading("Now it gets one");
        let mark = running.mark();
        network.add_address("eth0", "10.0.0.1/24")?;
        machine.add_address("eth0", "10.0.0.2/24")?;
        let began = Instant::now();
        machine.run("ip", &["route", "add", "default", "via", "10.0.0.1"])?;
        let status = running.wait_exit(DEADLINE)?;
        let took = began.elapsed().as_secs_f64() * 1000.0;
        running.wait_for_after(mark, "metadata written", DEADLINE)?;
        ensure!(status.success(), "it ended with {status}: {}", running.text());
        println!("  ended with {status} {took:.1} ms after the route was there");
        println!("  what it asked:");
        print_indented(&cloud.lines().join("\n"));
        self.written("AWS")
    }

    fn disk(&self) -> Result<()> {
        heading(
            "A disk labelled cidata, made by genisoimage, and read by a process that has no network: nobody mounts it",
        );
        let image = Image::new("demo-metadata");
        self.scene.machine.shell("rm -rf /run/config/*")?;
        let disk = image.iso("cidata", &SEED, &["-joliet", "-rock"])?.display().to_string();
        self.to_its_end(&["--disk", &disk])?;
        self.written(&format!("CDROM {disk}"))
    }

    fn hostile(&self) -> Result<()> {
        heading(
            "Another one, whose user data lead out of /run/config: that is left out by its name, and the rest is there",
        );
        let machine = &self.scene.machine;
        machine.shell("rm -rf /run/config/*")?;
        let image = Image::new("demo-metadata-hostile");
        let disk = image.iso("cidata", &HOSTILE, &["-joliet", "-rock"])?.display().to_string();
        self.to_its_end(&["--disk", &disk])?;
        self.written(&format!("CDROM {disk}"))?;
        let escaped = machine.shell("find /run /etc /var -name escaped")?;
        ensure!(escaped.is_empty(), "it has written {escaped}");
        let mode = self.scene.look("motd")?.0;
        ensure!(mode == 0o775, "motd has the mode {mode:o}");
        Ok(())
    }

    /// Runs it until it has ended, which it does by itself.
    fn to_its_end(&self, arguments: &[&str]) -> Result<()> {
        let machine = &self.scene.machine;
        let began = Instant::now();
        let mut running = machine.spawn("orlop-metadata", &mut self.shown.container(machine, arguments))?;
        let status = running.wait_exit(DEADLINE)?;
        let took = began.elapsed().as_secs_f64() * 1000.0;
        print_indented(&running.text());
        ensure!(status.success(), "it ended with {status}");
        println!("  ended with {status} after {took:.1} ms, container included");
        Ok(())
    }

    /// What is below `/run/config` now.
    fn written(&self, provider: &str) -> Result<()> {
        heading("What it has written for others, below /run/config, and the machine's name");
        let machine = &self.scene.machine;
        print_indented(&machine.shell("cd /run/config && find . -mindepth 1 -printf '%m %7s  %P\\n' | sort -k 3")?);
        println!("  $ hostname");
        print_indented(&machine.run("hostname", &[])?);
        println!("  $ orlop-metadata get provider");
        let said = machine.run(&self.shown.program, &["get", "provider"])?;
        print_indented(&said);
        ensure!(said.trim_end() == provider, "it should be {provider}");
        Ok(())
    }
}

/// Whether a frame of Ethernet carries TCP over IPv4 or IPv6.
fn is_tcp(frame: &[u8]) -> bool {
    const TCP: u8 = 6;
    match frame.get(12..14) {
        Some([0x08, 0x00]) => frame.get(23) == Some(&TCP),
        Some([0x86, 0xdd]) => frame.get(20) == Some(&TCP),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tcp_is_told_from_what_a_kernel_says_by_itself() {
        let frame = |kind: [u8; 2], at: usize, protocol: u8| {
            let mut frame = vec![0; 60];
            frame[12..14].copy_from_slice(&kind);
            frame[at] = protocol;
            frame
        };
        for (what, frame, want) in [
            ("IPv4", frame([8, 0], 23, 6), true),
            ("IPv6", frame([0x86, 0xdd], 20, 6), true),
            ("UDP", frame([8, 0], 23, 17), false),
            ("ARP", frame([8, 6], 23, 6), false),
            ("cut", vec![0; 12], false),
        ] {
            assert_eq!(is_tcp(&frame), want, "{what}");
        }
    }
}
