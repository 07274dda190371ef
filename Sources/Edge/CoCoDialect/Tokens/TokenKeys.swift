public import Broker
import Bytes
import Formats
public import FoundationEssentials

/// The keys that tokens are signed with: kept sealed in the database, which all replicas share, and replaced by age.
///
/// A key signs for ``Rules/rotation``, and is published until the last token that it signed has expired.
public actor TokenKeys {
    public struct Rules: Sendable, Hashable {
        /// How long a key signs, in seconds.
        public var rotation: TimeInterval = 30 * 86_400
        /// How long a token may be valid, in seconds.
        public var longestToken: TimeInterval

        public init(longestToken: TimeInterval) { self.longestToken = longestToken }
    }

    /// What the keys are for, in the table of server keys.
    private static let name = "attestation tokens"
    /// How often the database is read again for a key that is not known, in seconds: another replica may have made it, or
    /// a stranger made its id up.
    private static let pause: TimeInterval = 5
    /// How often it is read again in any case, in seconds.
    private static let lifetime: TimeInterval = 300

    private let store: any KeyStore
    private let keyRing: KeyRing
    private let rules: Rules
    private let identity: TokenIdentity?
    private let now: @Sendable () -> Date
    /// Oldest first.
    private var keys: [TokenKey] = []
    private var read: Date?
    /// One that is being made, for all who wait for it.
    private var making: Task<TokenKey, any Error>?

    /// - Parameter identity: what to sign with in place of keys that are made here. These stay good as long as their
    ///   tokens are.
    public init(
        store: any KeyStore, keys: KeyRing, rules: Rules, identity: TokenIdentity? = nil,
        now: @escaping @Sendable () -> Date = { Date() }
    ) {
        (self.store, self.rules, self.identity, self.now) = (store, rules, identity, now)
        keyRing = keys
    }

    /// The key to sign with now. It is made when there is none, or the last has signed for long enough.
    func current() async throws -> TokenKey {
        if let identity { return identity.key }
        let time = now()
        if let key = usable(at: time) { return key }
        if let making { return try await making.value }
        // A task of its own: the guest that asked first may hang up.
        let task = Task { try await made(at: time) }
        making = task
        defer { making = nil }
        return try await task.value
    }

    private func usable(at time: Date) -> TokenKey? {
        keys.last { time < $0.created.addingTimeInterval(rules.rotation) }
    }

    private func made(at time: Date) async throws -> TokenKey {
        // Another replica may have made it by now.
        let isFirst = try await readAgain(at: time)
        if let key = usable(at: time) { return key }
        let made = TokenKey(created: Date(timeIntervalSince1970: time.timeIntervalSince1970.rounded(.down)))
        let sealed = try keyRing.seal(made.secret, for: Self.name, id: made.id.text)
        let row = StoredServerKey(name: Self.name, id: made.id.text, sealed: sealed, created: made.created)
        // Replicas that start together get the same.
        if isFirst { _ = try await store.insertFirst(row) } else { try await store.insert(row) }
        try await readAgain(at: time)
        // It is in the database and thus published, or it must not sign.
        guard let key = usable(at: time) else { throw Refusal(.unavailable, "The key for tokens could not be kept.") }
        return key
    }

    /// The key with an id, if tokens of it may still be valid.
    func key(_ id: ExactText) async throws -> TokenKey? {
        if let key = identity?.key, key.id == id { return key }
        let time = now()
        if let key = published(at: time).first(where: { $0.id == id }) { return key }
        guard read.map({ time.timeIntervalSince($0) >= Self.pause }) ?? true else { return nil }
        try await readAgain(at: time)
        return published(at: time).first { $0.id == id }
    }

    /// What is published: a JWK Set, with every key of which tokens may still be valid.
    func keySet() async throws -> [JSONValue] {
        let time = now()
        if read.map({ time.timeIntervalSince($0) >= Self.lifetime }) ?? true {
            try await readAgain(at: time)
        }
        // One is made for whoever asks before the first guest: relying parties are set up first.
        let current = try await current()
        let keys = published(at: time)
        return (keys.contains { $0.id == current.id } ? keys : keys + [current]).map(\.jwk)
    }

    private func published(at time: Date) -> [TokenKey] {
        keys.filter { time < $0.created.addingTimeInterval(rules.rotation + rules.longestToken) }
    }

    /// - Returns: whether there has never been one.
    @discardableResult
    private func readAgain(at time: Date) async throws -> Bool {
        let stored = try await store.serverKeys(named: Self.name)
        var found: [TokenKey] = []
        for row in stored where time < row.created.addingTimeInterval(rules.rotation + rules.longestToken) {
            if let held = keys.first(where: { $0.id == ExactText(row.id) }) {
                found.append(held)
                continue
            }
            let secret = try await keyRing.open(row.sealed, for: Self.name, id: row.id)
            found.append(try TokenKey(secret, created: row.created))
        }
        keys = found.sorted { ($0.created, $0.id) < ($1.created, $1.id) }
        read = time
        return stored.isEmpty
    }
}
