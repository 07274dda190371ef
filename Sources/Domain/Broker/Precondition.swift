/// Precondition of a change (If-Match, If-None-Match), for whatever has revisions (ETags).
public enum Precondition<Revision: Sendable & Hashable>: Sendable, Hashable {
    /// It exists.
    case any
    /// It does not exist.
    case none
    case revision(Revision)

    /// - Parameter revision: `nil` when it does not exist.
    public func holds(for revision: Revision?) -> Bool {
        switch self {
        case .any: revision != nil
        case .none: revision == nil
        case .revision(let expected): revision == expected
        }
    }
}
