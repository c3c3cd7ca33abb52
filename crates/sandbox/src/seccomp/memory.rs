//! What every process may do for its allocator.

use crate::profile::{Pin, Rule, Value};
use crate::sys::numbers;
use crate::syscall;

const READ_WRITE: u64 = (numbers::PROT_READ | numbers::PROT_WRITE).cast_unsigned() as u64;
const PRIVATE_ANONYMOUS: u64 = (numbers::MAP_PRIVATE | numbers::MAP_ANONYMOUS).cast_unsigned() as u64;

/// No `mprotect`: see [`super::WORKER_BASE`].
pub const MEMORY: [Rule; 4] = [
    Rule::when(
        syscall!(SYS_mmap),
        &[&[Pin::new(2, Value::Within(READ_WRITE)), Pin::new(3, Value::Long(PRIVATE_ANONYMOUS))]],
        "a large allocation: fresh memory only, never executable, never shared",
    ),
    Rule::any(syscall!(SYS_munmap), "a large allocation ends"),
    Rule::any(syscall!(SYS_mremap), "a large allocation grows"),
    Rule::any(syscall!(SYS_brk), "small allocations"),
];
