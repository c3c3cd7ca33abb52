//! Disks labelled `cidata`, and LinuxKit's disks without a label.

use orlop_metadata_contract::Provider;

use super::{FileProblem, Seed, lines, text};
use crate::media::Files;
use crate::yaml;

/// What a disk of cloud-init's NoCloud says. `None` when it has none of the files.
pub fn no_cloud(files: &mut dyn Files) -> Option<Seed> {
    let mut seed = Seed::new(Provider::NoCloud);
    seed.facts.user_data = seed.file(files, "user-data");
    seed.facts.vendor_data = seed.file(files, "vendor-data");
    seed.facts.network_config = seed.file(files, "network-config");
    let about = seed.document(files, "meta-data", |content| yaml::parse(content).map_err(FileProblem::Yaml));
    let said = |name| about.as_ref().and_then(|about| about.get(name));
    seed.facts.hostname = ["local-hostname", "hostname"].into_iter().find_map(|name| said(name).and_then(text));
    seed.facts.ssh_keys = said("public-keys").map(lines).unwrap_or_default();
    let names = [
        ("instance-id", "instance_id"),
        ("instance-type", "instance_type"),
        ("local-hostname", "local_hostname"),
        ("availability-zone", "availability_zone"),
        ("region", "region"),
    ];
    for (name, file) in names {
        seed.facts.attributes.extend(said(name).and_then(text).map(|text| (file, text)));
    }
    seed.unless_empty()
}

/// What a compact disc without a label says, as LinuxKit reads it: `user-data`, else `config`, which is what `linuxkit run -data`
/// makes. `None` when neither is there, or what is there is empty.
pub fn cdrom(files: &mut dyn Files) -> Option<Seed> {
    let mut seed = Seed::new(Provider::Cdrom);
    seed.facts.user_data = seed.file(files, "user-data").or_else(|| seed.file(files, "config"));
    seed.unless_empty()
}
