//! Firecracker's microVM metadata service: whatever JSON the machine's owner put there, by convention in the form of Amazon's tree.

use orlop_metadata_contract::Provider;

use super::{Ask, Failure, Halt, Source, Talk, ec2};
use crate::facts::Facts;
use crate::json::Json;

pub(super) const SOURCE: Source = Source { provider: Provider::Mmds, read, report: None };

fn read(talk: &Talk<'_>) -> Result<Facts, Halt> {
    let answer = talk.ask(Ask::put("/latest/api/token").header("X-metadata-token-ttl-seconds", "60"))?;
    let token = match answer.status() {
        // Its first version knows no method but GET.
        404 | 405 => None,
        _ => Some(answer.token()?),
    };
    let ask = Ask::document("/").header("Accept", "application/json").token("X-metadata-token", token.as_ref());
    let document = talk.ask(ask)?.json("data store")?.ok_or(Failure::Missing("data store"))?;
    let latest = document.at(&["latest"]).unwrap_or(&document);
    let data = latest.at(&["meta-data"]).ok_or(Failure::Missing("meta-data"))?;
    let mut facts = Facts::default();
    ec2::meta_data(data, &mut facts);
    // A text, or, as everything there is JSON, an object that is meant to be one.
    facts.user_data = latest.at(&["user-data"]).map(|user_data| match user_data {
        Json::Text(text) => text.as_bytes().to_vec(),
        other @ (Json::Null | Json::Bool(_) | Json::Number(_) | Json::List(_) | Json::Object(_)) => {
            other.to_string().into_bytes()
        }
    });
    Ok(facts)
}
