//! The platforms that images are made for.

use std::fmt;

use oci_spec::image::Arch;
use serde::Serialize;

/// Linux on one processor architecture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Platform {
    /// `linux/amd64`: x86-64.
    #[serde(rename = "linux/amd64")]
    Amd64,
    /// `linux/arm64`: `AArch64`.
    #[serde(rename = "linux/arm64")]
    Arm64,
}

impl Platform {
    /// Every platform, in the order in which an index lists them.
    pub const ALL: [Self; 2] = [Self::Amd64, Self::Arm64];

    /// The platform this program runs on.
    pub const HOST: Self = if cfg!(target_arch = "aarch64") { Self::Arm64 } else { Self::Amd64 };

    /// The architecture as container tools call it.
    #[must_use]
    pub const fn architecture(self) -> &'static str {
        match self {
            Self::Amd64 => "amd64",
            Self::Arm64 => "arm64",
        }
    }

    /// The architecture in the types of the image specification.
    #[must_use]
    pub const fn oci(self) -> Arch {
        match self {
            Self::Amd64 => Arch::Amd64,
            Self::Arm64 => Arch::ARM64,
        }
    }

    /// `e_machine` of its programs: `EM_X86_64`, `EM_AARCH64`.
    #[must_use]
    pub const fn elf_machine(self) -> u16 {
        match self {
            Self::Amd64 => 62,
            Self::Arm64 => 183,
        }
    }

    /// Rust's targets whose programs are static, the preferred one first: musl's are half as large.
    #[must_use]
    pub const fn targets(self) -> [&'static str; 2] {
        match self {
            Self::Amd64 => ["x86_64-unknown-linux-musl", "x86_64-unknown-linux-gnu"],
            Self::Arm64 => ["aarch64-unknown-linux-musl", "aarch64-unknown-linux-gnu"],
        }
    }

    /// Understands `linux/amd64` and `amd64`.
    ///
    /// # Errors
    /// A sentence that names the platforms there are.
    pub fn parse(text: &str) -> Result<Self, String> {
        let architecture = text.strip_prefix("linux/").unwrap_or(text);
        Self::ALL
            .into_iter()
            .find(|platform| platform.architecture() == architecture)
            .ok_or_else(|| format!("no platform {text}: there are linux/amd64 and linux/arm64"))
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "linux/{}", self.architecture())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_platform_is_understood_with_and_without_its_system() {
        for platform in Platform::ALL {
            assert_eq!(Platform::parse(&platform.to_string()), Ok(platform));
            assert_eq!(Platform::parse(platform.architecture()), Ok(platform));
        }
        for unknown in ["linux/riscv64", "windows/amd64", ""] {
            assert!(Platform::parse(unknown).is_err(), "{unknown}");
        }
    }
}
