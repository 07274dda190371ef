import Broker
import HTTP
import HTTPEdge

// What `If-Match` and `If-None-Match` ask for.
extension Request {
    func workloadExpectation() throws(Refusal) -> Workload.Expectation? { try expectation { Workload.Revision($0) } }

    func revisionExpectation() throws(Refusal) -> Revision.Expectation? { try expectation { Revision($0) } }

    func resourceExpectation() throws(Refusal) -> Resource.Expectation? { try expectation { Resource.Revision($0) } }

    private func expectation<ETag: Hashable & Sendable>(_ read: (String) -> ETag?) throws(Refusal) -> Precondition<
        ETag
    >? {
        guard let text = headers[.ifNoneMatch] else { return try ifMatch(read) }
        guard text == "*" else { throw Refusal(.malformed, "If-None-Match can be * only.") }
        guard headers[.ifMatch] == nil else {
            throw Refusal(.preconditionFailed, "If-Match and If-None-Match cannot both hold.")
        }
        return Precondition<ETag>.none
    }

    /// - Parameter read: an ETag without its quotation marks.
    private func ifMatch<ETag: Hashable & Sendable>(_ read: (String) -> ETag?) throws(Refusal) -> Precondition<ETag>? {
        guard let text = headers[.ifMatch] else { return nil }
        guard text != "*" else { return .any }
        // Some clients omit the quotation marks.
        guard let expected = read(String(text.drop { $0 == "\"" }.reversed().drop { $0 == "\"" }.reversed())) else {
            // It cannot be the revision of anything.
            throw Refusal(.preconditionFailed, "If-Match is not an ETag that this server gave.")
        }
        return .revision(expected)
    }
}
