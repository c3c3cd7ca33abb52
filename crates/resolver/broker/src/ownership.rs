//! resolv.conf while the resolver runs: whose it is, what it says, and what it said before.
//!
//! It names this resolver and nobody else, so it changes only when search domains do. Whoever needs the real servers, such as a
//! container with a network of its own, finds them in `resolv.upstream.conf` in the daemon's folder.

use std::fmt::Write as _;
use std::path::Path;

use orlop_broker::folder::Output;
use orlop_broker::resolv_conf::{CLAIMS, Claim, Claims, ResolvConf, ResolvConfError};
use orlop_netfacts::{Facts, Union};
use rustix::fs::Mode;
use tracing::{info, warn};

use crate::servers::{Chosen, OWN};

/// Every text of ours begins with this, so that it can be told from what was there before.
const MARK: &str = "# Written by orlop-resolver";

/// The real servers.
const UPSTREAM: &str = "resolv.upstream.conf";
/// What was there before us, for a broker that is started again.
const BEFORE: &str = "resolv.before.conf";
/// Of either, in bytes.
const MAX_TEXT: usize = 64 * 1024;

/// The file, and our claim to it.
#[derive(Debug)]
pub struct Ownership {
    file: ResolvConf,
    claims: Claims,
    claim: Option<Claim>,
    /// What it says, since it is ours.
    written: Option<String>,
    /// What it said before.
    before: Option<String>,
}

impl Ownership {
    /// The file in `folder`. To be done before the sandbox narrows.
    #[must_use]
    pub fn open(folder: &Path, own: &mut Output) -> Self {
        let before = own.folder().and_then(|own| orlop_wholefile::read(own, BEFORE, MAX_TEXT).ok());
        let (file, claims) = (ResolvConf::open(folder), Claims::open(Path::new(CLAIMS)));
        let mut ownership = Self { file, claims, claim: None, written: None, before };
        ownership.look(own);
        ownership
    }

    /// What the file said before it was ours.
    #[must_use]
    pub fn before(&self) -> &str {
        self.before.as_deref().unwrap_or_default()
    }

    /// Whether the file is ours, and says what it should.
    #[must_use]
    pub const fn is_ours(&self) -> bool {
        self.claim.is_some() && self.written.is_some()
    }

    /// Takes the file, and writes what it should say, with the search domains of these networks. Where it cannot be had, it is to be
    /// tried again.
    pub fn update(&mut self, facts: &[Facts], own: &mut Output) {
        let done = self.write(facts, own);
        self.file.tell(done.err().as_ref());
    }

    fn write(&mut self, facts: &[Facts], own: &mut Output) -> Result<(), ResolvConfError> {
        if self.claim.is_none() {
            self.claim = self.claims.take()?;
            if self.claim.is_none() {
                return Ok(());
            }
            // The DHCP client may have written it until now.
            self.look(own);
        }
        let wanted = render(facts, self.before());
        if self.written.as_ref() == Some(&wanted) {
            return Ok(());
        }
        self.written = None;
        let old = self.file.content()?;
        if self.file.put(&old, wanted.as_bytes())? {
            info!("resolv.conf names this resolver");
        }
        self.written = Some(wanted);
        Ok(())
    }

    /// Keeps what the file says, unless we wrote it.
    fn look(&mut self, own: &mut Output) {
        let Ok(content) = self.file.content() else { return };
        let whole = content.length == content.bytes.len();
        let text = String::from_utf8(content.bytes).ok().filter(|text| whole && !text.starts_with(MARK));
        let Some(text) = text.map(|text| format!("{}\n", text.trim_end())).filter(|text| text.len() > 1) else {
            return;
        };
        own.attempt(|own| orlop_wholefile::replace(own, BEFORE, text.as_bytes(), READABLE));
        self.before = Some(text);
    }

    /// Puts back what was there before, and lets go of the file. The DHCP client, if it runs, writes what it knows now.
    pub fn give_back(&mut self, own: &mut Output) {
        if self.claim.is_none() {
            return;
        }
        let text =
            self.before.clone().unwrap_or_else(|| format!("{MARK}, which has ended: no name server is known.\n"));
        let written = self.file.content().and_then(|old| self.file.put(&old, text.as_bytes()));
        match written {
            Ok(_) => {
                own.attempt(|own| orlop_wholefile::remove(own, BEFORE));
                info!("resolv.conf says again what it said before");
            }
            Err(cause) => warn!(%cause, "resolv.conf still names this resolver"),
        }
        self.claim = None;
    }
}

/// Everybody may read it.
const READABLE: Mode = Mode::from_raw_mode(0o644);

/// Leaves the real servers for whoever cannot ask this machine.
pub fn leave_upstreams(own: &mut Output, chosen: &Chosen, facts: &[Facts], before: &str) {
    let mut text = format!("{MARK}: the servers that it asks.\n{}", search(facts, before));
    for server in chosen.general() {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "nameserver {}", server.ip());
    }
    own.attempt(|own| orlop_wholefile::replace(own, UPSTREAM, text.as_bytes(), READABLE));
}

fn render(facts: &[Facts], before: &str) -> String {
    // Only one: some libraries ask all at once, and the second is the same.
    let [own, _] = OWN;
    format!(
        "{MARK}; the real servers are in {}/{UPSTREAM}.\n{}nameserver {}\n",
        crate::OWN_FOLDER,
        search(facts, before),
        own.ip()
    )
}

/// The lines that say where to look for short names, and how: as the networks have it, or else as the file did before.
fn search(facts: &[Facts], before: &str) -> String {
    let mut text = String::new();
    let is = |line: &&str, word: &str| line.split_ascii_whitespace().next() == Some(word);
    let lines = || before.lines().filter(|line| line.is_ascii() && line.len() <= MAX_LINE);
    let networks = Union::of(facts);
    if let Some(union) = networks.filter(|union| !union.search.is_empty()) {
        let words: Vec<&str> = union.search.iter().map(|domain| domain.as_str()).collect();
        let _ = writeln!(text, "search {}", words.join(" "));
    } else if let Some(line) = lines().rfind(|line| is(line, "search") || is(line, "domain")) {
        let _ = writeln!(text, "{}", line.trim_end());
    }
    for line in lines().filter(|line| is(line, "options")) {
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}

/// Of a line that is kept, in bytes.
const MAX_LINE: usize = 512;

#[cfg(test)]
mod tests {
    use orlop_resolver_contract::Upstreams;
    use orlop_testbed::Folder;

    use super::*;

    fn facts(lines: &str) -> Vec<Facts> {
        vec![Facts::parse(&format!("netfacts 1\ninterface eth0\ndns 192.0.2.2\n{lines}")).unwrap().facts]
    }

    #[test]
    fn the_file_names_us_and_keeps_search_and_options() {
        let before = "# x\nsearch old.example\nnameserver 192.0.2.9\noptions edns0 ndots:2\n";
        let body = |facts: &[Facts], before: &str| {
            let text = render(facts, before);
            assert!(text.starts_with(MARK));
            text.lines().skip(1).map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(body(&[], ""), ["nameserver 127.0.0.53"]);
        assert_eq!(body(&[], before), ["search old.example", "options edns0 ndots:2", "nameserver 127.0.0.53"]);
        assert_eq!(
            body(&facts("search new.example\nsearch b.example\n"), before),
            ["search new.example b.example", "options edns0 ndots:2", "nameserver 127.0.0.53"]
        );
        assert_eq!(body(&facts("domain lan\n"), ""), ["search lan", "nameserver 127.0.0.53"]);
        assert_eq!(body(&[], "domain a\nsearch b c\n"), ["search b c", "nameserver 127.0.0.53"], "the later counts");
    }

    #[test]
    fn the_real_servers_are_left_for_others() {
        let folder = Folder::new("upstream-conf");
        let mut own = Output::open(&folder.0, "status");
        let server = |last| orlop_resolver_contract::ServerAddr::new([192, 0, 2, last].into(), 53).unwrap();
        let upstreams = Upstreams::choose([server(2)], |_| false)
            .with_route(orlop_wire::DomainName::new("corp.example").unwrap(), server(3));
        leave_upstreams(&mut own, &Chosen { upstreams, ..Chosen::nobody() }, &facts("search a.example\n"), "");
        let text = std::fs::read_to_string(folder.0.join(UPSTREAM)).unwrap();
        assert_eq!(text.lines().skip(1).collect::<Vec<_>>(), ["search a.example", "nameserver 192.0.2.2"]);
    }
}
