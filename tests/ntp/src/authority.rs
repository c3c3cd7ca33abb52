//! A certificate authority of the test's own, and what it says of servers.

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use anyhow::Result;
use orlop_testbed::Host;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType, date_time_ymd,
};

/// Whom the daemon trusts in a test.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: String,
}

/// When a certificate is valid, in days from now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Days {
    /// The first.
    pub from: i64,
    /// The last.
    pub until: i64,
}

impl Days {
    /// As most certificates are: they were made some weeks ago, and last some more.
    pub const USUAL: Self = Self { from: -30, until: 60 };
}

/// A certificate with its key.
#[derive(Debug, Clone)]
pub struct Identity {
    /// As text.
    pub certificate: String,
    /// As text.
    pub key: String,
}

/// Where the daemon finds whom it trusts, on every host.
pub const CA: &str = "/run/nts/ca.pem";

const DAY: u64 = 86_400;

/// That many days from now.
fn day(days: i64) -> Result<time::OffsetDateTime> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    let then = now.as_secs().saturating_add_signed(days.saturating_mul(DAY.cast_signed()));
    Ok(date_time_ymd(1970, 1, 1) + Duration::from_secs(then))
}

impl Authority {
    /// One that is trusted from 2000 to 2100.
    ///
    /// # Errors
    /// None that a test could cause.
    pub fn new() -> Result<Self> {
        Self::named("the test's own")
    }

    /// The same under another name.
    ///
    /// # Errors
    /// The same.
    pub fn named(name: &str) -> Result<Self> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(Vec::new())?;
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        (params.not_before, params.not_after) = (date_time_ymd(2000, 1, 1), date_time_ymd(2100, 1, 1));
        let certificate = params.self_signed(&key)?.pem();
        Ok(Self { issuer: Issuer::new(params, key), certificate })
    }

    /// Has the daemon on this host trust it.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn trusted_on(&self, host: &Host) -> Result<()> {
        host.write(CA, &self.certificate)
    }

    /// A certificate for whoever has these names or addresses.
    ///
    /// # Errors
    /// When a name is none.
    pub fn certify(&self, names: &[&str], days: Days) -> Result<Identity> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(Vec::new())?;
        for name in names {
            params.subject_alt_names.push(match name.parse::<IpAddr>() {
                Ok(address) => SanType::IpAddress(address),
                Err(_) => SanType::DnsName((*name).try_into()?),
            });
        }
        (params.not_before, params.not_after) = (day(days.from)?, day(days.until)?);
        let certificate = params.signed_by(&key, &self.issuer)?.pem();
        Ok(Identity { certificate, key: key.serialize_pem() })
    }
}
