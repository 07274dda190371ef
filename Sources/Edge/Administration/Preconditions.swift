import Broker
import HTTP
import HTTPEdge

extension Request {
    /// Whether there may be one already: `If-None-Match: *` says not.
    func mayReplace() throws(Refusal) -> Bool {
        guard let text = headers[.ifNoneMatch] else { return true }
        guard text == "*" else { throw Refusal(.malformed, "If-None-Match can be * only.") }
        return false
    }

    /// What `If-Match` asks for.
    func expectation() throws(Refusal) -> Workload.Expectation? {
        switch try ifMatch({ Workload.Version($0) }) {
        // Absence is asked for by `mayReplace()`.
        case nil, .absent: nil
        case .any: .any
        case .tag(let version): .version(version)
        }
    }
}

/// What `If-Match` or `If-None-Match` asks for.
enum Precondition<Tag> {
    /// That there is one.
    case any
    /// That there is none.
    case absent
    case tag(Tag)
}

extension Request {
    /// - Parameter read: an ETag without its quotation marks.
    func precondition<Tag>(_ read: (String) -> Tag?) throws(Refusal) -> Precondition<Tag>? {
        guard try mayReplace() else {
            guard headers[.ifMatch] == nil else {
                throw Refusal(.preconditionFailed, "If-Match and If-None-Match cannot both hold.")
            }
            return .absent
        }
        return try ifMatch(read)
    }

    /// What `If-Match` alone asks for.
    private func ifMatch<Tag>(_ read: (String) -> Tag?) throws(Refusal) -> Precondition<Tag>? {
        guard let text = headers[.ifMatch] else { return nil }
        guard text != "*" else { return .any }
        // Some clients forget the quotation marks.
        guard let tag = read(String(text.drop { $0 == "\"" }.reversed().drop { $0 == "\"" }.reversed())) else {
            // It cannot be the version of anything.
            throw Refusal(.preconditionFailed, "If-Match is not an ETag that this server gave.")
        }
        return .tag(tag)
    }
}
