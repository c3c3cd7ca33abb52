use orlop_wire::Str;

/// Bytes of a header's value, at most: tokens of IBM are JSON web tokens, which are the longest.
const MAX_VALUE: usize = 4 << 10;

/// What is done with the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Method {
    /// Reads it.
    Get,
    /// Asks for a token, everywhere.
    Put,
    /// Reports.
    Post,
    /// Reports.
    Patch,
}

impl Method {
    const fn word(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Put => "PUT",
            Self::Post => "POST",
            Self::Patch => "PATCH",
        }
    }
}

/// The value of a header, which cannot end it: visible ASCII and blanks. It does not show itself, as it may be a token.
#[derive(Clone, PartialEq, Eq)]
pub struct Value(Str<MAX_VALUE>);

impl Value {
    /// The value that `bytes` are, without blanks and line ends around them; `None` when they are none, empty or too long.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Option<Self> {
        let text = core::str::from_utf8(bytes.trim_ascii()).ok()?;
        let is_value = !text.is_empty() && text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        is_value.then(|| Str::new(text).map(Self)).flatten()
    }
}

impl core::fmt::Debug for Value {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Value(..)")
    }
}

impl From<&'static str> for Value {
    /// A value of the program's own.
    fn from(text: &'static str) -> Self {
        Self(Str::truncated(text))
    }
}

/// A request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    method: Method,
    target: String,
    headers: Vec<(&'static str, Value)>,
    body: Option<(&'static str, Vec<u8>)>,
}

impl Request {
    /// A request for `target`, a path with its query.
    pub fn new(method: Method, target: impl Into<String>) -> Self {
        Self { method, target: target.into(), headers: Vec::new(), body: None }
    }

    /// With this header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// With this body.
    #[must_use]
    pub fn body(mut self, content_type: &'static str, body: Vec<u8>) -> Self {
        self.body = Some((content_type, body));
        self
    }

    /// What is done.
    #[must_use]
    pub const fn method(&self) -> Method {
        self.method
    }

    /// With what.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.target
    }

    /// Its bytes, to `host`, which is an address, in brackets if it is one of IPv6.
    #[must_use]
    pub fn encode(&self, host: &str) -> Vec<u8> {
        let Self { method, target, headers, body } = self;
        let mut head = format!("{} {} HTTP/1.1\r\nHost: {host}\r\n", method.word(), visible(target));
        let mut line = |name: &str, value: &str| {
            for piece in [name, ": ", value, "\r\n"] {
                head.push_str(piece);
            }
        };
        line("User-Agent", "orlop-metadata");
        headers.iter().for_each(|(name, value)| line(name, value.0.as_str()));
        if let Some((content_type, _)) = body {
            line("Content-Type", content_type);
        }
        if *method != Method::Get {
            let length = body.as_ref().map_or(0, |(_, body)| body.len());
            line("Content-Length", &length.to_string());
        }
        line("Connection", "keep-alive");
        head.push_str("\r\n");
        let mut bytes = head.into_bytes();
        bytes.extend(body.iter().flat_map(|(_, body)| body));
        bytes
    }
}

/// `target` with everything that would end a request line written as `%XX`.
fn visible(target: &str) -> String {
    let mut out = String::new();
    for byte in target.bytes() {
        if byte.is_ascii_graphic() { out.push(char::from(byte)) } else { out.push_str(&format!("%{byte:02X}")) }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_what_the_standard_wants() {
        let get = Request::new(Method::Get, "/latest/meta-data/").header("Metadata-Flavor", "Google");
        let text = "GET /latest/meta-data/ HTTP/1.1\r\nHost: 169.254.169.254\r\nUser-Agent: orlop-metadata\r\n\
                    Metadata-Flavor: Google\r\nConnection: keep-alive\r\n\r\n";
        assert_eq!(String::from_utf8(get.encode("169.254.169.254")).unwrap(), text);

        let put = Request::new(Method::Put, "/latest/api/token");
        assert!(String::from_utf8(put.encode("h")).unwrap().contains("\r\nContent-Length: 0\r\n"));

        let post = Request::new(Method::Post, "/x").body("text/xml", b"<a/>".to_vec());
        let text = String::from_utf8(post.encode("[fd00::1]")).unwrap();
        assert!(text.starts_with("POST /x HTTP/1.1\r\nHost: [fd00::1]\r\n"), "{text}");
        assert!(text.ends_with("Content-Type: text/xml\r\nContent-Length: 4\r\nConnection: keep-alive\r\n\r\n<a/>"));
        assert!(Request::new(Method::Patch, "/state").encode("h").starts_with(b"PATCH /state HTTP/1.1"));
    }

    #[test]
    fn nothing_that_was_read_can_end_a_line_of_a_request() {
        let request = Request::new(Method::Get, "/a b\r\nX: y\u{e9}").encode("h");
        assert!(request.starts_with(b"GET /a%20b%0D%0AX:%20y%C3%A9 HTTP/1.1\r\n"));
        for bad in [&b"a\r\nX: y"[..], b"a\0", b"", b" \n", &[0xff], "é".as_bytes(), &[b'x'; MAX_VALUE + 1]] {
            assert_eq!(Value::new(bad), None, "{bad:?}");
        }
        assert_eq!(Value::new(b"AQAE-token==\n"), Some(Value::from("AQAE-token==")));
        assert_eq!(format!("{:?}", Value::from("secret")), "Value(..)");
    }
}
