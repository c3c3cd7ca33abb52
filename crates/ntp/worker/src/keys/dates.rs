//! When a certificate has to be valid. All else about it is rustls-webpki's to check, and nothing of that is left out.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use orlop_ntp_contract::{Dates, Utc};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};

/// Checks certificates at the moment that [`Dates`] says.
#[derive(Debug)]
pub(super) struct Dated {
    checker: Arc<WebPkiServerVerifier>,
    dates: Dates,
    checked: Checked,
}

/// The moment at which the certificate of the server was found valid.
#[derive(Debug, Clone, Default)]
pub(super) struct Checked(Arc<Mutex<Option<Utc>>>);

/// Certificates between the server's and a trusted one, each of which can begin to be valid later than the one before.
const MAX_CHAIN: usize = 8;

impl Checked {
    pub(super) fn get(&self) -> Option<Utc> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Dated {
    pub(super) fn new(checker: Arc<WebPkiServerVerifier>, dates: Dates, checked: Checked) -> Self {
        Self { checker, dates, checked }
    }
}

/// The moment at which `check` finds no fault. When nobody has vouched for the clock, that is the earliest one from the floor on, if
/// it is not what the clock shows.
fn find(dates: Dates, check: impl Fn(Utc) -> Result<(), Error>) -> Result<Utc, Error> {
    let (mut time, floor) = match dates {
        Dates::At(time) => return check(time).map(|()| time),
        Dates::Unsure { clock, floor } => (clock.max(floor), floor),
    };
    let mut begun_anew = false;
    for _ in 0..MAX_CHAIN {
        match check(time) {
            Ok(()) => return Ok(time),
            Err(Error::InvalidCertificate(CertificateError::NotValidYetContext { not_before, .. })) => {
                let not_before = Utc::from_secs(not_before.as_secs());
                if not_before <= time {
                    break;
                }
                time = not_before;
            }
            // The clock may be ahead. What expired before the floor has expired.
            Err(Error::InvalidCertificate(CertificateError::ExpiredContext { .. })) if !begun_anew && time > floor => {
                (time, begun_anew) = (floor, true);
            }
            Err(error) => return Err(error),
        }
    }
    check(time).map(|()| time)
}

impl ServerCertVerifier for Dated {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let check = |time: Utc| {
            let time = UnixTime::since_unix_epoch(Duration::from_secs(time.secs()));
            self.checker
                .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, time)
                .map(|_verified| ())
        };
        let time = find(self.dates, check)?;
        *self.checked.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(time);
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.checker.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.checker.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.checker.supported_verify_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLOOR: u64 = 1_000;

    /// A chain that is valid within all of these.
    fn chain(spans: &'static [(u64, u64)]) -> impl Fn(Utc) -> Result<(), Error> {
        let unix = |secs| UnixTime::since_unix_epoch(Duration::from_secs(secs));
        move |time| {
            for (from, until) in spans {
                let time = time.secs();
                let wrong = if time < *from {
                    CertificateError::NotValidYetContext { time: unix(time), not_before: unix(*from) }
                } else if time > *until {
                    CertificateError::ExpiredContext { time: unix(time), not_after: unix(*until) }
                } else {
                    continue;
                };
                return Err(Error::InvalidCertificate(wrong));
            }
            Ok(())
        }
    }

    #[test]
    fn a_certificate_is_valid_at_one_moment_or_at_none() {
        let at = |secs| Dates::At(Utc::from_secs(secs));
        let unsure = |clock| Dates::Unsure { clock: Utc::from_secs(clock), floor: Utc::from_secs(FLOOR) };
        const LEAF: &[(u64, u64)] = &[(2_000, 3_000)];
        for (what, dates, spans, want) in [
            ("now", at(2_500), LEAF, Some(2_500)),
            ("not yet", at(1_999), LEAF, None),
            ("not any more", at(3_001), LEAF, None),
            ("the clock is right", unsure(2_500), LEAF, Some(2_500)),
            ("the clock is behind", unsure(1_500), LEAF, Some(2_000)),
            ("the clock is before the floor", unsure(0), LEAF, Some(2_000)),
            ("the clock is ahead", unsure(9_000), LEAF, Some(2_000)),
            ("it was valid at the floor", unsure(9_000), &[(500, 3_000)], Some(1_000)),
            (
                "each of the chain begins later",
                unsure(0),
                &[(1_500, 9_000), (1_700, 8_000), (1_900, 7_000)],
                Some(1_900),
            ),
            ("it expired before the floor", unsure(0), &[(100, 999)], None),
            ("it expired before the floor, and the clock is ahead", unsure(5_000), &[(100, 999)], None),
            ("no moment is in both", unsure(0), &[(2_000, 3_000), (4_000, 5_000)], None),
            ("nor with a clock that is ahead", unsure(9_000), &[(2_000, 3_000), (4_000, 5_000)], None),
        ] {
            assert_eq!(find(dates, chain(spans)).ok(), want.map(Utc::from_secs), "{what}");
        }
    }

    #[test]
    fn any_other_fault_is_one_at_every_moment() {
        let unsure = Dates::Unsure { clock: Utc::from_secs(1), floor: Utc::from_secs(FLOOR) };
        let fault = || Error::InvalidCertificate(CertificateError::UnknownIssuer);
        assert_eq!(find(unsure, |_| Err(fault())), Err(fault()));
    }
}
