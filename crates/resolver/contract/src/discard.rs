orlop_wire::discards! {
    //! Why something that came from the network was not used. Every silent drop has its variant and its counter.

    /// A client's message that is no question: too short, an answer itself, or so broken that nobody can be answered.
    NotAQuestion = "not-a-question",
    /// A client's question that was answered with FORMERR, NOTIMP, REFUSED or BADVERS, because it asks what is not served.
    Refused = "refused",
    /// A client's question for which there was no room: too many are under way.
    Overload = "overload",
    /// An answer to what nobody asked, or not any more: another number, a socket that was done with.
    Unasked = "unasked",
    /// The answer to another question than the one that was sent: the name, its case, its type or class.
    WrongQuestion = "wrong-question",
    /// Not an answer that can be read.
    Malformed = "malformed",
    /// A server that says that it cannot or will not answer: SERVFAIL, REFUSED, NOTIMP, FORMERR.
    ServerFailure = "server-failure",
    /// A server that did not answer in time.
    TimeOut = "time-out",
    /// A server that the kernel says is not there.
    Unreachable = "unreachable",
}
