//! A profile as a person reads it: our program's own parser is not asked about our own files.

use std::fs;

use orlop_image::workspace::Workspace;

/// One setting of a profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Setting {
    pub(crate) key: String,
    pub(crate) value: String,
    /// A larger number of the kernel's own is kept.
    pub(crate) at_least: bool,
}

/// The settings of a file beside the image's recipe.
pub(crate) fn read(name: &str) -> Vec<Setting> {
    let path = Workspace::find().unwrap().recipe("sysctl").unwrap().join(name);
    let text = fs::read_to_string(path).unwrap();
    let mut settings = Vec::new();
    let mut at_least = false;
    for line in text.lines() {
        if let Some((key, value)) = line.split_once(" = ").filter(|_| !line.starts_with('#')) {
            let key = key.trim_start_matches('-').to_owned();
            settings.push(Setting { key, value: value.to_owned(), at_least });
        }
        at_least = line == "# orlop: at-least";
    }
    assert!(settings.len() > 20, "{name} is not what this reads");
    settings
}

impl Setting {
    /// Whether the kernel's value is what the profile wants.
    pub(crate) fn is_met_by(&self, value: &str) -> bool {
        match (self.at_least, value.parse::<u64>(), self.value.parse::<u64>()) {
            (true, Ok(value), Ok(wanted)) => value >= wanted,
            _ => value == self.value,
        }
    }
}
