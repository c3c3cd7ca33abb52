//! What a target may say on its channel: the attacks spoil it, and its broker's decoder judges what arrives.

use orlop_sysctl_contract::Trial;

/// The messages of one kind of process.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Contract {
    /// A DHCP worker's requests.
    #[default]
    Dhcp,
    /// A sysctl worker's requests.
    Sysctl,
    /// A sysctl applier's answers.
    Trials,
}

impl Contract {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Dhcp, Self::Sysctl, Self::Trials];

    /// A good message.
    #[must_use]
    pub const fn good(self) -> &'static [u8] {
        match self {
            // Withdraw the lease of interface 1, because of a NAK.
            Self::Dhcp => &[2, 1, 1],
            // Done, and nothing was left unsaid.
            Self::Sysctl => &[3, 0],
            // Nothing read, nothing written.
            Self::Trials => &[0, 0, 0],
        }
    }

    /// The same in other bytes: a number that is longer than it needs to be.
    #[must_use]
    pub const fn not_canonical(self) -> &'static [u8] {
        match self {
            Self::Dhcp => &[2, 0x81, 0x00, 1],
            Self::Sysctl => &[3, 0x80, 0x00],
            Self::Trials => &[0, 0x80, 0x00, 0],
        }
    }

    /// Whether the broker's decoder takes it.
    #[must_use]
    pub fn accepts(self, message: &[u8]) -> bool {
        match self {
            Self::Dhcp => orlop_wire::decode::<orlop_dhcp_contract::Request>(message).is_ok(),
            Self::Sysctl => orlop_wire::decode::<orlop_sysctl_contract::Request>(message).is_ok(),
            Self::Trials => orlop_wire::decode::<Trial>(message).is_ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_good_message_is_accepted_so_that_a_refusal_means_something() {
        for contract in Contract::ALL {
            assert!(contract.accepts(contract.good()), "{contract:?}");
            assert!(!contract.accepts(contract.not_canonical()), "{contract:?}");
        }
    }
}
