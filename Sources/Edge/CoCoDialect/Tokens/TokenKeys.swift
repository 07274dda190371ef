public import Broker
import Bytes
import Formats
public import FoundationEssentials

/// The signing keys for tokens: stored sealed in the database, shared by all replicas, and replaced by age.
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

    /// The keys' purpose, in the table of server keys.
    private static let name = "attestation tokens"
    /// Least interval between reads of the database for an unknown key, in seconds: another replica may have made the
    /// key, or a stranger invented the id.
    private static let pause: TimeInterval = 5
    /// Longest interval between reads for the published set, in seconds.
    private static let lifetime: TimeInterval = 300

    private let store: any KeyStore
    private let keyRing: KeyRing
    private let rules: Rules
    private let identity: TokenIdentity?
    private let now: @Sendable () -> Date
    /// The keys, oldest first.
    private var keys: [TokenKey] = []
    private var read: Date?
    /// The key being made, for all concurrent callers.
    private var making: Task<TokenKey, any Error>?

    /// - Parameter identity: signs in place of the server's own keys, whose tokens remain valid until they expire.
    public init(
        store: any KeyStore, keys: KeyRing, rules: Rules, identity: TokenIdentity? = nil,
        now: @escaping @Sendable () -> Date = { Date() }
    ) {
        (self.store, self.rules, self.identity, self.now) = (store, rules, identity, now)
        keyRing = keys
    }

    /// The current signing key. Makes one if there is none, or if the last has reached its age.
    func current() async throws -> TokenKey {
        if let identity { return identity.key }
        let time = now()
        if let key = usable(at: time) { return key }
        if let making { return try await making.value }
        // A separate task: the first guest may disconnect.
        let task = Task { try await made(at: time) }
        making = task
        defer { making = nil }
        return try await task.value
    }

    private func usable(at time: Date) -> TokenKey? {
        keys.last { time < $0.created.addingTimeInterval(rules.rotation) }
    }

    private func made(at time: Date) async throws -> TokenKey {
        // Another replica may have made one meanwhile.
        let isFirst = try await readAgain(at: time)
        if let key = usable(at: time) { return key }
        let made = TokenKey(created: Date(timeIntervalSince1970: time.timeIntervalSince1970.rounded(.down)))
        let sealed = try keyRing.seal(made.secret, for: .serverKey(name: Self.name, id: made.id.text))
        let row = StoredServerKey(name: Self.name, id: made.id.text, sealed: sealed, created: made.created)
        // Replicas that start together get the same key.
        if isFirst { _ = try await store.insertFirst(row) } else { try await store.insert(row) }
        try await readAgain(at: time)
        // Only a stored key is published, and only a published key may sign.
        guard let key = usable(at: time) else { throw Refusal(.unavailable, "The key for tokens could not be kept.") }
        return key
    }

    /// The key with this id, if its tokens may still be valid.
    func key(_ id: ExactText) async throws -> TokenKey? {
        if let key = identity?.key, key.id == id { return key }
        let time = now()
        if let key = published(at: time).first(where: { $0.id == id }) { return key }
        guard read.map({ time.timeIntervalSince($0) >= Self.pause }) ?? true else { return nil }
        try await readAgain(at: time)
        return published(at: time).first { $0.id == id }
    }

    /// The JWK Set to publish: every key whose tokens may still be valid.
    func keySet() async throws -> [JSONValue] {
        let time = now()
        if read.map({ time.timeIntervalSince($0) >= Self.lifetime }) ?? true {
            try await readAgain(at: time)
        }
        // Makes a key before the first guest: relying parties are set up first.
        let current = try await current()
        let keys = published(at: time)
        return (keys.contains { $0.id == current.id } ? keys : keys + [current]).map(\.jwk)
    }

    private func published(at time: Date) -> [TokenKey] {
        keys.filter { time < $0.created.addingTimeInterval(rules.rotation + rules.longestToken) }
    }

    /// - Returns: whether the database has no key yet.
    @discardableResult
    private func readAgain(at time: Date) async throws -> Bool {
        let stored = try await store.serverKeys(named: Self.name)
        var found: [TokenKey] = []
        for row in stored where time < row.created.addingTimeInterval(rules.rotation + rules.longestToken) {
            if let held = keys.first(where: { $0.id == ExactText(row.id) }) {
                found.append(held)
                continue
            }
            let secret = try await keyRing.open(row.sealed, for: .serverKey(name: Self.name, id: row.id))
            found.append(try TokenKey(secret, created: row.created))
        }
        keys = found.sorted { ($0.created, $0.id) < ($1.created, $1.id) }
        read = time
        return stored.isEmpty
    }
}
