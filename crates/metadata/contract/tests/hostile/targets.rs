//! What each fuzz target does with its bytes. `fuzz/` compiles this very file; here the committed seeds and proptest run it
//! on stable.

use core::time::Duration;
use std::collections::BTreeMap;

use orlop_machine::Instant;
use orlop_metadata_contract::{
    DiskId, EntryPath, Errand, MAX_DEPTH, MAX_ENTRIES, MAX_FILE, MAX_TOTAL, Notice, PROVIDER, Place, Policy, Request,
    STAGING, oem_strings,
};
use orlop_wire::{MaxSize, decode, encode, max_size};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Endpoints and disks in these conversations.
pub(crate) const SOME: u8 = 2;

/// A worker's conversation in one errand, which the first byte chooses; then frames, each behind its length in two bytes, the
/// first of which also says how many milliseconds go by before it.
pub(crate) fn errand(data: &[u8]) {
    let _ = play(data);
}

/// Plays a conversation; panics when the policy breaks a promise. Returns how much was permitted.
pub(crate) fn play(data: &[u8]) -> usize {
    let Some((which, mut rest)) = data.split_first() else { return 0 };
    let errand = match which % 3 {
        0 => Errand::Fetch { endpoints: SOME },
        1 => Errand::Look { disks: SOME },
        _ => Errand::Read,
    };
    let start = Instant::from_nanos(1);
    let (mut now, mut policy, mut made) = (start, Policy::new(start, errand), Made::default());
    let mut permitted = 0;
    while let Some(([high, low], after)) = rest.split_first_chunk() {
        now = now.after(Duration::from_millis(u64::from(high >> 4)));
        let length = usize::from(u16::from_be_bytes([high & 0x0f, *low]));
        let (frame, after) = after.split_at(length.min(after.len()));
        rest = after;
        let Ok(request) = decode::<Request>(frame) else { continue };
        if let Ok(request) = policy.permit(now, request) {
            permitted += 1;
            made.take(errand, &request.into_request(), now.since(start));
        }
    }
    permitted
}

/// What was permitted so far.
#[derive(Default)]
struct Made {
    entries: BTreeMap<EntryPath, bool>,
    bytes: usize,
    missing: usize,
    connects: u32,
    over: bool,
}

impl Made {
    fn take(&mut self, errand: Errand, request: &Request, passed: Duration) {
        assert!(!self.over, "nothing comes after the end");
        let finishes = matches!(request, Request::Content(_) | Request::Failed(_));
        assert!(self.missing == 0 || finishes, "a file is whole before anything else comes");
        match request {
            Request::Connect(Place(place)) => {
                self.connects += 1;
                let most = Policy::CONNECT_BURST + u32::try_from(passed.as_millis() / 100).unwrap();
                assert!(*place < SOME && self.connects <= most && matches!(errand, Errand::Fetch { .. }));
            }
            Request::Disk(DiskId(id), _) => assert!(*id < SOME && matches!(errand, Errand::Look { .. })),
            Request::Folder { path, mode } => {
                assert_eq!(mode.bits() & !0o775, 0);
                self.entry(path, true);
            }
            Request::File { path, mode, length } => {
                assert_eq!(mode.bits() & !0o775, 0);
                self.entry(path, false);
                self.missing = usize::try_from(*length).unwrap();
                self.bytes += self.missing;
                assert!(self.missing <= MAX_FILE && self.bytes <= MAX_TOTAL);
            }
            Request::Content(chunk) => self.missing = self.missing.checked_sub(chunk.len()).expect("no more than said"),
            Request::Hostname(name) => assert!(!name.as_str().is_empty() && name.as_str().len() <= 64),
            Request::Done(_) | Request::Failed(_) => self.over = true,
        }
    }

    fn entry(&mut self, path: &EntryPath, is_folder: bool) {
        let names: Vec<&str> = path.names().collect();
        assert!(names.len() <= MAX_DEPTH && names.iter().all(|name| !["", ".", ".."].contains(name)));
        assert!(!path.as_str().contains('\0') && ![PROVIDER, STAGING].contains(&path.as_str()));
        if let Some(parent) = path.parent() {
            assert_eq!(self.entries.get(&parent), Some(&true), "{path} lies in a folder");
        }
        assert_eq!(self.entries.insert(path.clone(), is_folder), None, "{path} comes once");
        assert!(self.entries.len() <= MAX_ENTRIES);
    }
}

/// What the broker decodes.
pub(crate) fn ipc_from_worker(data: &[u8]) {
    one_spelling::<Request>(data);
}

/// What a worker decodes.
pub(crate) fn ipc_from_broker(data: &[u8]) {
    one_spelling::<Notice>(data);
}

/// What decodes at all encodes to the same bytes.
fn one_spelling<T: Serialize + DeserializeOwned + MaxSize>(data: &[u8]) {
    if let Ok(value) = decode::<T>(data) {
        let mut buffer = vec![0; max_size::<T>()];
        assert_eq!(encode(&value, &mut buffer).unwrap(), data);
    }
}

/// The table of SMBIOS.
pub(crate) fn smbios(data: &[u8]) {
    let strings = oem_strings(data);
    assert!(strings.iter().map(String::len).sum::<usize>() <= data.len());
}
