//! Where a machine runs, as its firmware and its kernel say, without a packet.

mod command_line;
mod rules;
mod smbios;

use core::fmt;

pub use command_line::CommandLine;
pub use smbios::oem_strings;

use crate::{Location, NotAsked, Provider};
use rules::RULES;

/// What firmware and kernel say of the machine: texts of a line each.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Signs(Vec<(Sign, String)>);

/// Where a text was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sign {
    /// DMI: who made the machine.
    SysVendor,
    /// DMI: what it is.
    ProductName,
    /// DMI: its serial number. Only root may read it.
    ProductSerial,
    /// DMI: its UUID. Only root may read it.
    ProductUuid,
    /// DMI: the tag of its chassis.
    ChassisAssetTag,
    /// DMI: the tag of its board.
    BoardAssetTag,
    /// Xen's UUID of the guest.
    HypervisorUuid,
    /// ACPI: who made its tables.
    AcpiOem,
    /// What the processor says of who runs it.
    Hypervisor,
    /// SMBIOS type 11: a string that whoever started the machine has put there.
    OemString,
    /// A word of the kernel's command line.
    Word,
}

impl Sign {
    /// Where a person finds it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SysVendor => "sys_vendor",
            Self::ProductName => "product_name",
            Self::ProductSerial => "product_serial",
            Self::ProductUuid => "product_uuid",
            Self::ChassisAssetTag => "chassis_asset_tag",
            Self::BoardAssetTag => "board_asset_tag",
            Self::HypervisorUuid => "hypervisor uuid",
            Self::AcpiOem => "ACPI OEM id",
            Self::Hypervisor => "cpuid hypervisor",
            Self::OemString => "SMBIOS OEM string",
            Self::Word => "command line",
        }
    }
}

impl Signs {
    /// Adds a text, without the white space around it; one that says nothing is left out.
    pub fn add(&mut self, sign: Sign, text: &str) {
        let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\0');
        if !text.is_empty() {
            self.0.push((sign, text.to_owned()));
        }
    }

    /// Where NoCloud's files are to be had by HTTP, as the command line says, or else the firmware.
    ///
    /// # Errors
    /// What was said, and why it is not asked.
    pub fn seed(&self) -> Option<Result<Location, (&str, NotAsked)>> {
        let said = |is_word: bool| {
            let mut said = self.iter().filter(move |(sign, _)| (*sign == Sign::Word) == is_word);
            said.find_map(|(sign, text)| CommandLine::seed_of(sign, text))
        };
        said(true).or_else(|| said(false)).map(|url| Location::parse(url).map_err(|why| (url, why)))
    }

    /// Each text, in the order in which they were added.
    pub fn iter(&self) -> impl Iterator<Item = (Sign, &str)> {
        self.0.iter().map(|(sign, text)| (*sign, text.as_str()))
    }
}

/// What a machine is known to run on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Platform {
    /// One whose metadata can be had.
    Of(Provider),
    /// One whose metadata cannot, by its name.
    Other(&'static str),
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Of(provider) => provider.name(),
            Self::Other(name) => name,
        })
    }
}

/// A platform and what gave it away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Which.
    pub platform: Platform,
    /// Where that was said.
    pub sign: Sign,
    /// What was said.
    pub text: String,
}

/// Every platform that `signs` name, what the command line says before all else; each once.
#[must_use]
pub fn detect(signs: &Signs) -> Vec<Finding> {
    let mut findings: Vec<Finding> = Vec::new();
    let told = signs.iter().filter_map(|(sign, text)| {
        let platform = CommandLine::platform_of(sign, text)?;
        Some(Finding { platform, sign, text: text.to_owned() })
    });
    let by_rule = RULES.iter().filter_map(|rule| {
        let (sign, text) = signs.iter().find(|(sign, text)| *sign == rule.sign && rule.like.fits(text))?;
        Some(Finding { platform: rule.platform, sign, text: text.to_owned() })
    });
    for finding in told.chain(by_rule) {
        if !findings.iter().any(|known| known.platform == finding.platform) {
            findings.push(finding);
        }
    }
    findings
}

/// What a text is like.
enum Like {
    /// This.
    Is(&'static str),
    /// It begins with this.
    Begins(&'static str),
    /// `i-` and hexadecimal digits: the number of an instance of EC2.
    InstanceId,
    /// A UUID that begins with `ec2`, in the order of its bytes or in the other one (SMBIOS before 2.6 does not say which).
    Ec2Uuid,
}

impl Like {
    fn fits(&self, text: &str) -> bool {
        match self {
            Self::Is(whole) => text == *whole,
            Self::Begins(beginning) => text.starts_with(beginning),
            Self::InstanceId => {
                let digits = text.strip_prefix("i-").unwrap_or_default();
                !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
            }
            Self::Ec2Uuid => {
                let uuid = text.to_ascii_lowercase();
                let first = uuid.split('-').next().unwrap_or_default();
                // Bytes `ec 2x`, of which the second comes first where the order is the other one.
                let swapped = first.strip_suffix("ec").and_then(|rest| rest.chars().rev().nth(1));
                uuid.starts_with("ec2") || (first.len() == 8 && swapped == Some('2'))
            }
        }
    }
}

#[cfg(test)]
mod tests;
