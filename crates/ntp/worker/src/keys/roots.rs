//! Who is trusted: certificates as text, one after the other, as `ca-certificates` installs them.

use std::fs::File;
use std::io::Read as _;
use std::os::fd::OwnedFd;

use orlop_ntp_contract::KeyFailure;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

/// Longest file that is read; Debian's, with 140 certificates, has a fifth of it.
const MAX_FILE: u64 = 1 << 20;

/// Certificates of it that are used, at most.
const MAX_ROOTS: usize = 1024;

/// Reads the certificates. What is none is passed over: one that a new issuer has made in a new way must not take away the others.
///
/// # Errors
/// [`KeyFailure::NoRoots`]: there is none.
pub(super) fn read(file: OwnedFd) -> Result<RootCertStore, KeyFailure> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_reader_iter(File::from(file).take(MAX_FILE)) {
        // A mistake in the text ends the reading; what was there before it counts.
        let Ok(certificate) = certificate else { break };
        let _passed_over = roots.add(certificate);
        if roots.len() >= MAX_ROOTS {
            break;
        }
    }
    if roots.is_empty() { Err(KeyFailure::NoRoots) } else { Ok(roots) }
}
