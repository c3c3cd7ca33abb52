//! The folder is the process: a package's role, from where it is.

/// What a package is for. The daemon's name comes with the roles that belong to one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Role {
    /// `crates/NAME`, used by several daemons.
    Shared(String),
    /// `crates/broker` and `crates/config`: what brokers have in common, and nobody else may link
    ForBrokers(String),
    /// `crates/DAEMON/contract`; `crates/lookup` has the same folders as a daemon, and is a part of several
    Contract(String),
    /// `crates/DAEMON/core`
    Core(String),
    /// `crates/DAEMON/profiles`
    Profiles(String),
    /// `crates/DAEMON/worker`
    Worker(String),
    /// `crates/DAEMON/broker`
    Broker(String),
    /// `crates/image` and `crates/xtask`
    Tool(String),
    /// `crates/init` and `crates/container`: what starts the daemons in a machine of ours
    Machine(String),
    /// `crates/harness`: what the tests of several packages share
    Harness,
    /// `crates/fleet`: the list of daemons, for tests and tools
    Fleet,
    /// `tests/NAME`
    Test(String),
}

impl Role {
    /// The role of the package in `folder` (relative to the repository), `None` when the folder is none DESIGN knows.
    pub(crate) fn of_folder(folder: &str) -> Option<Self> {
        let parts: Vec<&str> = folder.split('/').collect();
        match parts.as_slice() {
            ["crates", tool @ ("image" | "xtask")] => Some(Self::Tool((*tool).to_owned())),
            ["crates", part @ ("init" | "container")] => Some(Self::Machine((*part).to_owned())),
            ["crates", shared @ ("machine" | "wire" | "netfacts" | "sandbox" | "wholefile")] => {
                Some(Self::Shared((*shared).to_owned()))
            }
            ["crates", part @ ("broker" | "config")] => Some(Self::ForBrokers((*part).to_owned())),
            ["crates", daemon, "contract"] => Some(Self::Contract((*daemon).to_owned())),
            ["crates", daemon, "core"] => Some(Self::Core((*daemon).to_owned())),
            ["crates", daemon, "profiles"] => Some(Self::Profiles((*daemon).to_owned())),
            ["crates", daemon, "worker"] => Some(Self::Worker((*daemon).to_owned())),
            ["crates", daemon, "broker"] => Some(Self::Broker((*daemon).to_owned())),
            ["crates", "harness"] => Some(Self::Harness),
            ["crates", "fleet"] => Some(Self::Fleet),
            ["tests", name] => Some(Self::Test((*name).to_owned())),
            _ => None,
        }
    }

    /// The daemon it belongs to, `None` for what several share.
    pub(crate) fn daemon(&self) -> Option<&str> {
        match self {
            Self::Contract(part) | Self::Core(part) | Self::Worker(part) if part == "lookup" => None,
            Self::Contract(daemon)
            | Self::Core(daemon)
            | Self::Profiles(daemon)
            | Self::Worker(daemon)
            | Self::Broker(daemon) => Some(daemon),
            Self::Shared(_)
            | Self::ForBrokers(_)
            | Self::Tool(_)
            | Self::Machine(_)
            | Self::Harness
            | Self::Fleet
            | Self::Test(_) => None,
        }
    }

    /// The word that the table of directions uses.
    pub(crate) fn word(&self) -> &str {
        match self {
            Self::Shared(name) | Self::Tool(name) | Self::Machine(name) => name,
            Self::ForBrokers(name) if name == "broker" => "brokers",
            Self::ForBrokers(name) => name,
            Self::Contract(_) => "contract",
            Self::Core(_) => "core",
            Self::Profiles(_) => "profiles",
            Self::Worker(_) => "worker",
            Self::Broker(_) => "broker",
            Self::Harness => "harness",
            Self::Fleet => "fleet",
            Self::Test(_) => "test",
        }
    }

    /// Whether it may do no input or output at all: its dependency list is pinned by name.
    pub(crate) fn is_pure(&self) -> bool {
        match self {
            Self::Contract(_) | Self::Core(_) => true,
            Self::Shared(name) => name != "sandbox" && name != "wholefile",
            Self::ForBrokers(_)
            | Self::Profiles(_)
            | Self::Worker(_)
            | Self::Broker(_)
            | Self::Tool(_)
            | Self::Machine(_)
            | Self::Harness
            | Self::Fleet
            | Self::Test(_) => false,
        }
    }

    /// Whether hostile bytes or numbers reach it, so that the strict lints are due.
    pub(crate) fn meets_hostile_input(&self) -> bool {
        matches!(self, Self::Contract(_) | Self::Core(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_decides() {
        for (folder, want) in [
            ("crates/some/core", Some(Role::Core("some".into()))),
            ("crates/other/broker", Some(Role::Broker("other".into()))),
            ("crates/sandbox", Some(Role::Shared("sandbox".into()))),
            ("tests/some", Some(Role::Test("some".into()))),
            ("crates/harness", Some(Role::Harness)),
            ("crates/fleet", Some(Role::Fleet)),
            ("crates/image", Some(Role::Tool("image".into()))),
            ("crates/broker", Some(Role::ForBrokers("broker".into()))),
            ("crates/init", Some(Role::Machine("init".into()))),
            ("crates/some", None),
            ("crates/some/stuff", None),
            ("vendor/thing", None),
        ] {
            assert_eq!(Role::of_folder(folder), want, "{folder}");
        }
    }
}
