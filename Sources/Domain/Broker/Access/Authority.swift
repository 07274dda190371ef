import Bytes

/// A role and the names it holds for: all, or those in a scope. Written as the role, or as `registrar:team-a/`.
public struct Authority: Sendable, Hashable, CustomStringConvertible {
    public let role: Role
    /// `nil`: everywhere.
    public let scope: NameScope?

    public init(_ role: Role, in scope: NameScope? = nil) { (self.role, self.scope) = (role, scope) }

    /// - Returns: `nil` for any other text.
    public init?(exactly text: some StringProtocol) {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard let role = Role(exactly: parts[0]) else { return nil }
        guard parts.count == 2 else {
            self.init(role)
            return
        }
        guard let scope = NameScope(exactly: parts[1]) else { return nil }
        self.init(role, in: scope)
    }

    public var description: String { scope.map { "\(role.rawValue):\($0)" } ?? role.rawValue }

    /// The accepted forms, for error messages.
    public static let wanted = "registrar, auditor or admin, or one of them with a scope such as registrar:team-a/"

    public static let registrar = Authority(.registrar)
    public static let auditor = Authority(.auditor)
    public static let admin = Authority(.admin)

    /// A registrar of a scope also sets the scope's reference values: each release of its software has new ones.
    func allows(_ permission: Role.Permission) -> Bool {
        role.allows(permission) || (scope != nil && role == .registrar && permission == .changeReferences)
    }
}

/// A prefix of names: `team-a/`. It contains resources and workloads named `team-a/…`, and policies and reference
/// values, whose names have no slash, named `team-a.…`.
///
/// A scope has no dots: otherwise two scopes, neither within the other, could contain the same policy name.
public struct NameScope: Sendable, Hashable, CustomStringConvertible {
    private let text: ExactText

    /// The longest scope, in characters: shorter than a policy's name, so that room is left behind the prefix.
    public static let longest = 48

    /// - Returns: `nil` unless the text is segments of `A–Z a–z 0–9 _ -`, each followed by a slash, and begins with a
    ///   letter or digit.
    public init?(exactly text: some StringProtocol) {
        let bytes = Array(text.utf8)
        let segments = bytes.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        guard bytes.count <= Self.longest, segments.count > 1, segments.last?.isEmpty == true,
            segments.dropLast().allSatisfy({ !$0.isEmpty && $0.allSatisfy(Self.isPlain) }),
            let first = bytes.first, first.isLetterOrDigit
        else { return nil }
        self.text = ExactText(text)
    }

    private static func isPlain(_ byte: UInt8) -> Bool { byte.isLetterOrDigit || "_-".utf8.contains(byte) }

    public var description: String { text.text }

    /// The prefix of the scope's names of a kind.
    func prefix(of kind: Kind) -> ExactText {
        switch kind {
        case .path: text
        case .policy: ExactText(text.text.replacing("/", with: "."))
        }
    }

    /// The two forms of names.
    public enum Kind: Sendable {
        /// A resource's path, or a workload's id.
        case path
        /// A policy's name, or that of a set of reference values.
        case policy
    }
}

/// The names that a caller may use in one call.
public enum Reach: Sendable, Hashable {
    case everything
    /// The names in these scopes, at least one.
    case scopes([NameScope])

    /// The union of those authorities that have a permission.
    ///
    /// - Returns: `nil` when none has it.
    public init?(of authorities: [Authority], for permission: Role.Permission) {
        let allowing = authorities.filter { $0.allows(permission) }
        guard !allowing.isEmpty else { return nil }
        let scopes = allowing.compactMap(\.scope)
        self = scopes.count < allowing.count ? .everything : .scopes(scopes)
    }

    public func contains(_ name: String, _ kind: NameScope.Kind) -> Bool {
        guard case .scopes(let scopes) = self else { return true }
        let name = ExactText(name)
        return scopes.contains { scope in
            let prefix = scope.prefix(of: kind)
            return name != prefix && name.hasPrefix(prefix)
        }
    }

    /// - Throws: a ``Refusal`` when the name is out of reach, whether or not it exists.
    public func check(_ name: String, _ kind: NameScope.Kind) throws(Refusal) {
        guard !contains(name, kind) else { return }
        throw Refusal(
            .forbidden,
            "\"\(name.prefix(80))\" is outside of what this credential may name (\(names(of: kind))): use a name that begins so, "
                + "or another credential.")
    }

    public func check(_ path: ResourcePath) throws(Refusal) { try check(path.text, .path) }
    public func check(_ id: WorkloadID) throws(Refusal) { try check(id.text, .path) }
    public func check(_ name: PolicyName) throws(Refusal) { try check(name.text, .policy) }
    public func check(_ choice: PolicyChoice?) throws(Refusal) { if let name = choice?.name { try check(name) } }

    /// Checks every set of reference values that the policy names.
    public func check(_ policy: Policy) throws(Refusal) {
        for name in policy.referenceNames { try check(name) }
    }

    private func names(of kind: NameScope.Kind) -> String {
        guard case .scopes(let scopes) = self else { return "all" }
        return scopes.map { "\($0.prefix(of: kind))…" }.joined(separator: ", ")
    }
}

extension Reach {
    /// A page of the elements within reach, in the order of names, read from a store that has pages of all names.
    ///
    /// - Parameters:
    ///   - name: the page begins after it.
    ///   - fetch: reads elements after a name, ordered by their names' bytes.
    public func page<Element>(
        after name: String, limit: Int, of kind: NameScope.Kind, named nameOf: (Element) -> String,
        _ fetch: (_ name: String, _ limit: Int) async throws -> [Element]
    ) async throws -> [Element] {
        guard case .scopes(let scopes) = self else { return try await fetch(name, limit) }
        var (found, last) = ([Element](), ExactText(name))
        for prefix in Set(scopes.map { $0.prefix(of: kind) }).sorted() where found.count < limit {
            // Skips a scope within the last one, or before the page.
            guard prefix > last || last.hasPrefix(prefix) else { continue }
            let start = max(prefix, last)
            let more = try await fetch(start.text, limit - found.count).prefix {
                ExactText(nameOf($0)).hasPrefix(prefix)
            }
            found += more
            last = more.last.map { ExactText(nameOf($0)) } ?? last
        }
        return found
    }
}

/// An authorized caller, and the names it may use in the call.
public struct Admission: Sendable, Hashable {
    public let actor: Actor
    public let reach: Reach

    public init(_ actor: Actor, _ reach: Reach = .everything) { (self.actor, self.reach) = (actor, reach) }
}
