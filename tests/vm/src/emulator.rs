//! QEMU: what every machine has, and what differs.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use orlop_image::platform::Platform;
use orlop_testbed::{Host, Running};
use serde_json::{Value, json};

/// How a machine's network card is connected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Nic {
    /// QEMU's own network: its DHCP server gives 10.0.2.15; what is outside is reached through the emulator itself.
    User,
    /// A tap device of the host that the machine runs in.
    Tap(String),
    /// To nothing that answers; there is a carrier all the same.
    Alone,
}

/// A machine that can be switched on.
#[derive(Debug, Clone)]
pub struct Emulator {
    platform: Platform,
    kernel: PathBuf,
    initrd: PathBuf,
    words: String,
    megabytes: u32,
    nics: Vec<Nic>,
    disks: Vec<PathBuf>,
    bay: bool,
    firmware: Option<String>,
    record: Option<PathBuf>,
    counting: bool,
    clock: Option<String>,
    control: Option<PathBuf>,
    generation: bool,
    from: Option<PathBuf>,
}

/// Enough for every machine here.
const MEGABYTES: u32 = 512;

/// One word of what something is called for QEMU, and a path.
fn with(what: &str, path: &Path) -> OsString {
    let mut word = OsString::from(what);
    word.push(path);
    word
}

/// Where [`Emulator::bay`] is, for the emulator.
pub(crate) const BAY: &str = "bay";

/// What is in a disk that is only read, as the emulator wants to be told.
pub(crate) fn disk(name: &str, image: &Path) -> Value {
    json!({
        "driver": "raw", "node-name": name, "read-only": true,
        "file": { "driver": "file", "filename": image, "read-only": true },
    })
}

const fn program(platform: Platform) -> &'static str {
    match platform {
        Platform::Amd64 => "qemu-system-x86_64",
        Platform::Arm64 => "qemu-system-aarch64",
    }
}

/// The console of a machine, as its kernel calls it.
pub(crate) const fn console(platform: Platform) -> &'static str {
    match platform {
        Platform::Amd64 => "ttyS0",
        Platform::Arm64 => "ttyAMA0",
    }
}

/// The line that [`Emulator::record`] is the other end of, in a machine's `/dev`. The ARM machine's second UART belongs to its
/// secure world, so a virtio console takes its place.
pub(crate) const fn record_line(platform: Platform) -> &'static str {
    match platform {
        Platform::Amd64 => "ttyS1",
        Platform::Arm64 => "hvc0",
    }
}

/// Whether there is an emulator for this processor.
///
/// # Errors
/// What is needed, as one line.
pub(crate) fn available(platform: Platform) -> Result<(), String> {
    let program = program(platform);
    match Command::new(program).arg("--version").output() {
        Ok(_) => Ok(()),
        Err(_) => Err(format!("needs the program `{program}` (cargo xtask setup)")),
    }
}

impl Emulator {
    /// A machine with 512 MB and no network.
    #[must_use]
    pub fn new(platform: Platform, kernel: &Path, initrd: &Path, words: &str) -> Self {
        Self {
            platform,
            kernel: kernel.to_owned(),
            initrd: initrd.to_owned(),
            words: words.to_owned(),
            megabytes: MEGABYTES,
            nics: Vec::new(),
            disks: Vec::new(),
            bay: false,
            firmware: None,
            record: None,
            counting: false,
            clock: None,
            control: None,
            generation: false,
            from: None,
        }
    }

    /// With this much memory.
    #[must_use]
    pub fn megabytes(mut self, megabytes: u32) -> Self {
        self.megabytes = megabytes;
        self
    }

    /// With one network card more: `eth0`, `eth1` and so on.
    #[must_use]
    pub fn nic(mut self, nic: Nic) -> Self {
        self.nics.push(nic);
        self
    }

    /// With one disk more that has what is in this file, and is only read: `vda`, `vdb` and so on.
    #[must_use]
    pub fn disk(mut self, image: &Path) -> Self {
        self.disks.push(image.to_owned());
        self
    }

    /// With an empty place for a disk, which [`Qmp::insert`](crate::Qmp::insert) fills while the machine runs.
    #[must_use]
    pub fn bay(mut self) -> Self {
        self.bay = true;
        self
    }

    /// With this string in its firmware (SMBIOS type 11).
    #[must_use]
    pub fn firmware(mut self, string: &str) -> Self {
        self.firmware = Some(string.to_owned());
        self
    }

    /// With more words on the kernel's command line.
    #[must_use]
    pub fn words(mut self, more: &str) -> Self {
        self.words = format!("{} {more}", self.words).trim().to_owned();
        self
    }

    /// With a second serial line that goes to this file (see [`Probe`](crate::Probe)).
    #[must_use]
    pub fn record(mut self, file: &Path) -> Self {
        self.record = Some(file.to_owned());
        self
    }

    /// With a clock that counts instructions, so that what else this machine does is not measured: one takes 2 ns.
    #[must_use]
    pub fn counting(mut self) -> Self {
        self.counting = true;
        self
    }

    /// With a hardware clock that says this at power-on (`1970-01-01T00:00:00`, UTC) instead of what this machine's does.
    #[must_use]
    pub fn clock(mut self, clock: &str) -> Self {
        self.clock = Some(clock.to_owned());
        self
    }

    /// With this kernel, in the form in which a machine's firmware starts it: what was started in the faster form cannot wake up
    /// from a suspend.
    #[must_use]
    pub fn kernel(mut self, image: &Path) -> Self {
        self.kernel = image.to_owned();
        self
    }

    /// With a socket at this path by which it can be paused and saved (see [`Qmp`](crate::Qmp)).
    #[must_use]
    pub fn controlled(mut self, socket: &Path) -> Self {
        self.control = Some(socket.to_owned());
        self
    }

    /// With the device that tells a machine that it goes on from a snapshot: each start of an emulator is another generation.
    #[must_use]
    pub fn generation(mut self) -> Self {
        self.generation = true;
        self
    }

    /// It goes on where the machine in this file was saved ([`Qmp::save`](crate::Qmp::save)), which had the same parts.
    #[must_use]
    pub fn from(mut self, saved: &Path) -> Self {
        self.from = Some(saved.to_owned());
        self
    }

    /// The program and its arguments.
    #[must_use]
    pub fn line(&self) -> Vec<OsString> {
        let mut line: Vec<OsString> = Vec::new();
        let mut add = |words: &str| line.extend(words.split(' ').map(OsString::from));
        add(program(self.platform));
        match self.platform {
            Platform::Amd64 => add("-accel tcg -cpu max -machine q35"),
            // Pointer authentication with the architecture's own cipher would take an emulator most of its time.
            Platform::Arm64 => add("-accel tcg -cpu max,pauth-impdef=on -machine virt"),
        }
        add(&format!("-smp 1 -m {} -nodefaults -display none -no-reboot -serial stdio", self.megabytes));
        if self.counting {
            add("-icount shift=1");
        }
        if let Some(clock) = &self.clock {
            add(&format!("-rtc base={clock}"));
        }
        for (number, nic) in self.nics.iter().enumerate() {
            let name = format!("n{number}");
            match nic {
                Nic::User => add(&format!("-netdev user,id={name}")),
                Nic::Tap(tap) => add(&format!("-netdev tap,id={name},ifname={tap},script=no,downscript=no")),
                Nic::Alone => add(&format!("-netdev hubport,id={name},hubid={number}")),
            }
            add(&format!("-device virtio-net-pci,netdev={name},mac=52:54:00:12:34:{:02x},romfile=", 0x56 + number));
        }
        if self.bay {
            add(&format!("-device pcie-root-port,id={BAY},chassis=1"));
        }
        if self.generation {
            add("-device vmgenid,guid=auto");
        }
        if let Some(record) = &self.record {
            match self.platform {
                Platform::Amd64 => add("-serial chardev:record"),
                Platform::Arm64 => add("-device virtio-serial-pci -device virtconsole,chardev=record"),
            }
            // A machine that goes on writes where it has ended.
            line.extend([OsString::from("-chardev"), with("file,id=record,append=on,path=", record)]);
        }
        if let Some(string) = &self.firmware {
            // QEMU's own words end at a single comma.
            let words = format!("type=11,value={}", string.replace(',', ",,"));
            line.extend(["-smbios", &words].map(OsString::from));
        }
        for (number, image) in self.disks.iter().enumerate() {
            let name = format!("d{number}");
            let device = format!("virtio-blk-pci,drive={name}");
            line.extend(["-blockdev", &disk(&name, image).to_string(), "-device", &device].map(OsString::from));
        }
        if let Some(control) = &self.control {
            line.extend([OsString::from("-qmp"), with("unix:", control)]);
            if let Some(value) = line.last_mut() {
                value.push(",server=on,wait=off");
            }
        }
        if let Some(saved) = &self.from {
            line.extend([OsString::from("-incoming"), with("exec:cat ", saved)]);
        }
        for (option, path) in [("-kernel", &self.kernel), ("-initrd", &self.initrd)] {
            line.extend([OsString::from(option), path.into()]);
        }
        line.extend([OsString::from("-append"), self.kernel_words().into()]);
        line
    }

    fn kernel_words(&self) -> String {
        match self.platform {
            // The kernel looks for ticks of its timer in a busy loop, and panics when an emulator that has to wait for a
            // processor brings it none.
            Platform::Amd64 => format!("{} no_timer_check", self.words),
            Platform::Arm64 => self.words.clone(),
        }
    }

    /// The same as a person would type it.
    #[must_use]
    pub fn shown(&self) -> String {
        let words = self.line();
        let quoted = |word: &OsString| match word.to_string_lossy() {
            word if word.contains(' ') => format!("'{word}'"),
            word => word.into_owned(),
        };
        words.iter().map(quoted).collect::<Vec<_>>().join(" ")
    }

    /// Switches it on; its console is the output. With a host, it runs in there. It goes off with the value.
    ///
    /// # Errors
    /// When the emulator cannot be started.
    pub fn start(&self, inside: Option<&Host>) -> Result<Running> {
        let line = self.line();
        let mut words = line.iter();
        let program = words.next().cloned().unwrap_or_default();
        let mut command = inside.map_or_else(|| Command::new(&program), |host| host.command(&program));
        Running::start("the machine", command.args(words))
    }
}

/// The kernel counts a process's time in these (`sysconf(_SC_CLK_TCK)` is 100 wherever Linux has user space).
const TICK: Duration = Duration::from_millis(10);

/// How much processor time a machine has taken so far. Without acceleration this is the work that was done in it, however
/// busy this machine is.
///
/// # Errors
/// When it is off.
pub fn processor_time(machine: &Running) -> Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{}/stat", machine.pid()))?;
    // Fields 14 and 15, counted from 1; the second is in brackets and may have anything in it (proc_pid_stat(5)).
    let fields = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
    let ticks: u32 = fields.split(' ').skip(11).take(2).filter_map(|field| field.parse::<u32>().ok()).sum();
    Ok(TICK * ticks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cards_and_words_come_in_order() {
        let machine = Emulator::new(Platform::Amd64, Path::new("k"), Path::new("i"), "quiet")
            .nic(Nic::User)
            .nic(Nic::Tap("tap0".to_owned()))
            .words("lsm=")
            .record(Path::new("/r r"));
        let line: Vec<String> = machine.line().iter().map(|word| word.to_string_lossy().into_owned()).collect();
        let text = line.join("|");
        for want in [
            "user,id=n0|-device|virtio-net-pci,netdev=n0,mac=52:54:00:12:34:56,romfile=|-netdev|tap,id=n1,ifname=tap0",
            "-serial|stdio|",
            "-serial|chardev:record|-chardev|file,id=record,append=on,path=/r r|-kernel|k|-initrd|i|-append|quiet lsm= no_timer_check",
        ] {
            assert!(text.contains(want), "{text}");
        }
    }

    #[test]
    fn a_disk_is_only_read_and_a_bay_is_empty() {
        let machine = Emulator::new(Platform::Amd64, Path::new("k"), Path::new("i"), "").disk(Path::new("/s d")).bay();
        let line: Vec<String> = machine.line().iter().map(|word| word.to_string_lossy().into_owned()).collect();
        let after = |option: &str| line.get(line.iter().position(|word| word == option).unwrap() + 1).unwrap();
        let disk: Value = serde_json::from_str(after("-blockdev")).unwrap();
        assert_eq!((&disk["file"]["filename"], &disk["read-only"]), (&json!("/s d"), &json!(true)));
        let text = line.join("|");
        assert!(!text.contains("-smbios"), "{text}");
        let machine = machine.firmware("a,b c");
        assert!(machine.line().contains(&OsString::from("type=11,value=a,,b c")), "{:?}", machine.line());
        for want in ["virtio-blk-pci,drive=d0|", "pcie-root-port,id=bay,chassis=1|"] {
            assert_eq!(text.matches(want).count(), 1, "{text}");
        }
    }

    #[test]
    fn every_platform_has_a_line_for_the_record_and_its_own_program() {
        for (platform, program, want) in [
            (
                Platform::Amd64,
                "qemu-system-x86_64",
                "-serial|stdio|-icount|shift=1|-serial|chardev:record|-chardev|file,id=record,append=on,path=/r",
            ),
            (
                Platform::Arm64,
                "qemu-system-aarch64",
                "-device|virtconsole,chardev=record|-chardev|file,id=record,append=on,path=/r",
            ),
        ] {
            let machine =
                Emulator::new(platform, Path::new("k"), Path::new("i"), "").record(Path::new("/r")).counting();
            let line: Vec<String> = machine.line().iter().map(|word| word.to_string_lossy().into_owned()).collect();
            let text = line.join("|");
            assert!(text.starts_with(program) && text.contains(want), "{text}");
        }
    }
}
