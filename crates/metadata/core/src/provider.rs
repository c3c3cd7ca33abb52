//! What to ask each provider, and what its answers mean.
//!
//! A provider is one file with a [`Source`], and one line in [`SOURCES`]. It is written as if the network were a function: it
//! asks, goes on with the answer, and ends with [`Facts`]. There is no network: an [`Ask`] that has not been answered yet ends
//! the run with [`Halt::Ask`], and when the answer is there the provider is run again from its start, through all answers that
//! are there, up to the next question. So a provider has no state, and who waits, retries and gives up is decided in one place,
//! which is not here.

mod akamai;
mod alibaba;
mod ask;
mod aws;
mod azure;
mod cloudstack;
mod digitalocean;
pub(crate) mod ec2;
mod exoscale;
mod failure;
mod gcp;
mod hetzner;
mod ibm;
mod mmds;
mod no_cloud;
pub(crate) mod openstack;
mod oracle;
mod scaleway;
mod talk;
mod upcloud;
mod vultr;

use orlop_metadata_contract::Provider;

use crate::facts::Facts;

pub use ask::Ask;
pub use failure::{Failure, Halt};
pub use talk::{Answer, Answers, Options, Talk};

/// What is asked, as a function of what was answered.
pub type Script<T> = fn(&Talk<'_>) -> Result<T, Halt>;

/// A provider that is asked by HTTP.
#[derive(Debug)]
pub struct Source {
    /// Which one it is.
    pub provider: Provider,
    /// Reads what it says.
    pub read: Script<Facts>,
    /// Tells it that the machine is ready, where it wants to be told. Nothing of ours depends on it.
    pub report: Option<Script<()>>,
}

/// Each of them.
pub static SOURCES: &[&Source] = &[
    &aws::SOURCE,
    &gcp::SOURCE,
    &azure::SOURCE,
    &openstack::SOURCE,
    &digitalocean::SOURCE,
    &hetzner::SOURCE,
    &vultr::SOURCE,
    &scaleway::SOURCE,
    &oracle::SOURCE,
    &ibm::SOURCE,
    &alibaba::SOURCE,
    &exoscale::SOURCE,
    &cloudstack::SOURCE,
    &akamai::SOURCE,
    &upcloud::SOURCE,
    &mmds::SOURCE,
    &no_cloud::SOURCE,
];

impl Source {
    /// The one for this provider; none for those that are only read from disks.
    #[must_use]
    pub fn of(provider: Provider) -> Option<&'static Self> {
        SOURCES.iter().copied().find(|source| source.provider == provider)
    }
}
