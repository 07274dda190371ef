public import Bytes
import Concurrency
public import Crypto
import Dispatch

/// The master keys that a broker holds: the active one, which seals, and previous ones, which only open.
///
/// The keys can be reloaded while the broker works: ``reload()``. Reasons: docs/decisions/0005-key-ring.md.
public final class KeyRing: Sendable {
    /// Loads the master keys, 32 bytes each, the active one first.
    ///
    /// - Parameter fresh: whether to read the sources too whose keys change only by an operator's hand, such as a
    ///   token.
    public typealias Loader = @Sendable (_ fresh: Bool) throws -> [SymmetricKey]

    private let load: Loader
    private let now: @Sendable () -> ContinuousClock.Instant
    private let state: Lock<HeldKeys>
    /// Held while loading: one thread at a time.
    private let loading = Lock(())
    /// Ids that the sources did not have, each with the time until which they are not read again for it.
    private let missed = Lock<[String: ContinuousClock.Instant]>([:])

    /// - Throws: what the loader throws, or ``KeyRingError/empty``.
    public convenience init(loading load: @escaping Loader) throws {
        try self.init(now: { .now }, loading: load)
    }

    init(now: @escaping @Sendable () -> ContinuousClock.Instant, loading load: @escaping Loader) throws {
        self.load = load
        self.now = now
        state = Lock(try HeldKeys(try load(true)))
    }

    /// A ring with fixed keys.
    public init(master: SymmetricKey, previous: [SymmetricKey] = []) {
        load = { _ in [master] + previous }
        now = { .now }
        state = Lock(HeldKeys(active: ServerKeys(master: master), previous: previous.map { ServerKeys(master: $0) }))
    }

    /// The keys at this moment. One operation uses one snapshot throughout.
    public var held: HeldKeys { state.withLock { $0 } }

    /// Reads all sources again, PKCS #11 tokens too.
    ///
    /// - Returns: whether the active key has changed.
    /// - Throws: the loader's error, or ``KeyRingError/activeKeyMissing(_:)``. The ring is then unchanged.
    @discardableResult
    public func reload() throws -> Bool { try reload(fresh: true) }

    /// Reads all sources again.
    ///
    /// - Returns: whether the active key has another id than `id`.
    func isOther(than id: String) throws -> Bool {
        try reload()
        return !held.isActive(id)
    }

    /// Reads the sources again that another process may have changed: files.
    @discardableResult
    public func refresh() throws -> Bool { try reload(fresh: false) }

    private func reload(fresh: Bool) throws -> Bool {
        try loading.withLock { _ in
            let next = try HeldKeys(try load(fresh))
            let now = held
            // A key file replaced by mistake or by an attacker must not take away the key that the server works with.
            guard next.named(now.active.id) != nil else { throw KeyRingError.activeKeyMissing(now.active.id) }
            state.withLock { $0 = next }
            return next.active.id != now.active.id
        }
    }

    /// The keys derived from the master key with this id.
    ///
    /// An unknown id is often the first sign of a rotation by another process: the sources are then read again, at most
    /// every five seconds for one id.
    ///
    /// - Returns: `nil` when the ring does not hold the key.
    func keys(for id: String) async -> ServerKeys? {
        if let found = held.named(id) { return found }
        // Reading a file may block, and this thread serves other requests.
        return await withCheckedContinuation { continuation in
            DispatchQueue.global().async { continuation.resume(returning: self.lookAgain(for: id)) }
        }
    }

    /// ``keys(for:)`` for a thread that may block.
    func keysNow(for id: String) -> ServerKeys? { held.named(id) ?? lookAgain(for: id) }

    private func lookAgain(for id: String) -> ServerKeys? {
        // Concurrent callers wait for the lock and find what the first one has loaded.
        missed.withLock { missed in
            let now = now()
            missed = missed.filter { $0.value > now }
            if let found = held.named(id) { return found }
            // More ids than a ring has keys: the rows were written by something other than a broker.
            guard missed[id] == nil, missed.count < 16 else { return nil }
            _ = try? refresh()
            let found = held.named(id)
            if found == nil { missed[id] = now.advanced(by: .seconds(5)) }
            return found
        }
    }
}

/// Why master keys could not be loaded or used.
public enum KeyRingError: Error, Sendable, Hashable, CustomStringConvertible {
    case empty
    /// The sources no longer give the key with this id, which is in use.
    case activeKeyMissing(String)
    /// The sealed bytes are under a master key that the ring does not hold.
    case notHeld(String)
    /// The key is retired: writing under it is refused.
    case retired(String)

    public var description: String {
        switch self {
        case .empty: "no source gives a master key"
        case .activeKeyMissing(let id):
            "the sources of master keys no longer give \(id), which is in use: put it back, beside the new one"
        case .notHeld(let id):
            "this is sealed under the master key \(id), which keys.master and keys.previous do not give"
        case .retired(let id): "the master key \(id) has been retired: this server is to work with the new one"
        }
    }
}

/// A key ring's keys at one moment.
public struct HeldKeys: Sendable {
    public let active: ServerKeys
    public let previous: [ServerKeys]

    init(active: ServerKeys, previous: [ServerKeys]) {
        self.active = active
        // Two sources may have the same key while an operator moves it from one to the other.
        var seen: Set<String> = [active.id]
        self.previous = previous.filter { seen.insert($0.id).inserted }
    }

    fileprivate init(_ masters: [SymmetricKey]) throws {
        guard let first = masters.first else { throw KeyRingError.empty }
        self.init(active: ServerKeys(master: first), previous: masters.dropFirst().map { ServerKeys(master: $0) })
    }

    public var all: [ServerKeys] { [active] + previous }

    func isActive(_ id: String) -> Bool { ExactText(id) == ExactText(active.id) }

    public func named(_ id: String) -> ServerKeys? {
        active.id == id ? active : previous.first { $0.id == id }
    }

    /// Opens a row with the keys that it is sealed under.
    ///
    /// - Throws: ``KeyRingError/notHeld(_:)``, or when the sealed bytes or their subject were changed.
    func open(_ sealed: Sealed, for subject: SealedSubject) throws -> Secret {
        guard let keys = named(sealed.masterKey) else { throw KeyRingError.notHeld(sealed.masterKey) }
        return try keys.open(sealed.bytes, for: subject)
    }
}

extension KeyRing {
    /// Seals for the database, under the active master key.
    public func seal(_ secret: Secret, for subject: SealedSubject) throws -> Sealed {
        let keys = held.active
        return Sealed(bytes: try keys.seal(secret, for: subject), masterKey: keys.id)
    }

    /// Opens what ``seal(_:for:)`` sealed.
    ///
    /// - Throws: ``KeyRingError/notHeld(_:)``, or when the sealed bytes or their subject were changed.
    public func open(_ sealed: Sealed, for subject: SealedSubject) async throws -> Secret {
        guard let keys = await keys(for: sealed.masterKey) else { throw KeyRingError.notHeld(sealed.masterKey) }
        return try keys.open(sealed.bytes, for: subject)
    }
}
