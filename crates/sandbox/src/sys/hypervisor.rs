//! The processor's own answers.
#![allow(unsafe_code, reason = "an instruction, which was an unsafe function until Rust 1.93")]

/// EBX, ECX and EDX of what the processor answers for `leaf`; nothing where processors have no such instruction.
#[cfg(target_arch = "x86_64")]
pub(crate) fn cpuid(leaf: u32) -> Option<[u32; 3]> {
    #[allow(unused_unsafe, reason = "safe since Rust 1.93, and we are built with 1.91 as well")]
    // SAFETY: every x86-64 processor has the instruction, and it changes nothing.
    let answer = unsafe { core::arch::x86_64::__cpuid(leaf) };
    Some([answer.ebx, answer.ecx, answer.edx])
}

/// As on x86-64, where there is such an instruction: here is none.
#[cfg(not(target_arch = "x86_64"))]
pub(crate) fn cpuid(_leaf: u32) -> Option<[u32; 3]> {
    None
}
