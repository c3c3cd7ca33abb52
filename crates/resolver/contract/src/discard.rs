orlop_wire::discards! {
    //! Why something that came from the network was not used. Every silent drop has its variant and its counter.

    /// A client's message that is no question: too short, or an answer itself.
    NotAQuestion = "not-a-question",
    /// A client's question that was answered with FORMERR, NOTIMP, REFUSED or BADVERS, because it asks what is not served.
    Refused = "refused",
    /// A client's question for which there was no room: too many are under way, or too many of the same client's.
    Overload = "overload",
    /// An answer to what nobody asked, or not any more: a socket that has asked nothing, or was done with.
    Unasked = "unasked",
    /// A message from a server's address that is no answer.
    NotAnAnswer = "not-an-answer",
    /// An answer with another number than the question that was sent.
    WrongId = "wrong-id",
    /// The answer to the question that was sent, but for the case of its name, which only who has seen the question knows.
    WrongCase = "wrong-case",
    /// The answer to another question than the one that was sent: the name, its type or class.
    WrongQuestion = "wrong-question",
    /// An answer that cannot be read.
    Malformed = "malformed",
    /// An answer whose aliases lead in a circle, or to too many others.
    AliasLoop = "alias-loop",
    /// An answer that says nothing of the question: records of something else, or whom else to ask.
    Unhelpful = "unhelpful",
    /// A server that says that it cannot or will not answer: SERVFAIL, REFUSED, NOTIMP, FORMERR.
    ServerFailure = "server-failure",
    /// An answer that gives a public name an address of a private network, which the operator has forbidden.
    Rebinding = "rebinding",
    /// A server that did not answer in time.
    TimeOut = "time-out",
    /// A server that the kernel says is not there.
    Unreachable = "unreachable",
    /// A socket that had received something before anything was sent through it.
    Spoiled = "spoiled",
}
