use core::net::SocketAddr;

use orlop_wire::{HostAddr, MaxSize, Str};
use serde::{Deserialize, Serialize};

use crate::PORT;

/// Where a provider's service is that has no address of its own: as whoever started the machine says (NoCloud's
/// `ds=nocloud;s=http://192.0.2.1/seed/`), or the DHCP server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub struct Location {
    /// Its address. No name is ever looked up: whoever answers for it could be anybody.
    pub addr: HostAddr,
    /// Its port.
    pub port: u16,
    /// Below this is what it says; begins and ends with `/`.
    path: Str<MAX_PATH>,
}

/// Bytes of a path, at most.
const MAX_PATH: usize = 255;

/// Why a URL is none that is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotAsked {
    /// Another protocol: HTTPS among them.
    #[error("it does not begin with http://")]
    NotHttp,
    /// A name, or what is neither.
    #[error("its host is no address")]
    NoAddress,
    /// More than a plain path: a question mark, a percent sign, blanks; or too much of it.
    #[error("its path has other than letters, digits and -._~/+, or more than {MAX_PATH} of them")]
    Path,
}

impl Location {
    /// A service that has nothing before its own paths.
    #[must_use]
    pub fn at(addr: HostAddr) -> Self {
        Self { addr, port: PORT, path: Str::truncated("/") }
    }

    /// Reads `http://ADDRESS[:PORT]/PATH`. A slash at the end may be missing.
    ///
    /// # Errors
    /// Why it is not asked.
    pub fn parse(url: &str) -> Result<Self, NotAsked> {
        let rest = url.strip_prefix("http://").ok_or(NotAsked::NotHttp)?;
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let with_port = host.parse::<SocketAddr>().or_else(|_| format!("{host}:{PORT}").parse());
        let host = with_port.ok().filter(|host| host.port() != 0).ok_or(NotAsked::NoAddress)?;
        let addr = HostAddr::new(host.ip()).ok_or(NotAsked::NoAddress)?;
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._~/+".contains(c);
        let path = match path.trim_end_matches('/') {
            "" => "/".to_owned(),
            path => format!("/{path}/"),
        };
        let path = Str::new(&path).filter(|path| path.chars().all(is_plain)).ok_or(NotAsked::Path)?;
        Ok(Self { addr, port: host.port(), path })
    }

    /// Below this is what it says; begins and ends with `/`.
    #[must_use]
    pub fn path(&self) -> &str {
        self.path.as_str()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_and_plain_paths_are_asked() {
        for (url, want) in [
            ("http://192.0.2.1/", Ok(("192.0.2.1", 80, "/"))),
            ("http://192.0.2.1", Ok(("192.0.2.1", 80, "/"))),
            ("http://192.0.2.1:8080/a/b", Ok(("192.0.2.1", 8080, "/a/b/"))),
            ("http://192.0.2.1/a//", Ok(("192.0.2.1", 80, "/a/"))),
            ("http://[2001:db8::1]/x/", Ok(("2001:db8::1", 80, "/x/"))),
            ("http://[2001:db8::1]:8000/x/", Ok(("2001:db8::1", 8000, "/x/"))),
            ("https://192.0.2.1/", Err(NotAsked::NotHttp)),
            ("file:///seed/", Err(NotAsked::NotHttp)),
            ("/seed", Err(NotAsked::NotHttp)),
            ("http://seed.example.com/", Err(NotAsked::NoAddress)),
            ("http://2001:db8::1/", Err(NotAsked::NoAddress)),
            ("http://[fe80::1%2]/", Err(NotAsked::NoAddress)),
            ("http:///", Err(NotAsked::NoAddress)),
            ("http://192.0.2.1:/", Err(NotAsked::NoAddress)),
            ("http://192.0.2.1:0/", Err(NotAsked::NoAddress)),
            ("http://192.0.2.1:65536/", Err(NotAsked::NoAddress)),
            ("http://user@192.0.2.1/", Err(NotAsked::NoAddress)),
            ("http://255.255.255.255/", Err(NotAsked::NoAddress)),
            ("http://192.0.2.1/?key=", Err(NotAsked::Path)),
            ("http://192.0.2.1/%s", Err(NotAsked::Path)),
            ("http://192.0.2.1/a b", Err(NotAsked::Path)),
            ("http://192.0.2.1/a\r\nHost: x/", Err(NotAsked::Path)),
        ] {
            let location = Location::parse(url);
            let location =
                location.as_ref().map(|location| (location.addr.get().to_string(), location.port, location.path()));
            let want = want.map(|(addr, port, path)| (addr.to_owned(), port, path));
            assert_eq!(location, want.as_ref().map(|(addr, port, path)| (addr.clone(), *port, *path)), "{url:?}");
        }
        let long = |len: usize| Location::parse(&format!("http://192.0.2.1/{}", "x".repeat(len)));
        assert!(long(MAX_PATH - 2).is_ok());
        assert_eq!(long(MAX_PATH - 1), Err(NotAsked::Path));
    }
}
