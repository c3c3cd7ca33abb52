//! Who runs this machine, as its processor says.

use crate::sys;

/// The twelve letters by which a hypervisor names itself to its guests, such as `KVMKVMKVM`; nothing on a machine that says it
/// is none, or whose processor cannot be asked.
#[must_use]
pub fn name() -> Option<String> {
    if !is_there() {
        return None;
    }
    let letters: Vec<u8> = sys::cpuid(NAME)?.into_iter().flat_map(u32::to_le_bytes).collect();
    let name = String::from_utf8_lossy(&letters);
    Some(name.trim_end_matches('\0').to_owned()).filter(|name| !name.is_empty())
}

/// Whether the processor says that it is a virtual one; never where processors cannot be asked.
#[must_use]
pub fn is_there() -> bool {
    // Intel's and AMD's manuals leave this bit, and the leaves of the name, to hypervisors.
    sys::cpuid(1).is_some_and(|[_, features, _]| features & GUEST != 0)
}

/// Bit 31 of ECX of leaf 1.
const GUEST: u32 = 1 << 31;
const NAME: u32 = 0x4000_0000;

#[cfg(test)]
mod tests {
    #[test]
    fn the_kernel_says_so_too() {
        let text = std::fs::read_to_string("/proc/cpuinfo").unwrap();
        let is_there = text.split_whitespace().any(|word| word == "hypervisor");
        assert_eq!(super::is_there(), is_there);
    }

    #[test]
    fn a_name_is_of_letters_that_can_be_shown() {
        let name = super::name().unwrap_or_default();
        assert!(name.len() <= 12 && name.chars().all(|c| !c.is_control()), "{name:?}");
    }
}
