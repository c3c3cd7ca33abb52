orlop_wire::discards! {
    //! Why a packet, or a part of one, was dropped. Every silent drop has its variant and its counter.

    /// Not IPv4 with a sound header and checksum, or a fragment.
    BadIpHeader = "bad-ip-header",
    /// UDP header, length or checksum wrong.
    BadUdp = "bad-udp",
    /// Not addressed to port 68. The source port is free: RFC 2131 does not fix it.
    WrongPort = "wrong-port",
    /// On a VLAN of which this interface is only the parent.
    WrongVlan = "wrong-vlan",
    /// Longer than the receive buffer.
    Oversize = "oversize",
    /// Shorter than the fixed part of a DHCP message.
    Truncated = "truncated",
    /// `op` is not BOOTREPLY.
    NotReply = "not-reply",
    /// `htype` or `hlen` is not Ethernet's.
    WrongHardware = "wrong-hardware",
    /// No magic cookie.
    NoCookie = "no-cookie",
    /// A field of options does not parse to its end (no room for the announced length); what comes before counts.
    BadOptions = "bad-options",
    /// No message type (option 53), or one that no server sends.
    WrongType = "wrong-type",
    /// `xid` of somebody else, or of an exchange that is over.
    WrongXid = "wrong-xid",
    /// `chaddr` of somebody else.
    WrongChaddr = "wrong-chaddr",
    /// Client identifier is not ours (RFC 6842).
    WrongClientId = "wrong-client-id",
    /// From a server that the operator does not take leases from.
    DeniedServer = "denied-server",
    /// From a server that we did not choose.
    WrongServer = "wrong-server",
    /// `yiaddr` is missing, not a host's address, or not the one we asked for.
    BadAddress = "bad-address",
    /// Lease time of zero.
    BadLeaseTime = "bad-lease-time",
    /// A sound message that this state has no use for.
    Unexpected = "unexpected",
    /// A part of an option of a good message was malformed, or a copy, and is left out.
    BadOption = "bad-option",
    /// A list was longer than we keep.
    Excess = "excess",
    /// Not a whole ARP packet for Ethernet and IPv4, or one about another address.
    BadArp = "bad-arp",
}

impl Discard {
    /// Whether it is of a part of a message, whose rest is used.
    #[must_use]
    pub const fn is_of_a_part(self) -> bool {
        matches!(self, Self::BadOptions | Self::BadOption | Self::Excess)
    }

    /// Whether it is of an answer to our own message that could not be used: what a server did wrong, and not noise.
    #[must_use]
    pub const fn is_of_an_answer(self) -> bool {
        matches!(
            self,
            Self::WrongType | Self::DeniedServer | Self::WrongClientId | Self::BadAddress | Self::BadLeaseTime
        )
    }
}

impl Counters {
    /// Of answers to our own messages, what most could not be used for.
    #[must_use]
    pub fn unusable(&self) -> Option<(Discard, u32)> {
        self.iter().filter(|(discard, count)| discard.is_of_an_answer() && *count > 0).max_by_key(|(_, count)| *count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_discard_has_its_own_counter_and_name() {
        for (at, one) in Discard::ALL.iter().enumerate() {
            let mut counters = Counters::default();
            counters.count(*one);
            assert_eq!(counters.iter().filter(|(_, n)| *n == 1).map(|(d, _)| d).collect::<Vec<_>>(), [*one]);
            assert!(Discard::ALL.iter().skip(at + 1).all(|other| other.name() != one.name()), "{one}");
        }
    }

    #[test]
    fn only_answers_to_us_that_could_not_be_used_are_unusable() {
        let mut counters = Counters::default();
        for noise in [
            Discard::WrongXid,
            Discard::WrongChaddr,
            Discard::BadUdp,
            Discard::Unexpected,
            Discard::BadOption,
            Discard::BadOptions,
        ] {
            counters.count(noise);
            assert_eq!(counters.unusable(), None, "{noise}");
        }
        counters.count(Discard::DeniedServer);
        counters.count(Discard::BadLeaseTime);
        counters.count(Discard::BadLeaseTime);
        assert_eq!(counters.unusable(), Some((Discard::BadLeaseTime, 2)));
    }

    #[test]
    fn a_part_that_is_left_out_does_not_cost_the_message() {
        let parts: Vec<Discard> = Discard::ALL.iter().copied().filter(|one| one.is_of_a_part()).collect();
        assert_eq!(parts, [Discard::BadOptions, Discard::BadOption, Discard::Excess]);
        assert!(parts.iter().all(|part| !part.is_of_an_answer()), "its message is used");
    }

    #[test]
    fn a_counter_stops_at_its_end() {
        let mut counters = Counters([u32::MAX; Discard::ALL.len()]);
        counters.count(Discard::WrongXid);
        assert_eq!((counters.of(Discard::WrongXid), counters.total()), (u32::MAX, u32::MAX));
    }

    #[test]
    fn the_total_is_that_of_all_counters() {
        let mut counters = Counters::default();
        for (discard, times) in [(Discard::BadIpHeader, 2), (Discard::WrongXid, 1), (Discard::Excess, 3)] {
            (0..times).for_each(|_| counters.count(discard));
            assert_eq!(counters.of(discard), times, "{discard}");
        }
        assert_eq!(counters.total(), 6);
        assert_eq!((Discard::WrongXid.name(), Discard::Excess.to_string().as_str()), ("wrong-xid", "excess"));
    }
}
