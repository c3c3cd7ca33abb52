//! A service that says what AWS's says, to whoever has a token of its.

use crate::cloud::{Answer, Asked};

/// User data that become two files, of which one is a secret.
pub const USER_DATA: &str =
    r#"{"etc": {"entries": {"secret": {"perm": "0600", "content": "canary-7f3a"}}}, "motd": {"content": "hello"}}"#;

/// Who may log in.
pub const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ8kkTaaZOfTz3GkWU2Zk0BYXJxJVvCPLhaYVG5ztSzW me\n";

/// Answers as AWS does.
#[must_use]
pub fn aws(asked: &Asked) -> Answer {
    if asked.line == "PUT /latest/api/token" {
        let ttl = asked.headers.contains_key("x-aws-ec2-metadata-token-ttl-seconds");
        return if ttl { Answer::ok("token-1") } else { Answer::status(400) };
    }
    if asked.headers.get("x-aws-ec2-metadata-token").map(String::as_str) != Some("token-1") {
        return Answer::status(401);
    }
    let path = asked.line.strip_prefix("GET /").unwrap_or_default();
    // Whichever version of the tree is asked for.
    let path = path.split_once('/').map_or("", |(_, path)| path);
    match path {
        "meta-data/hostname" => Answer::ok("ip-10-0-0-2.ec2.internal"),
        "meta-data/local-hostname" => Answer::ok("ip-10-0-0-2.ec2.internal"),
        "meta-data/instance-id" => Answer::ok("i-0123456789abcdef0"),
        "meta-data/instance-type" => Answer::ok("t3.micro"),
        "meta-data/local-ipv4" => Answer::ok("10.0.0.2"),
        "meta-data/public-ipv4" => Answer::ok("203.0.113.7"),
        "meta-data/placement/availability-zone" => Answer::ok("eu-west-1a"),
        "meta-data/public-keys/" => Answer::ok("0=my-key"),
        "meta-data/public-keys/0/openssh-key" => Answer::ok(KEY),
        "user-data" => Answer::ok(USER_DATA),
        _ => Answer::status(404),
    }
}
