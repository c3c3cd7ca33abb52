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
    /// The option fields do not parse as a whole (no room for the announced length, or overload nonsense).
    BadOptions = "bad-options",
    /// No message type (option 53), or one that no server sends.
    WrongType = "wrong-type",
    /// `xid` of somebody else, or of an exchange that is over.
    WrongXid = "wrong-xid",
    /// `chaddr` of somebody else.
    WrongChaddr = "wrong-chaddr",
    /// Client identifier is not ours (RFC 6842).
    WrongClientId = "wrong-client-id",
    /// From a server that we did not choose.
    WrongServer = "wrong-server",
    /// `yiaddr` is missing, not a host's address, or not the one we asked for.
    BadAddress = "bad-address",
    /// Lease time of zero.
    BadLeaseTime = "bad-lease-time",
    /// A sound message that this state has no use for.
    Unexpected = "unexpected",
    /// One option of a good message was malformed and is left out.
    BadOption = "bad-option",
    /// A list was longer than we keep.
    Excess = "excess",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_discard_has_its_own_name() {
        let names: std::collections::BTreeSet<_> = Discard::ALL.iter().map(|discard| discard.name()).collect();
        assert_eq!(names.len(), Discard::ALL.len());
    }
}
