//! NoCloud's files, asked for by HTTP where whoever started the machine says that they are.

use orlop_metadata_contract::Provider;

use super::{Ask, Failure, Halt, Source, Talk};
use crate::facts::Facts;
use crate::left_out::{LeftOut, Why};
use crate::{seed, yaml};

pub(super) const SOURCE: Source = Source { provider: Provider::NoCloud, read, report: None };

fn read(talk: &Talk<'_>) -> Result<Facts, Halt> {
    let ask = |name: &str| Ask::document(format!("{}{name}", talk.path));
    let mut facts = Facts::default();
    // The one file without which it is none of NoCloud's, even if there is nothing in it.
    let about = talk.ask(ask("meta-data"))?.found()?.ok_or(Failure::Missing("meta-data"))?;
    match yaml::parse(about) {
        Ok(about) => seed::about(&about, &mut facts),
        Err(why) => facts.left_out.push(LeftOut::new("meta-data", Why::Unread(why.into()))),
    }
    facts.user_data = talk.ask(ask("user-data"))?.bytes()?;
    facts.vendor_data = talk.ask(ask("vendor-data").optional())?.bytes()?;
    facts.network_config = talk.ask(ask("network-config").optional())?.bytes()?;
    Ok(facts)
}
