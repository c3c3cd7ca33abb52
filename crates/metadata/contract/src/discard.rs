orlop_wire::discards! {
    //! What was left out of what a source said. Everything that is dropped has its variant and its counter.

    /// A name that leads out of its folder, or that no file can have.
    BadPath = "bad-path",
    /// An entry of the user data's tree that has neither content nor entries, or both.
    BadEntry = "bad-entry",
    /// `perm` is no octal number.
    BadMode = "bad-mode",
    /// The same name twice.
    Duplicate = "duplicate",
    /// One entry more than there may be, or lying deeper than they may.
    TooMany = "too-many",
    /// Content for which there is no room.
    TooLarge = "too-large",
    /// What was said to be a hostname is none.
    BadHostname = "bad-hostname",
    /// What was said to be a key for SSH is none.
    BadKey = "bad-key",
    /// Said to be encoded, and not to be decoded.
    Undecodable = "undecodable",
    /// A document of the source that is not as it should be.
    BadDocument = "bad-document",
    /// A single fact that the source did not say when it was asked.
    Unanswered = "unanswered",
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
