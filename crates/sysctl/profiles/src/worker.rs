use orlop_sandbox::base;
use orlop_sandbox::profile::{Ids, Layers, Limits, Profile};

/// The process that reads the text of sysctl.d files: what its broker sends, and nothing else.
pub const WORKER: Profile = Profile {
    name: "sysctl-worker",
    ids: Ids { uid: USER, gid: USER },
    limits: Limits { open_files: OPEN_FILES, ..Limits::WORKER },
    ..base::UNGRANTED_WORKER
};

/// [`WORKER`] for a user who has no capability: the same program, which reads the same text and can do as little, but stays that user.
pub const LINT_WORKER: Profile = Profile { name: "sysctl-lint-worker", layers: Layers::UNPRIVILEGED, ..WORKER };

/// The fifth of the numbers that Orlop's workers use, one each; images have no passwd file to clash with.
const USER: u32 = 64_105;

/// It is granted none: what it has from the start.
const OPEN_FILES: u64 = 16;
