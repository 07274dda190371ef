import Broker
import Bytes
import Files
import HTTP
package import HTTPClient
import JOSE
package import Logging

/// The keys that an identity provider publishes, fetched on demand and refreshed periodically.
package actor JWTKeySource {
    /// A file, or a URL.
    private let location: String
    private let client: HTTP1Client
    private let logger: Logger
    private let timeout: Duration
    private let now: @Sendable () -> ContinuousClock.Instant
    private var keys: VerificationKeySet?
    private var fetching: Task<Void, Never>?
    /// The times of the last fetch and of the last successful one.
    private var tried: ContinuousClock.Instant?
    private var fetched: ContinuousClock.Instant?

    /// Keys are fetched again after this time.
    private static let lifetime = Duration.seconds(600)
    /// Least time between fetches, whatever key ids callers invent.
    private static let pause = Duration.seconds(30)
    /// How long the last keys remain valid while the provider is unreachable. After that it may have withdrawn them.
    private let patience: Duration
    /// The time limit of one fetch.
    package static let longestFetch = Duration.seconds(10)
    /// Longest set of keys, in bytes.
    private static let longest = 1 << 20
    /// Most keys tried on one token.
    private static let mostTried = 8

    /// The subjects of an issuer, which decide how long its keys remain valid while it is unreachable.
    package enum Subjects: Sendable {
        /// One hour: the holder of a withdrawn key would have every right.
        case administrators
        /// A day: policies limit what guests get.
        case guests
    }

    /// - Parameter timeout: the time limit of one fetch.
    package init(
        _ location: String, of subjects: Subjects, client: HTTP1Client, logger: Logger,
        timeout: Duration = JWTKeySource.longestFetch, now: @escaping @Sendable () -> ContinuousClock.Instant = { .now }
    ) {
        (self.location, self.client, self.logger) = (location, client, logger)
        (self.timeout, self.now) = (timeout, now)
        patience = subjects == .administrators ? .seconds(3_600) : .seconds(86_400)
    }

    /// The keys with an id, usually one.
    ///
    /// - Returns: an empty list if the provider publishes no key with this id.
    /// - Throws: a ``Refusal`` if the keys cannot be fetched.
    func keys(named id: ExactText) async throws -> [VerificationKey] {
        Array(
            try await published { $0.keys(named: id).isEmpty }.keys(named: id).prefix(Self.mostTried))
    }

    /// The keys for an algorithm, for a token without `kid`. Returns at most ``mostTried`` keys.
    ///
    /// - Throws: a ``Refusal`` if the keys cannot be fetched.
    func keys(for algorithm: ExactText) async throws -> [VerificationKey] {
        let keys = try await published { _ in false }.keys.lazy.filter { ExactText($0.algorithm.rawValue) == algorithm }
        return Array(keys.prefix(Self.mostTried))
    }

    /// - Parameter isStale: whether the known set should be fetched again, unless it was fetched just now.
    private func published(unless isStale: (VerificationKeySet) -> Bool) async throws -> VerificationKeySet {
        let time = now()
        let age = tried.map { time - $0 } ?? Self.lifetime
        // A fetch that another caller's unknown key began holds nobody up whose key is known.
        let isUsable = fetched.map { time - $0 < patience } ?? false
        let isMissing = !isUsable || (keys.map(isStale) ?? true)
        if age >= Self.lifetime || isMissing && (age >= Self.pause || fetching != nil) { await refresh(time) }
        guard let keys, let fetched, time - fetched < patience else {
            throw Refusal(
                .unavailable,
                "The identity provider's keys cannot be fetched, so JWTs cannot be verified: try again later.",
                retryAfter: 30)
        }
        return keys
    }

    /// Fetches the keys. Concurrent callers wait for the same fetch.
    private func refresh(_ time: ContinuousClock.Instant) async {
        if let fetching { return await fetching.value }
        tried = time
        // The task stores its result itself: callers that wait may resume before the one that began it.
        let task = Task {
            if let found = await fetch() { (keys, fetched) = (found, time) }
            fetching = nil
        }
        fetching = task
        await task.value
    }

    private func fetch() async -> VerificationKeySet? {
        do {
            return try VerificationKeySet(json: try await Self.document(location, client: client, timeout: timeout))
        } catch {
            logger.error(
                "The keys of the JWT issuer cannot be fetched.", metadata: ["keys": "\(location)", "error": "\(error)"])
            return nil
        }
    }

    /// The document in a file or at a URL, also for the doctor. Redirects are not followed.
    package static func document(
        _ location: String, client: HTTP1Client, timeout: Duration = longestFetch
    ) async throws -> [UInt8] {
        guard location.hasPrefix("http://") || location.hasPrefix("https://") else {
            return try File.read(location, atMost: longest)
        }
        let response = try await client.execute(
            HTTPClientRequest(url: location), timeout: timeout, upTo: longest)
        guard response.status == 200 else {
            throw MalformedInput("JWK Set", "the provider answered \(response.status) where its keys should be")
        }
        return response.body
    }
}
