package import AsyncHTTPClient
import Broker
import Foundation
import JWTKit
package import Logging
import NIOCore
import NIOFoundationEssentialsCompat
import NIOHTTP1

/// The keys that an identity provider publishes, fetched when they are needed and again now and then.
package actor JWTKeySource {
    /// One key, with the one algorithm that it is for.
    package struct Key: Sendable {
        private let collection: JWTKeyCollection

        /// - Returns: `nil` for a key of a kind that is not known here.
        init?(_ key: JWK) async {
            guard var pinned = key.withAlgorithm else { return nil }
            // JWTKit wants one, and the collection has no other key.
            pinned.keyIdentifier = pinned.keyIdentifier ?? "only"
            collection = JWTKeyCollection()
            guard (try? await collection.add(jwk: pinned)) != nil else { return nil }
        }

        package func verify(_ text: String) async throws -> Claims { try await collection.verify(text) }
    }

    /// A file, or a URL.
    private let place: String
    private let client: HTTPClient
    private let logger: Logger
    private var keys: Published?
    private var fetching: Task<Published?, Never>?
    /// When it was last tried, and when it last succeeded.
    private var tried: ContinuousClock.Instant?
    private var fetched: ContinuousClock.Instant?

    /// Keys are fetched again after this time.
    private static let lifetime = Duration.seconds(600)
    /// And no more often than this, whatever key ids callers make up.
    private static let pause = Duration.seconds(30)
    /// A provider that is down locks nobody out for so long; one that cannot be asked for longer may have withdrawn
    /// its keys.
    private static let patience = Duration.seconds(86_400)

    /// - Parameter client: must not follow redirects: they could lead away from TLS.
    package init(_ place: String, client: HTTPClient, logger: Logger) {
        self.place = place
        self.client = client
        self.logger = logger
    }

    /// What a provider publishes: its keys, of which some have an id.
    private struct Published: Sendable {
        var named: [String: Key] = [:]
        /// At most ``mostTried``.
        var all: [Key] = []
    }

    /// How many keys are tried on a token that names none.
    private static let mostTried = 8

    /// - Returns: `nil` when the provider publishes no key with this id.
    /// - Throws: a ``Refusal`` when the keys cannot be had.
    package func key(_ id: String) async throws -> Key? { try await published { $0.named[id] == nil }.named[id] }

    /// The keys to try on a token that does not say which.
    ///
    /// - Throws: a ``Refusal`` when the keys cannot be had.
    package func all() async throws -> [Key] { try await published { _ in false }.all }

    /// - Parameter isStale: whether what was published before should be asked for again, if it was not just asked for.
    private func published(unless isStale: (Published) -> Bool) async throws -> Published {
        let now = ContinuousClock.now
        let age = tried.map { now - $0 } ?? Self.lifetime
        if age >= Self.lifetime || keys.map(isStale) ?? true && age >= Self.pause || fetching != nil {
            await refresh(now)
        }
        guard let keys, let fetched, now - fetched < Self.patience else {
            throw Refusal(
                .unavailable,
                "The identity provider's keys cannot be had, so JWTs cannot be verified: try again later.",
                retryAfter: 30)
        }
        return keys
    }

    /// Whoever comes while keys are being fetched waits for the same fetch.
    private func refresh(_ now: ContinuousClock.Instant) async {
        if let fetching {
            _ = await fetching.value
            return
        }
        tried = now
        let task = Task { await fetch() }
        fetching = task
        if let found = await task.value { (keys, fetched) = (found, now) }
        fetching = nil
    }

    private func fetch() async -> Published? {
        do {
            let set = try JSONDecoder().decode(KeySet.self, from: try await document())
            var found = Published()
            for key in set.keys.compactMap(\.key) {
                guard let usable = await Key(key) else { continue }
                if let id = key.keyIdentifier?.string { found.named[id] = usable }
                if found.all.count < Self.mostTried { found.all.append(usable) }
            }
            return found
        } catch {
            logger.error(
                "The keys of the JWT issuer cannot be had.", metadata: ["keys": "\(place)", "error": "\(error)"])
            return nil
        }
    }

    private func document() async throws -> Data {
        guard place.hasPrefix("http") else { return try Data(contentsOf: URL(filePath: place)) }
        let response = try await client.execute(HTTPClientRequest(url: place), timeout: .seconds(10))
        guard response.status == .ok else { throw CocoaError(.fileReadUnknown) }
        return Data(try await response.body.collect(upTo: 1 << 20).readableBytesView)
    }
}

/// A JWKS, of which keys of kinds that are not known here are left out: they keep no other from being used.
private struct KeySet: Decodable {
    struct Entry: Decodable {
        let key: JWK?
        init(from decoder: any Decoder) { key = try? JWK(from: decoder) }
    }

    let keys: [Entry]
}

extension JWK {
    /// The key with the algorithm that it is for. A provider may leave that out; a token must not choose it then.
    fileprivate var withAlgorithm: JWK? {
        guard algorithm == nil else { return self }
        var key = self
        switch (keyType, curve) {
        case (.rsa, _): key.algorithm = .rs256
        case (.ecdsa, .some(.ecdsa(.p256))): key.algorithm = .es256
        case (.ecdsa, .some(.ecdsa(.p384))): key.algorithm = .es384
        case (.ecdsa, .some(.ecdsa(.p521))): key.algorithm = .es512
        case (.octetKeyPair, _): key.algorithm = .eddsa
        default: return nil
        }
        return key
    }
}
