import Broker
import Bytes
import Files
import HTTP
package import HTTPClient
import JOSE
package import Logging

/// The keys that an identity provider publishes, fetched when they are needed and again now and then.
package actor JWTKeySource {
    /// A file, or a URL.
    private let place: String
    private let client: HTTP1Client
    private let logger: Logger
    private let now: @Sendable () -> ContinuousClock.Instant
    private var keys: VerificationKeySet?
    private var fetching: Task<Void, Never>?
    /// When it was last tried, and when it last succeeded.
    private var tried: ContinuousClock.Instant?
    private var fetched: ContinuousClock.Instant?

    /// Keys are fetched again after this time.
    private static let lifetime = Duration.seconds(600)
    /// And no more often than this, whatever key ids callers make up.
    private static let pause = Duration.seconds(30)
    /// A provider that is down locks nobody out for so long; one that cannot be asked for longer may have withdrawn
    /// its keys.
    private let patience: Duration
    /// Of a set of keys, in bytes.
    private static let longest = 1 << 20
    /// How many keys are tried on one token.
    private static let mostTried = 8

    /// For whom an issuer vouches, and so how long its keys are believed when it cannot be asked.
    package enum Subjects: Sendable {
        /// One hour: whoever holds a withdrawn key could do everything.
        case administrators
        /// A day: what guests get is limited by policies.
        case guests
    }

    package init(
        _ place: String, of subjects: Subjects, client: HTTP1Client, logger: Logger,
        now: @escaping @Sendable () -> ContinuousClock.Instant = { .now }
    ) {
        (self.place, self.client, self.logger, self.now) = (place, client, logger, now)
        patience = subjects == .administrators ? .seconds(3_600) : .seconds(86_400)
    }

    /// The keys with an id: one, as a rule.
    ///
    /// - Returns: none when the provider publishes no key with this id.
    /// - Throws: a ``Refusal`` when the keys cannot be had.
    func keys(named id: ExactText) async throws -> [VerificationKey] {
        Array(
            try await published { $0.keys(named: id).isEmpty }.keys(named: id).prefix(Self.mostTried))
    }

    /// The keys for an algorithm, of which one must have signed a token that does not say which. One more than are tried
    /// tells that there are too many.
    ///
    /// - Throws: a ``Refusal`` when the keys cannot be had.
    func keys(for algorithm: ExactText) async throws -> [VerificationKey] {
        let keys = try await published { _ in false }.keys.lazy.filter { ExactText($0.algorithm.rawValue) == algorithm }
        return Array(keys.prefix(Self.mostTried))
    }

    /// - Parameter isStale: whether what was published before should be asked for again, if it was not just asked for.
    private func published(unless isStale: (VerificationKeySet) -> Bool) async throws -> VerificationKeySet {
        let time = now()
        let age = tried.map { time - $0 } ?? Self.lifetime
        if age >= Self.lifetime || keys.map(isStale) ?? true && age >= Self.pause || fetching != nil {
            await refresh(time)
        }
        guard let keys, let fetched, time - fetched < patience else {
            throw Refusal(
                .unavailable,
                "The identity provider's keys cannot be had, so JWTs cannot be verified: try again later.",
                retryAfter: 30)
        }
        return keys
    }

    /// Whoever comes while keys are being fetched waits for the same fetch.
    private func refresh(_ time: ContinuousClock.Instant) async {
        if let fetching { return await fetching.value }
        tried = time
        // It keeps what it finds itself: those who wait may go on before the one that began it.
        let task = Task {
            if let found = await fetch() { (keys, fetched) = (found, time) }
            fetching = nil
        }
        fetching = task
        await task.value
    }

    private func fetch() async -> VerificationKeySet? {
        do { return try VerificationKeySet(json: try await Self.document(place, client: client)) } catch {
            logger.error(
                "The keys of the JWT issuer cannot be had.", metadata: ["keys": "\(place)", "error": "\(error)"])
            return nil
        }
    }

    /// The document in a file or at a URL, for whoever wants to look at it: no redirect is followed, and all of it comes
    /// within ten seconds.
    package static func document(_ place: String, client: HTTP1Client) async throws -> [UInt8] {
        guard place.hasPrefix("http") else { return try File.read(place, atMost: longest) }
        let response = try await client.execute(
            HTTPClientRequest(url: place), timeout: .seconds(10), upTo: longest)
        guard response.status == 200 else {
            throw MalformedInput("JWK Set", "the provider answered \(response.status) where its keys should be")
        }
        return response.body
    }
}
