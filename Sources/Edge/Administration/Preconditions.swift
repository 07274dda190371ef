import Broker
import HTTP
import HTTPEdge

// What `If-Match` and `If-None-Match` ask for.
extension Request {
    /// Whether there may be one already: `If-None-Match: *` says not.
    func mayReplace() throws(Refusal) -> Bool {
        guard let text = headers[.ifNoneMatch] else { return true }
        guard text == "*" else { throw Refusal(.malformed, "If-None-Match can be * only.") }
        return false
    }

    /// Absence is asked for by `mayReplace()`.
    func workloadExpectation() throws(Refusal) -> Workload.Expectation? {
        try ifMatch({ Workload.Version($0).map { .version($0) } }, any: .any)
    }

    func revisionExpectation() throws(Refusal) -> Revision.Expectation? {
        try expectation({ Revision($0).map { .revision($0) } }, any: .any, absent: .none)
    }

    func resourceExpectation() throws(Refusal) -> Resource.Expectation? {
        try expectation({ Resource.Stamp($0).map { .stamp($0) } }, any: .any, absent: .none)
    }

    private func expectation<Expectation>(
        _ read: (String) -> Expectation?, any: Expectation, absent: Expectation
    ) throws(Refusal) -> Expectation? {
        guard try mayReplace() else {
            guard headers[.ifMatch] == nil else {
                throw Refusal(.preconditionFailed, "If-Match and If-None-Match cannot both hold.")
            }
            return absent
        }
        return try ifMatch(read, any: any)
    }

    /// - Parameter read: an ETag without its quotation marks.
    private func ifMatch<Expectation>(
        _ read: (String) -> Expectation?, any: Expectation
    ) throws(Refusal) -> Expectation? {
        guard let text = headers[.ifMatch] else { return nil }
        guard text != "*" else { return any }
        // Some clients forget the quotation marks.
        guard let expected = read(String(text.drop { $0 == "\"" }.reversed().drop { $0 == "\"" }.reversed())) else {
            // It cannot be the version of anything.
            throw Refusal(.preconditionFailed, "If-Match is not an ETag that this server gave.")
        }
        return expected
    }
}
