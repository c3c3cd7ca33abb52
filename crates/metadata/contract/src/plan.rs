use crate::{Finding, Platform, Provider, Seed};

/// What a run tries, and in which order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// What is read of disks, the most preferred first. Before any provider that has to be asked.
    pub seeds: Vec<Seed>,
    /// Whether a disk that is not there yet is waited for: somebody has said that there is one.
    pub waits_for_disks: bool,
    /// Who is asked. The next one only where the one before is not what it was taken for.
    pub providers: Vec<Provider>,
}

/// What a user says of where metadata come from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Wishes {
    /// These and no others, in this order; `None` for what the machine itself says.
    pub providers: Option<Vec<Provider>>,
    /// Disks are not read, whoever says that there is one.
    pub no_disks: bool,
    /// A machine that does not say what it runs on is taken for an OpenStack.
    pub probe: bool,
}

impl Plan {
    /// The plan for a machine that is known by these `findings`.
    ///
    /// Nobody is asked whom neither machine nor user names: on a network that is no cloud's, anybody could answer.
    #[must_use]
    pub fn of(wishes: &Wishes, findings: &[Finding]) -> Self {
        let is_found = |provider: &Provider| findings.iter().any(|found| found.platform == Platform::Of(*provider));
        let named = wishes.providers.as_deref();
        let is_wanted = |seed: &Seed| named.is_none_or(|named| named.iter().any(|provider| seed.is_of(*provider)));
        let seeds: Vec<Seed> = Seed::ALL.into_iter().filter(|seed| !wishes.no_disks && is_wanted(seed)).collect();
        let on_network = |provider: &Provider| !provider.is_on_disk();
        let providers: Vec<Provider> = match named {
            None => {
                let mut found = findings.iter().filter_map(|finding| match finding.platform {
                    Platform::Of(provider) => Some(provider).filter(on_network),
                    Platform::Other(_) => None,
                });
                let probed = Some(Provider::OpenStack).filter(|_| wishes.probe && findings.is_empty());
                found.next().or(probed).into_iter().collect()
            }
            Some(named) => {
                let named = || named.iter().copied().filter(on_network);
                named().find(is_found).map_or_else(|| named().collect(), |found| vec![found])
            }
        };
        let is_promised = |provider: &Provider| match named {
            None => is_found(provider),
            Some(named) => named.contains(provider),
        };
        let is_due = |provider: &Provider| is_promised(provider) && seeds.iter().any(|seed| seed.is_of(*provider));
        let waits_for_disks = providers.is_empty() && Provider::ALL.iter().any(is_due);
        Self { seeds, waits_for_disks, providers }
    }

    /// The same where whoever started the machine says where NoCloud's files are to be had by HTTP: they are asked for instead of
    /// a disk that is not there, and before anybody else.
    #[must_use]
    pub fn seeded(mut self, wishes: &Wishes) -> Self {
        match &wishes.providers {
            None => self.providers = vec![Provider::NoCloud],
            Some(named) if named.contains(&Provider::NoCloud) => self.providers.insert(0, Provider::NoCloud),
            Some(_) => return self,
        }
        self.waits_for_disks = false;
        self
    }
}

impl Seed {
    /// Each of them, the most preferred first.
    pub const ALL: [Self; 4] = [Self::NoCloud, Self::ConfigDrive, Self::OvfEnv, Self::Unlabelled];

    /// Whose it is: what `provider` says when it is read.
    #[must_use]
    pub const fn provider(self) -> Provider {
        match self {
            Self::NoCloud => Provider::NoCloud,
            Self::ConfigDrive => Provider::ConfigDrive,
            Self::OvfEnv => Provider::Azure,
            Self::Unlabelled => Provider::Cdrom,
        }
    }

    /// Whether whoever names `provider` means such a disk. LinuxKit's `cdrom` is a disk of any label that it knows.
    fn is_of(self, provider: Provider) -> bool {
        self.provider() == provider || (provider, self) == (Provider::Cdrom, Self::NoCloud)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Sign;

    fn found(platforms: &[Platform]) -> Vec<Finding> {
        platforms
            .iter()
            .map(|platform| Finding { platform: *platform, sign: Sign::Word, text: String::new() })
            .collect()
    }

    fn plan(named: &[Provider], is: &[Provider]) -> Plan {
        let is: Vec<Platform> = is.iter().copied().map(Platform::Of).collect();
        let named = Some(named.to_vec()).filter(|named| !named.is_empty());
        Plan::of(&Wishes { providers: named, ..Wishes::default() }, &found(&is))
    }

    #[test]
    fn a_machine_that_says_nothing_of_itself_asks_nobody() {
        let is_empty = |plan: &Plan| plan.seeds.is_empty() && plan.providers.is_empty();
        let unknown = plan(&[], &[]);
        assert_eq!(unknown, Plan { seeds: Seed::ALL.to_vec(), waits_for_disks: false, providers: vec![] });
        assert!(!is_empty(&unknown));
        let wishes = Wishes { no_disks: true, ..Wishes::default() };
        assert!(is_empty(&Plan::of(&wishes, &[])));
        assert!(is_empty(&Plan::of(&wishes, &found(&[Platform::Other("vmware")]))));
        let probing = Wishes { probe: true, ..wishes };
        assert_eq!(Plan::of(&probing, &[]).providers, [Provider::OpenStack]);
        assert_eq!(Plan::of(&probing, &found(&[Platform::Of(Provider::Gcp)])).providers, [Provider::Gcp]);
        assert!(is_empty(&Plan::of(&probing, &found(&[Platform::Other("vmware")]))));
        let nobody = Wishes { providers: Some(vec![]), ..Wishes::default() };
        assert!(is_empty(&Plan::of(&nobody, &found(&[Platform::Of(Provider::Aws)]))));
    }

    #[test]
    fn disks_come_first_and_then_at_most_one_provider_that_was_found() {
        let aws = plan(&[], &[Provider::Aws, Provider::OpenStack]);
        assert_eq!((aws.seeds.len(), aws.waits_for_disks, &aws.providers[..]), (4, false, &[Provider::Aws][..]));
        let seeded = plan(&[], &[Provider::NoCloud]);
        assert!(seeded.waits_for_disks && seeded.providers.is_empty());
        let both = plan(&[], &[Provider::NoCloud, Provider::Aws]);
        assert!(!both.waits_for_disks && both.providers == [Provider::Aws]);
    }

    #[test]
    fn a_seed_by_http_is_asked_for_where_nobody_was_named_or_no_cloud_was() {
        use Provider::{Aws, NoCloud, OpenStack};
        for (what, named, is, want) in [
            ("as the machine says", None, &[NoCloud][..], &[NoCloud][..]),
            ("whatever else it says", None, &[NoCloud, Aws], &[NoCloud]),
            ("named with another", Some(vec![OpenStack, NoCloud]), &[], &[NoCloud, OpenStack]),
            ("not named", Some(vec![Aws]), &[NoCloud], &[Aws]),
        ] {
            let wishes = Wishes { providers: named, ..Wishes::default() };
            let is: Vec<Platform> = is.iter().copied().map(Platform::Of).collect();
            let plan = Plan::of(&wishes, &found(&is)).seeded(&wishes);
            assert_eq!((&plan.providers[..], plan.waits_for_disks), (want, false), "{what}");
        }
        let wishes = Wishes { providers: Some(vec![Provider::Cdrom]), ..Wishes::default() };
        let disk = Plan::of(&wishes, &[]);
        assert!(disk.waits_for_disks && disk.clone().seeded(&wishes) == disk);
    }

    #[test]
    fn what_is_named_is_tried_and_nothing_else() {
        use Provider::{Aws, Azure, Cdrom, ConfigDrive, Gcp, NoCloud, OpenStack};
        for (what, named, is, seeds, waits, providers) in [
            ("one", &[Aws][..], &[][..], &[][..], false, &[Aws][..]),
            ("one of those named is found", &[Aws, OpenStack], &[OpenStack], &[], false, &[OpenStack]),
            ("none of those named", &[Aws, OpenStack], &[Gcp], &[], false, &[Aws, OpenStack]),
            ("a disk", &[NoCloud], &[Aws], &[Seed::NoCloud], true, &[]),
            ("LinuxKit's", &[Cdrom], &[], &[Seed::NoCloud, Seed::Unlabelled], true, &[]),
            ("a disk and one to ask", &[ConfigDrive, OpenStack], &[], &[Seed::ConfigDrive], false, &[OpenStack]),
            ("who has both", &[Azure], &[], &[Seed::OvfEnv], false, &[Azure]),
        ] {
            let plan = plan(named, is);
            assert_eq!((&plan.seeds[..], plan.waits_for_disks), (seeds, waits), "{what}");
            assert_eq!(plan.providers, providers, "{what}");
        }
    }
}
