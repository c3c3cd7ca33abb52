//! Facts to files below `/run/config`.
//!
//! What a provider says of the machine becomes the files that LinuxKit's `metadata` writes, and user data that is JSON becomes
//! the files it describes, by the rules of LinuxKit's documentation; `#cloud-config` names the machine and who may log in, where nobody
//! else does. Nothing of it is executed. Whatever cannot be used is left
//! out, and told as [`LeftOut`]; the raw `userdata` is there in any case.
//!
//! `provider` is not among the files: the broker writes it, last, as the sign that everything is there.

mod cloud_config;
mod plot;
mod user_data;

use orlop_metadata_contract::{Counters, Entry, EntryPath, Hostname, Mode, PROVIDER, STAGING};

use crate::facts::Facts;
use crate::left_out::{LeftOut, MAX_TOLD, Why};
use crate::{gzip, ssh_key};
use cloud_config::Named;
use plot::Plot;

/// What the broker is asked to write.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tree {
    /// Files and folders. A folder comes before what is in it.
    pub entries: Vec<Entry>,
    /// The name of the machine; what the user's own data says counts more than what the provider says.
    pub hostname: Option<Hostname>,
    /// What could not be used; at most [`MAX_TOLD`], of which the last says how many more there are.
    pub left_out: Vec<LeftOut>,
    /// All of that, counted.
    pub discards: Counters,
}

/// Names that are not the user data's to give: this program writes them, and their readers trust it to.
const OURS: [&str; 6] = [PROVIDER, STAGING, "userdata", UNPACKED, "vendordata", "network-config"];

/// Where user data lies that came packed.
const UNPACKED: &str = "userdata.unpacked";

/// Keys of one machine, at most.
const MAX_KEYS: usize = 256;

impl Tree {
    /// The files that these facts become.
    #[must_use]
    pub fn of(facts: Facts) -> Self {
        let Facts { hostname, ssh_keys, user_data, vendor_data, network_config, attributes, left_out } = facts;
        let mut growing = Growing::default();
        left_out.into_iter().for_each(|left_out| growing.tell(left_out));
        for (name, bytes) in
            [("userdata", &user_data), ("vendordata", &vendor_data), ("network-config", &network_config)]
        {
            if let Some(bytes) = bytes {
                growing.file(name, Mode::SECRET, bytes.clone());
            }
        }
        if let Some(said) = hostname.filter(|said| !said.trim().is_empty()) {
            growing.hostname(&said);
        }
        for (name, value) in attributes {
            growing.file(name, Mode::PUBLIC, value.into_bytes());
        }
        growing.keys(&ssh_keys);
        if let Some(user_data) = user_data {
            growing.user_data(user_data);
        }
        growing.finish()
    }
}

/// A tree that is being made.
#[derive(Debug, Default)]
struct Growing {
    plot: Plot,
    left_out: Vec<LeftOut>,
    /// What is not told, beyond [`MAX_TOLD`].
    more: u32,
    discards: Counters,
    /// What the provider calls the machine.
    hostname: Option<Hostname>,
    /// Whether anybody has said who may log in.
    has_keys: bool,
}

impl Growing {
    fn leave_out(&mut self, key: &str, why: Why) {
        self.tell(LeftOut::new(key, why));
    }

    fn tell(&mut self, left_out: LeftOut) {
        if let Some(discard) = left_out.why().discard() {
            self.discards.count(discard);
        }
        if self.left_out.len() < MAX_TOLD.saturating_sub(1) {
            self.left_out.push(left_out);
        } else {
            self.more = self.more.saturating_add(1);
        }
    }

    fn file(&mut self, path: &str, mode: Mode, bytes: Vec<u8>) {
        let placed = EntryPath::new(path).map_err(Why::Path).and_then(|path| self.plot.file(&path, mode, bytes));
        if let Err(why) = placed {
            self.leave_out(path, why);
        }
    }

    fn hostname(&mut self, said: &str) {
        match Hostname::of(said) {
            Ok(name) => {
                self.file("hostname", Mode::PUBLIC, name.as_str().as_bytes().to_vec());
                self.hostname = Some(name);
            }
            Err(_) => self.leave_out("hostname", Why::Hostname),
        }
    }

    /// Each good key, once.
    fn keys(&mut self, said: &[String]) {
        let mut keys: Vec<&str> = Vec::new();
        for line in said.iter().flat_map(|text| text.lines()).filter(|line| is_key_line(line)) {
            match ssh_key::validated(line) {
                Some(key) if keys.len() < MAX_KEYS => {
                    if !keys.contains(&key) {
                        keys.push(key);
                    }
                }
                Some(_) => self.leave_out("ssh/authorized_keys", Why::TooMany),
                None => self.leave_out("ssh/authorized_keys", Why::SshKey),
            }
        }
        if !keys.is_empty() {
            self.has_keys = true;
            let text: String = keys.iter().flat_map(|key| [key, "\n"]).collect();
            self.file("ssh/authorized_keys", Mode::SECRET, text.into_bytes());
        }
    }

    fn user_data(&mut self, raw: Vec<u8>) {
        if !gzip::is_gzip(&raw) {
            return self.readable(&raw);
        }
        match gzip::unpack(&raw) {
            Ok(unpacked) => {
                self.readable(&unpacked);
                self.file(UNPACKED, Mode::SECRET, unpacked);
            }
            Err(gzip::GzipError::Damaged) => self.leave_out("userdata", Why::Gzip),
            Err(gzip::GzipError::TooLarge) => self.leave_out("userdata", Why::GzipTooLarge),
        }
    }

    /// User data that are not packed, whatever they are.
    fn readable(&mut self, user_data: &[u8]) {
        self.json(user_data);
        if self.hostname.is_some() && self.has_keys {
            return;
        }
        match cloud_config::read(user_data) {
            None => {}
            Some(Ok(Named { hostname, ssh_keys })) => {
                if let Some(said) = hostname.filter(|_| self.hostname.is_none()) {
                    self.hostname(&said);
                }
                if !self.has_keys {
                    self.keys(&ssh_keys);
                }
            }
            Some(Err(why)) => self.leave_out("userdata", Why::Unread(why.into())),
        }
    }

    fn finish(mut self) -> Tree {
        // The user's own file, in which the user says what the machine is called.
        let hostname = match self.plot.content("hostname").map(|bytes| Hostname::of(&String::from_utf8_lossy(bytes))) {
            Some(Ok(name)) => Some(name),
            Some(Err(_)) => {
                self.leave_out("hostname", Why::Hostname);
                self.hostname.take()
            }
            None => None,
        };
        if self.more > 0 {
            self.left_out.push(LeftOut::new("…", Why::More(self.more)));
        }
        Tree { entries: self.plot.into_entries(), hostname, left_out: self.left_out, discards: self.discards }
    }
}

/// Whether a line of what a provider calls keys is meant to be one.
fn is_key_line(line: &str) -> bool {
    let line = line.trim();
    !line.is_empty() && !line.starts_with('#')
}
