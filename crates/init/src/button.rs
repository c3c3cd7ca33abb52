//! The power button: what the kernel tells of the keys of those devices that have one for power (`input(5)`'s interface, evdev).
//!
//! The devices are there when modules have been loaded, and held from then on: no container can put another in their place.

use std::fs;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

/// `KEY_POWER` of `linux/input-event-codes.h`.
const POWER: u16 = 116;
/// `EV_KEY`: a key was pressed, or let go.
const KEY: u16 = 1;
/// What an event of a key has as its value when it was pressed.
const PRESSED: i32 = 1;
/// `struct input_event` where times have 64 bits: 16 bytes of time, then kind, code and value.
const EVENT: usize = 24;
/// The bits of the kernel's words in sysfs.
const WORD: usize = 64;
/// More devices than a machine has.
const MAX_DEVICES: usize = 256;

/// The devices with a key for power.
#[derive(Debug)]
pub struct Buttons(Vec<OwnedFd>);

impl Buttons {
    /// Those that the kernel knows by now: none without its drivers (the modules `button` and `evdev`, where they are modules).
    #[must_use]
    pub fn open() -> Self {
        Self::at(Path::new("/sys/class/input"), Path::new("/dev/input"))
    }

    fn at(known: &Path, devices: &Path) -> Self {
        let names = fs::read_dir(known).into_iter().flatten().flatten().map(|entry| entry.file_name());
        let opened = names.take(MAX_DEVICES).filter_map(|name| {
            // Of an entry that is no event device there is none in the folder of devices.
            let keys = fs::read_to_string(known.join(&name).join("device/capabilities/key")).ok()?;
            let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
            has_key(&keys, POWER).then(|| rustix::fs::open(devices.join(&name), flags, Mode::empty()).ok())?
        });
        Self(opened.collect())
    }

    /// To be read from when one of these has something.
    pub fn waits_for(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.0.iter().map(|device| device.as_fd())
    }

    /// Whether one was pressed since the last look.
    pub fn pressed(&mut self) -> bool {
        let mut pressed = false;
        self.0.retain(|device| {
            let mut events = [0; 64 * EVENT];
            match rustix::io::read(device, &mut events) {
                Ok(0) => false,
                Ok(length) => {
                    let (events, _) = events.get(..length).unwrap_or_default().as_chunks::<EVENT>();
                    pressed |= events.iter().any(is_press);
                    true
                }
                Err(error) => matches!(error, Errno::AGAIN | Errno::INTR),
            }
        });
        pressed
    }
}

/// Whether a device has a key, by what sysfs says of it: words in hexadecimal digits, that of the highest keys first.
fn has_key(words: &str, key: u16) -> bool {
    let key = usize::from(key);
    let word = words.split_ascii_whitespace().rev().nth(key / WORD);
    word.and_then(|word| u64::from_str_radix(word, 16).ok()).is_some_and(|word| word >> (key % WORD) & 1 == 1)
}

fn is_press(event: &[u8; EVENT]) -> bool {
    let [.., kind_0, kind_1, code_0, code_1, value_0, value_1, value_2, value_3] = *event;
    let (kind, code) = (u16::from_ne_bytes([kind_0, kind_1]), u16::from_ne_bytes([code_0, code_1]));
    (kind, code, i32::from_ne_bytes([value_0, value_1, value_2, value_3])) == (KEY, POWER, PRESSED)
}

#[cfg(test)]
mod tests {
    use orlop_testbed::Folder;

    use super::*;

    fn event(kind: u16, code: u16, value: i32) -> Vec<u8> {
        let time = [0xff; 16];
        [&time[..], &kind.to_ne_bytes(), &code.to_ne_bytes(), &value.to_ne_bytes()].concat()
    }

    #[test]
    fn only_a_press_of_the_key_for_power_counts() {
        for (what, events, want) in [
            ("a press", event(1, 116, 1), true),
            ("let go", event(1, 116, 0), false),
            ("held", event(1, 116, 2), false),
            ("another key", event(1, 142, 1), false),
            ("no key", event(5, 116, 1), false),
            ("among others", [event(1, 30, 1), event(0, 0, 0), event(1, 116, 1), event(0, 0, 0)].concat(), true),
            ("half of one", event(1, 116, 1)[..23].to_vec(), false),
        ] {
            let (read, write) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::NONBLOCK).unwrap();
            rustix::io::write(&write, &events).unwrap();
            let mut buttons = Buttons(vec![read]);
            assert_eq!(buttons.pressed(), want, "{what}");
            assert!(!buttons.pressed(), "{what}: once");
            assert_eq!(buttons.waits_for().count(), 1, "{what}: it may be pressed again");
            drop(write);
            assert!(
                !buttons.pressed() && buttons.waits_for().next().is_none(),
                "{what}: a device that went is forgotten"
            );
        }
    }

    #[test]
    fn devices_without_the_key_are_not_opened() {
        let folder = Folder::new("init-buttons");
        let (known, devices) = (folder.0.join("known"), folder.0.join("devices"));
        fs::create_dir(&devices).unwrap();
        for (name, keys) in [
            ("event0", Some("10000000000000 0\n")),
            ("event1", Some("402000000 3803078f800d001 feffffdfffefffff fffffffffffffffe\n")),
            ("event2", Some("fffffffffffffffe\n")),
            ("event3", Some("x 0")),
            ("event4", Some("0\n")),
            ("event5", None),
            ("input0", Some("10000000000000 0\n")),
        ] {
            let about = known.join(name).join("device/capabilities");
            fs::create_dir_all(&about).unwrap();
            if let Some(keys) = keys {
                fs::write(about.join("key"), keys).unwrap();
            }
            if name.starts_with("event") {
                fs::write(devices.join(name), "").unwrap();
            }
        }
        assert_eq!(Buttons::at(&known, &devices).0.len(), 2, "a button, and a keyboard that has one");
        assert!(Buttons::at(&folder.0.join("none"), &devices).0.is_empty());
    }
}
