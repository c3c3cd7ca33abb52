//! What the fuzz targets of this package do with their bytes. `fuzz/` compiles this very file.

use std::path::Path;

use orlop_dhcp::config::Config;
use orlop_dhcp::dhcpcd::conf;
use orlop_dhcp::lease_file::Handover;

/// A lease file: whatever is accepted is written back as the same lease.
pub(crate) fn lease_file(data: &[u8]) {
    let Ok(text) = core::str::from_utf8(data) else { return };
    if let Ok(handover) = Handover::parse(text) {
        assert_eq!(Handover::parse(&handover.render()).as_ref(), Ok(&handover));
        assert!(handover.lease.term.is_ordered() && handover.lease.prefix.has_host(handover.lease.addr.get()));
    }
}

/// A configuration, in our own language and in dhcpcd's.
pub(crate) fn config(data: &[u8]) {
    let Ok(text) = core::str::from_utf8(data) else { return };
    if let Err(error) = Config::parse(text, Path::new("fuzz.toml")) {
        assert!(!error.to_string().is_empty());
    }
    let _ = conf::understand(text, &[], "/run/resolvconf");
}
