//! Microsoft Azure: the Instance Metadata Service, and the wire server, which is told that the machine is ready.

use orlop_metadata_contract::{Provider, Service};

use super::{Ask, Failure, Halt, Source, Talk};
use crate::facts::Facts;
use crate::http::Method;

pub(super) const SOURCE: Source = Source { provider: Provider::Azure, read, report: Some(report) };

/// Both mean "not yet", for up to a minute after a machine was made.
const LATER: &[u16] = &[404, 410];

/// The version with user data; older hardware answers 400 to it, and knows this one.
const VERSIONS: [&str; 2] = ["2021-08-01&extended=true", "2019-06-01"];

/// What the wire server wants to know before it answers.
const PROTOCOL: (&str, &str) = ("x-ms-version", "2012-11-30");

fn read(talk: &Talk<'_>) -> Result<Facts, Halt> {
    let [new, old] = VERSIONS;
    let ask = |version: &str| {
        let target = format!("/metadata/instance?api-version={version}");
        talk.ask(Ask::document(target).header("Metadata", "true").later(LATER))
    };
    let answer = match ask(new)? {
        answer if answer.status() == 400 => ask(old)?,
        answer => answer,
    };
    let document = answer.json("instance")?.ok_or(Failure::Missing("instance"))?;
    let compute = document.at(&["compute"]).ok_or(Failure::Document("instance"))?;
    let name = compute.first(&[&["osProfile", "computerName"], &["name"]]);
    let mut facts = Facts { hostname: name.map(str::to_owned), ..Facts::default() };
    facts.attribute("instance_id", compute.text(&["vmId"]));
    facts.attribute("instance_type", compute.text(&["vmSize"]));
    facts.attribute("region", compute.text(&["location"]));
    facts.attribute("availability_zone", compute.text(&["zone"]));
    let address = ["network", "interface", "0", "ipv4", "ipAddress", "0"];
    let address = document.at(&address);
    facts.attribute("local_ipv4", address.and_then(|address| address.text(&["privateIpAddress"])));
    facts.attribute("public_ipv4", address.and_then(|address| address.text(&["publicIpAddress"])));
    let keys = compute.items(&["publicKeys"]).iter().filter_map(|key| key.text(&["keyData"]));
    // The portal breaks keys into lines as they were pasted.
    facts.ssh_keys = keys.map(|key| key.replace(['\r', '\n'], "")).collect();
    facts.encoded_user_data(compute.text(&["userData"]).unwrap_or_default().as_bytes());
    facts.network_config = document.at(&["network"]).map(|network| network.to_string().into_bytes());
    Ok(facts)
}

/// Says that the machine is ready, for which the portal waits.
fn report(talk: &Talk<'_>) -> Result<(), Halt> {
    let (version, name) = (PROTOCOL, ("x-ms-agent-name", "orlop-metadata"));
    let ask = |ask: Ask| talk.ask(ask.to(Service::WireServer).header(version.0, version.1).header(name.0, name.1));
    let goal = ask(Ask::get("/machine/?comp=goalstate"))?.found()?.ok_or(Failure::Missing("goal state"))?;
    let goal = String::from_utf8_lossy(goal);
    let element = |name: &str| element(&goal, name).ok_or(Failure::Document("goal state"));
    let health = health(element("Incarnation")?, element("ContainerId")?, element("InstanceId")?);
    let post = Ask::new(Method::Post, "/machine/?comp=health", 0x1000);
    ask(post.body("text/xml; charset=utf-8", health.into_bytes()))?.taken()
}

/// What is in the first element of this name. All that is asked for are identifiers, which need no more of XML, and what is none
/// would not be written into another document.
fn element<'d>(document: &'d str, name: &str) -> Option<&'d str> {
    let (_, after) = document.split_once(&format!("<{name}>"))?;
    let (inner, _) = after.split_once(&format!("</{name}>"))?;
    let is_identifier = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    Some(inner.trim()).filter(|inner| (1..=128).contains(&inner.len()) && inner.bytes().all(is_identifier))
}

fn health(incarnation: &str, container: &str, instance: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n\
         <Health xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\">\n\
         <GoalStateIncarnation>{incarnation}</GoalStateIncarnation>\n\
         <Container><ContainerId>{container}</ContainerId><RoleInstanceList><Role><InstanceId>{instance}</InstanceId>\n\
         <Health><State>Ready</State></Health></Role></RoleInstanceList></Container></Health>\n"
    )
}
