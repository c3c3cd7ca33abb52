//! The containers of a machine: their places, and what their bundles say about starting them. Pure.

use core::time::Duration;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::condition::{Condition, Conditions};
use crate::settings::parse_deadline;

/// Annotation of a container: how many seconds it may take at boot or shutdown.
const DEADLINE: &str = "orlop.deadline";
/// Annotation of a service: what must be so before it is started; its deadline is when it is started all the same.
const WAIT: &str = "orlop.wait";
/// Annotation of a service: whether it is started again when it has ended.
const RESTART: &str = "orlop.restart";

/// One of the three lists of a machine's specification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum List {
    /// One after the other, each to its end, before the services.
    Onboot,
    /// Together, for as long as the machine runs.
    Services,
    /// One after the other, before the machine goes off.
    Onshutdown,
}

impl List {
    /// All three.
    pub const ALL: [Self; 3] = [Self::Onboot, Self::Services, Self::Onshutdown];

    /// As specifications and folders call it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Onboot => "onboot",
            Self::Services => "services",
            Self::Onshutdown => "onshutdown",
        }
    }

    /// What the runtime calls a container of this list: lists have containers of the same name.
    #[must_use]
    pub fn id(self, name: &str) -> String {
        format!("{}-{name}", self.name())
    }
}

/// When a service is started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restart {
    /// Whatever it ended with: a service is there as long as the machine is.
    Always,
    /// Unless it ended with 0.
    OnFailure,
    /// Never.
    No,
}

/// One container of the machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    /// Where it belongs.
    pub list: List,
    /// The name of its folder: `000-dhcpcd` in onboot, `dhcpcd` among the services.
    pub name: String,
    /// How long it may take from its start to its end; `None` for services.
    pub deadline: Option<Duration>,
    /// Only services are started again.
    pub restart: Restart,
    /// What a service waits for before it is started for the first time.
    pub wait: Option<Wait>,
}

/// What a service waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wait {
    /// All of this.
    pub conditions: Conditions,
    /// No longer than this.
    pub at_most: Duration,
}

/// What of a `config.json` is for us. The rest is for the runtime.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Config {
    #[serde(default)]
    annotations: Option<BTreeMap<String, String>>,
    #[serde(default)]
    linux: Option<Linux>,
}

#[derive(Debug, Clone, Default, Deserialize)]
struct Linux {
    #[serde(default, rename = "cgroupsPath")]
    cgroups_path: Option<String>,
}

impl Config {
    /// The control group that it asks for.
    #[must_use]
    pub fn cgroups_path(&self) -> Option<&str> {
        self.linux.as_ref()?.cgroups_path.as_deref()
    }
}

impl Container {
    /// What the runtime calls it.
    #[must_use]
    pub fn id(&self) -> String {
        self.list.id(&self.name)
    }

    /// The container `name` of `list`, whose bundle says `config`. What is wrong in its annotations is said, and has no effect.
    #[must_use]
    pub fn new(list: List, name: &str, config: &Config, deadline: Duration) -> (Self, Vec<String>) {
        let mut wrong = Vec::new();
        let said = |key: &str| config.annotations.as_ref().and_then(|all| all.get(key)).map(String::as_str);
        let deadline = said(DEADLINE).map_or(deadline, |text| {
            parse_deadline(text).unwrap_or_else(|| {
                wrong.push(format!("annotation {DEADLINE}: {text:?} of {name} has no effect: it is 1 to 3600 seconds"));
                deadline
            })
        });
        let restart = match said(RESTART) {
            None | Some("always") => Restart::Always,
            Some("on-failure") => Restart::OnFailure,
            Some("no") => Restart::No,
            Some(text) => {
                let known = "always, on-failure, no";
                wrong.push(format!("annotation {RESTART}: {text:?} of {name} has no effect: it is one of {known}"));
                Restart::Always
            }
        };
        let conditions = Condition::parse(said(WAIT).unwrap_or_default()).unwrap_or_else(|| {
            let known = Condition::ALL.map(Condition::word).join(", ");
            wrong.push(format!("annotation {WAIT} of {name} has no effect: its words are of these: {known}"));
            Conditions::new()
        });
        let wait = (!conditions.is_empty()).then_some(Wait { conditions, at_most: deadline });
        let (deadline, restart, wait) = match list {
            List::Services => (None, restart, wait),
            List::Onboot | List::Onshutdown => (Some(deadline), Restart::No, None),
        };
        (Self { list, name: name.to_owned(), deadline, restart, wait }, wrong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USUAL: Duration = Duration::from_secs(60);

    fn container(list: List, config: &str) -> (Container, Vec<String>) {
        Container::new(list, "x", &serde_json::from_str(config).unwrap(), USUAL)
    }

    #[test]
    fn annotations_set_deadlines_and_restarts() {
        for (what, list, config, deadline, restart) in [
            ("nothing said", List::Onboot, r#"{"ociVersion":"1.0.2","linux":{}}"#, Some(60), Restart::No),
            ("null", List::Onboot, r#"{"annotations":null}"#, Some(60), Restart::No),
            ("deadline", List::Onboot, r#"{"annotations":{"orlop.deadline":"5"}}"#, Some(5), Restart::No),
            ("at shutdown", List::Onshutdown, r#"{"annotations":{"orlop.deadline":"5"}}"#, Some(5), Restart::No),
            ("a service has none", List::Services, r#"{"annotations":{"orlop.deadline":"5"}}"#, None, Restart::Always),
            ("no restart", List::Services, r#"{"annotations":{"orlop.restart":"no"}}"#, None, Restart::No),
            (
                "on failure",
                List::Services,
                r#"{"annotations":{"orlop.restart":"on-failure"}}"#,
                None,
                Restart::OnFailure,
            ),
            ("not at boot", List::Onboot, r#"{"annotations":{"orlop.restart":"always"}}"#, Some(60), Restart::No),
        ] {
            let (container, wrong) = container(list, config);
            assert_eq!((container.deadline, container.restart), (deadline.map(Duration::from_secs), restart), "{what}");
            assert_eq!(wrong, Vec::<String>::new(), "{what}");
        }
    }

    #[test]
    fn a_service_waits_as_long_as_its_deadline() {
        for (what, list, config, want) in [
            ("nothing said", List::Services, r#"{"annotations":{"orlop.deadline":"5"}}"#, None),
            ("as usual", List::Services, r#"{"annotations":{"orlop.wait":"clock"}}"#, Some(60)),
            ("so long", List::Services, r#"{"annotations":{"orlop.wait":"clock","orlop.deadline":"5"}}"#, Some(5)),
            ("no word", List::Services, r#"{"annotations":{"orlop.wait":""}}"#, None),
            ("at boot all come in turn", List::Onboot, r#"{"annotations":{"orlop.wait":"clock"}}"#, None),
        ] {
            let (container, wrong) = container(list, config);
            let wait = Wait { conditions: [Condition::Clock].into(), at_most: Duration::from_secs(want.unwrap_or(0)) };
            assert_eq!((container.wait, wrong), (want.map(|_| wait), Vec::new()), "{what}");
        }
    }

    #[test]
    fn a_wrong_annotation_is_said() {
        for config in [
            r#"{"annotations":{"orlop.deadline":"0"}}"#,
            r#"{"annotations":{"orlop.restart":"maybe"}}"#,
            r#"{"annotations":{"orlop.wait":"online, clock"}}"#,
        ] {
            let (container, wrong) = container(List::Services, config);
            assert_eq!((container.restart, container.wait, wrong.len()), (Restart::Always, None, 1), "{config}");
        }
    }
}
