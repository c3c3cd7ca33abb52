//! What the linker's relocations have filled in: tables of functions, above all. Nobody may write there any more.
#![allow(unsafe_code, reason = "the program's own segments can only be found and protected by address")]

use core::ffi::{c_int, c_void};

use rustix::io::Errno;

/// Makes the part of this program read-only that its linker marked so (`PT_GNU_RELRO`).
///
/// glibc does that before `main`, in static programs too. musl leaves it to its dynamic loader, which a static program
/// does not have: there, every table of functions would stay writable.
pub(crate) fn protect_relocated() -> Result<(), Errno> {
    let mut result = Ok(());
    // SAFETY: `protect` has the signature that is asked for, and gets back the pointer to `result`, which outlives the call.
    let _visited = unsafe { libc::dl_iterate_phdr(Some(protect), (&raw mut result).cast()) };
    result
}

/// Called with the program itself first; ends the iteration there.
unsafe extern "C" fn protect(info: *mut libc::dl_phdr_info, _size: usize, result: *mut c_void) -> c_int {
    // SAFETY: the C library passes a valid description of a loaded program, and we do not keep it.
    let info = unsafe { &*info };
    // SAFETY: the description says where the program's headers are and how many; they are mapped as long as it is.
    let headers = unsafe { core::slice::from_raw_parts(info.dlpi_phdr, info.dlpi_phnum.into()) };
    let marked = headers.iter().filter(|header| header.p_type == libc::PT_GNU_RELRO);
    // SAFETY: asks for a number.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) }.unsigned_abs();
    for header in marked {
        let begin = info.dlpi_addr.saturating_add(header.p_vaddr);
        // Whole pages: the last one may hold what stays writable.
        let (first, end) = (begin & !(page - 1), begin.saturating_add(header.p_memsz) & !(page - 1));
        let length = usize::try_from(end.saturating_sub(first)).unwrap_or(0);
        // SAFETY: these pages belong to this program, and by its linker's mark nothing writes to them after relocation.
        let done = unsafe { libc::mprotect(first as *mut c_void, length, libc::PROT_READ) };
        if done < 0 {
            let errno = Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::INVAL);
            // SAFETY: `protect_relocated` passed a pointer to its result, which nobody else uses meanwhile.
            unsafe { result.cast::<Result<(), Errno>>().write(Err(errno)) };
        }
    }
    1
}
