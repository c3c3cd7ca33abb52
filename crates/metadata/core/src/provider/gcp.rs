//! Google Compute Engine.

use orlop_metadata_contract::Provider;

use super::{Ask, Failure, Halt, Source, Talk};
use crate::facts::Facts;
use crate::json::Json;

pub(super) const SOURCE: Source = Source { provider: Provider::Gcp, read, report: None };

/// What has to be in each request, so that no page in a browser can make one, and comes back in each answer.
const FLAVOR: (&str, &str) = ("Metadata-Flavor", "Google");

fn read(talk: &Talk<'_>) -> Result<Facts, Halt> {
    let instance = tree(talk, "instance")?.ok_or(Failure::Missing("instance"))?;
    let project = tree(talk, "project")?.unwrap_or(Json::Null);
    let mut facts = Facts { hostname: instance.text(&["hostname"]).map(str::to_owned), ..Facts::default() };
    let zone = last(instance.text(&["zone"]));
    facts.attribute("instance_id", instance.text(&["id"]));
    facts.attribute("instance_type", last(instance.text(&["machineType"])));
    facts.attribute("region", zone.and_then(|zone| zone.rsplit_once('-')).map(|(region, _)| region));
    facts.attribute("availability_zone", zone);
    facts.attribute("local_ipv4", instance.text(&["networkInterfaces", "0", "ip"]));
    facts.attribute("public_ipv4", instance.text(&["networkInterfaces", "0", "accessConfigs", "0", "externalIp"]));
    facts.ssh_keys = keys(&instance, &project);
    // The documentation of LinuxKit says `userdata`, its program reads `user-data`.
    let user_data = instance.first(&[&["attributes", "user-data"], &["attributes", "userdata"]]);
    match (user_data, instance.text(&["attributes", "user-data-encoding"])) {
        (Some(text), Some("base64")) => facts.encoded_user_data(text.as_bytes()),
        (Some(text), _) => facts.user_data = Some(text.as_bytes().to_vec()),
        (None, _) => {}
    }
    Ok(facts)
}

/// Everything below `instance` or `project`, if there is such a thing.
fn tree(talk: &Talk<'_>, name: &'static str) -> Result<Option<Json>, Halt> {
    let (header, google) = FLAVOR;
    let target = format!("/computeMetadata/v1/{name}/?recursive=true&alt=json");
    let answer = talk.ask(Ask::document(target).header(header, google))?;
    if answer.header(header) != Some(google) {
        return Err(Failure::Impostor(header).into());
    }
    answer.json(name)
}

/// The last part of a path like `projects/123/zones/europe-west1-b`.
fn last(path: Option<&str>) -> Option<&str> {
    path.and_then(|path| path.rsplit('/').next())
}

/// The keys of those who may log in, by Google's rules of who comes before whom.
fn keys(instance: &Json, project: &Json) -> Vec<String> {
    let lists = |of: &Json, names: &[&str]| -> Vec<String> {
        names.iter().filter_map(|name| of.text(&["attributes", name])).flat_map(str::lines).filter_map(key).collect()
    };
    let alone = lists(instance, &["sshKeys"]);
    if !alone.is_empty() {
        return alone;
    }
    let is_blocked = instance.text(&["attributes", "block-project-ssh-keys"]).is_some_and(|text| {
        // As Google's agent reads it.
        matches!(text.to_ascii_lowercase().as_str(), "true" | "1" | "yes" | "y")
    });
    let mut keys = lists(instance, &["ssh-keys"]);
    if !is_blocked {
        keys.extend(lists(project, &["sshKeys", "ssh-keys"]));
    }
    keys
}

/// The key in `user:KEY`. One that expires is none: it would be here for good, as this program runs once and cannot take it away.
fn key(line: &str) -> Option<String> {
    let (_, key) = line.split_once(':')?;
    let is_lasting = !key.split_ascii_whitespace().any(|word| word == "google-ssh");
    is_lasting.then(|| key.to_owned())
}
