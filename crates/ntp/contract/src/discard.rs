orlop_wire::discards! {
    //! Why an answer was not used. Every silent drop has its variant and its counter.

    /// Shorter than a header, longer than any answer, or its extension fields do not fill it.
    Malformed = "malformed",
    /// Not an answer of a server (mode 4).
    WrongMode = "wrong-mode",
    /// Not version 4.
    WrongVersion = "wrong-version",
    /// No question is open: unasked for, late, or the second answer to one question.
    Unasked = "unasked",
    /// The origin timestamp is not our question's.
    WrongOrigin = "wrong-origin",
    /// The server says that it is not synchronised: leap indicator 3, or stratum 16 and more.
    Unsynchronised = "unsynchronised",
    /// Ends in a message authentication code, for which we have no key, or in a crypto-NAK.
    Mac = "mac",
    /// NTS was asked for, and nothing in the answer says that the server knows the keys: perhaps somebody between us answers in
    /// its place.
    Unprotected = "unprotected",
    /// It claims to be protected by NTS, and is not by our keys, or answers another question.
    Forged = "forged",
    /// The server cannot read our cookie (NTSN). Nobody vouches for that, so it only hastens a new key exchange.
    Nak = "nts-nak",
    /// A time stamp is missing, or it was sent before it was received.
    BadTimestamp = "bad-timestamp",
    /// Its time is before the floor, or too far after it.
    BeforeFloor = "before-floor",
    /// The round trip is negative or longer than we wait.
    BadDelay = "bad-delay",
    /// Too far from the primary clock: root distance or root dispersion.
    Distant = "distant",
    /// A kiss-o'-death: RATE, DENY or RSTR are obeyed, others are only counted.
    Kiss = "kiss",
    /// In flight while the clock was set.
    Stepped = "stepped",
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
