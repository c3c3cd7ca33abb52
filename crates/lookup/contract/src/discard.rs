orlop_wire::discards! {
    //! Why an answer of a name server, or a part of one, was not used. Every silent drop has its variant and its counter.

    /// Not a DNS message, or something in it cannot be read.
    Malformed = "malformed",
    /// Longer than any answer, or with more records.
    TooLarge = "too-large",
    /// A question, or another operation than a query.
    NotAnAnswer = "not-an-answer",
    /// No question is open with this number: unasked for, late, or the second answer to one question.
    Unasked = "unasked",
    /// The answer to another question than the one with its number.
    WrongQuestion = "wrong-question",
    /// The server says that it cannot or will not answer: SERVFAIL, REFUSED, and whatever is neither NOERROR nor NXDOMAIN.
    ServerFailure = "server-failure",
    /// A chain of aliases that has no end.
    AliasLoop = "alias-loop",
    /// An address that no single host can have.
    NotAHost = "not-a-host",
    /// More addresses than anybody uses.
    Excess = "excess",
}
