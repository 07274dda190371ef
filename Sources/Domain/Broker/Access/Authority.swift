import Bytes

/// What a caller may do, and to what: a role that holds everywhere, or for names in a scope. Written as the role, or as
/// `registrar:team-a/`.
public struct Authority: Sendable, Hashable, CustomStringConvertible {
    public let role: Role
    /// `nil`: everywhere.
    public let scope: NameScope?

    public init(_ role: Role, in scope: NameScope? = nil) { (self.role, self.scope) = (role, scope) }

    /// - Returns: `nil` for what is not written so.
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

    /// How it is written, for whoever wrote something else.
    public static let wanted = "registrar, auditor or admin, or one of them with a scope such as registrar:team-a/"

    public static let registrar = Authority(.registrar)
    public static let auditor = Authority(.auditor)
    public static let admin = Authority(.admin)

    /// A registrar of a scope also sets the scope's reference values: what a release of its own software is known by.
    func allows(_ permission: Role.Permission) -> Bool {
        role.allows(permission) || (scope != nil && role == .registrar && permission == .changeReferences)
    }
}

/// Whose names begin alike: `team-a/`. Resources and workloads in it are called `team-a/…`, policies and reference values,
/// whose names have no slash, `team-a.…`.
///
/// It has no dots, so that no two scopes have one name of a policy in common unless one is within the other.
public struct NameScope: Sendable, Hashable, CustomStringConvertible {
    private let text: ExactText

    /// Longest, in characters: shorter than a policy's name, which must have room behind it.
    public static let longest = 48

    /// - Returns: `nil` unless it is segments of `A–Z a–z 0–9 _ -`, each with a slash behind it, the first character a letter
    ///   or digit.
    public init?(exactly text: some StringProtocol) {
        let bytes = Array(text.utf8)
        let segments = bytes.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        guard bytes.count <= Self.longest, segments.count > 1, segments.last?.isEmpty == true,
            segments.dropLast().allSatisfy({ !$0.isEmpty && $0.allSatisfy(Self.isPlain) }),
            let first = bytes.first, Self.isPlain(first), !"_-".utf8.contains(first)
        else { return nil }
        self.text = ExactText(text)
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }

    public var description: String { text.text }

    /// What names of a kind begin with.
    func prefix(of kind: Kind) -> ExactText {
        switch kind {
        case .path: text
        case .policy: ExactText(text.text.replacing("/", with: "."))
        }
    }

    /// How something is named.
    public enum Kind: Sendable {
        /// A resource's path, or a workload's id.
        case path
        /// Of a policy, or of reference values.
        case policy
    }
}

/// The names that a caller may use in a call.
public enum Reach: Sendable, Hashable {
    case everything
    /// Those in these scopes, of which there is at least one.
    case scopes([NameScope])

    /// What authorities that somebody has come to, all together.
    ///
    /// - Returns: `nil` when none of them allows it.
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

    /// - Throws: a ``Refusal`` when a name is not among them, whatever there is under it.
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

    /// A policy, and every set of reference values that it names.
    public func check(_ policy: Policy) throws(Refusal) {
        for name in policy.referenceNames { try check(name) }
    }

    private func names(of kind: NameScope.Kind) -> String {
        guard case .scopes(let scopes) = self else { return "all" }
        return scopes.map { "\($0.prefix(of: kind))…" }.joined(separator: ", ")
    }
}

extension Reach {
    /// A page of what is named so, in the order of names, of which a store has pages.
    ///
    /// - Parameters:
    ///   - name: behind which the page begins.
    ///   - fetch: reads what comes behind a name, in the names' order by their bytes.
    public func page<Element>(
        after name: String, limit: Int, of kind: NameScope.Kind, named nameOf: (Element) -> String,
        _ fetch: (_ name: String, _ limit: Int) async throws -> [Element]
    ) async throws -> [Element] {
        guard case .scopes(let scopes) = self else { return try await fetch(name, limit) }
        var (found, last) = ([Element](), ExactText(name))
        for prefix in Set(scopes.map { $0.prefix(of: kind) }).sorted() where found.count < limit {
            // One within the last, or before the page.
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

/// Somebody who was let through to a call, and what they may name there.
public struct Admission: Sendable, Hashable {
    public let actor: Actor
    public let reach: Reach

    public init(_ actor: Actor, _ reach: Reach = .everything) { (self.actor, self.reach) = (actor, reach) }
}
