import Broker
import Bytes
@testable import CoCoDialect
import Concurrency
import Crypto
import Evidence
import Formats
import Foundation
import JOSE
import JSONWebTokens
import Storage
import TestSupport
import Testing

@Suite("The keys that tokens are signed with")
struct TokenKeysTests {
    private final class Clock: Sendable {
        private let time = Lock(Date(timeIntervalSince1970: 1_800_000_000))
        var now: Date { time.withLock { $0 } }
        func advance(_ seconds: TimeInterval) { time.withLock { $0 += seconds } }
    }

    private let folder: TemporaryFolder
    private let store: SQLiteStore
    private let ring = KeyRing(master: SymmetricKey(size: .bits256))
    private let clock = Clock()

    init() throws {
        folder = try TemporaryFolder()
        store = try SQLiteStore(file: folder.file("kbs.sqlite"))
    }

    private func replica(_ ring: KeyRing? = nil) -> TokenKeys {
        var rules = TokenKeys.Rules(longestToken: 3_600)
        rules.rotation = 86_400
        return TokenKeys(store: store, keys: ring ?? self.ring, rules: rules, now: { [clock] in clock.now })
    }

    private func published(_ keys: TokenKeys) async throws -> [ExactText] {
        try await keys.keySet().compactMap { $0["kid"]?.asText.map { ExactText($0) } }
    }

    @Test("A key is made once, and another process signs with the same")
    func shared() async throws {
        let first = try await replica().current().id
        let second = try await replica().current().id
        #expect(first == second)
        let stored = try await store.serverKeys(named: "attestation tokens")
        #expect(stored.count == 1)
    }

    @Test("Guests that come at once, to two replicas, have one key made between them")
    func together() async throws {
        let replicas = [replica(), replica()]
        let ids = try await withThrowingTaskGroup(of: ExactText.self) { group in
            for number in 0..<32 { group.addTask { try await replicas[number % 2].current().id } }
            return try await group.reduce(into: Set<ExactText>()) { $0.insert($1) }
        }
        #expect(ids.count == 1)
        let first = try await store.serverKeys(named: "attestation tokens")
        #expect(first.count == 1)
    }

    @Test("Guests that come at once when a key is too old have one made between them")
    func togetherAgain() async throws {
        let keys = replica()
        _ = try await keys.current()
        clock.advance(86_400)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<32 { group.addTask { _ = try await keys.current() } }
            try await group.waitForAll()
        }
        let stored = try await store.serverKeys(named: "attestation tokens")
        #expect(stored.count == 2)
    }

    @Test("The database holds no key in the clear, and its rows open under no other name")
    func sealed() async throws {
        _ = try await replica().current()
        let stored = try #require(try await store.serverKeys(named: "attestation tokens").first)
        let secret = try await ring.open(stored.sealed, for: .serverKey(name: stored.name, id: stored.id)).withBytes {
            Array($0)
        }
        #expect(!stored.sealed.bytes.contains(secret))
        await #expect(throws: (any Error).self) {
            try await ring.open(stored.sealed, for: .serverKey(name: "audit checkpoints", id: stored.id))
        }
    }

    @Test("A key signs until it is too old, and is published until its last token has expired")
    func rotation() async throws {
        let keys = replica()
        let old = try await keys.current().id
        clock.advance(86_399)
        let same = try await keys.current().id
        #expect(same == old)
        clock.advance(1)
        let new = try await keys.current().id
        #expect(new != old)
        let both = try await published(keys)
        #expect(Set(both) == [old, new])
        clock.advance(3_600)
        let one = try await published(keys)
        #expect(one == [new])
        let gone = try await keys.key(old)
        #expect(gone == nil)
    }

    @Test("A key that another replica has made is found when its id is seen")
    func otherReplica() async throws {
        let (mine, theirs) = (replica(), replica())
        _ = try await mine.current()
        clock.advance(86_400)
        let made = try await theirs.current().id
        let found = try await mine.key(made)
        #expect(found?.id == made)
    }

    @Test("Ids that were made up do not have the database read again and again")
    func madeUp() async throws {
        let (mine, theirs) = (replica(), replica())
        _ = try await mine.current()
        clock.advance(86_400)
        let nothing = try await mine.key("made up")
        #expect(nothing == nil)
        let made = try await theirs.current().id
        let tooSoon = try await mine.key(made)
        #expect(tooSoon == nil)
        clock.advance(5)
        let found = try await mine.key(made)
        #expect(found?.id == made)
    }

    @Test("Whoever looks the keys up before the first guest finds one, and it is the one that signs")
    func early() async throws {
        let keys = replica()
        let ids = try await published(keys)
        let current = try await keys.current().id
        #expect(ids == [current])
    }

    @Test("With a certificate the keys are published without reading the database each time")
    func publishedWithCertificate() async throws {
        let identity = TokenIdentity(P256.Signing.PrivateKey(), chain: [])
        let keys = TokenKeys(
            store: store, keys: ring, rules: .init(longestToken: 3_600), identity: identity,
            now: { [clock] in clock.now })
        _ = try await published(keys)
        // Another replica, which has no certificate yet.
        let made = try await replica().current().id
        let early = try await published(keys)
        #expect(!early.contains(made))
        clock.advance(300)
        let late = try await published(keys)
        #expect(late.contains(made))
    }

    @Test(
        "A chain of certificates goes into tokens as long as they can be read with it, and is published in any case",
        arguments: [(2_048, true), (2_049, false), (12_000, false)])
    func chain(_ length: Int, _ goesAlong: Bool) async throws {
        let key = TokenIdentity(P256.Signing.PrivateKey(), chain: [[UInt8](repeating: 0, count: length)]).key
        let rules = TokenService.rules(issuer: "kbs", audience: nil)
        let token = try CompactJWS(try key.sign([:]), limits: rules.limits)
        #expect(token.keyID == key.id)
        // E9: a key without its chain is refused by those who look for one there.
        #expect((token.header["jwk"] != nil) == goesAlong && (token.header["jwk"]?["x5c"] != nil) == goesAlong)
        guard case .array(let published)? = key.jwk["x5c"] else {
            Issue.record("no chain is published")
            return
        }
        #expect(published.count == 1)
    }

    @Test("What is published has no private part")
    func publicOnly() async throws {
        let set = try await replica().keySet()
        #expect(
            set.allSatisfy { Set(($0.members ?? []).map(\.name)) == ["kty", "crv", "alg", "use", "kid", "x", "y"] })
    }
}

@Suite("The trustworthiness vector")
struct TrustworthinessVectorTests {
    @Test("The status is that of the worst claim")
    func status() {
        #expect(TrustworthinessVector().status == .none)
        #expect(TrustworthinessVector.snp(.smtAllowed, isKnownMeasurement: true).status == .affirming)
        #expect(TrustworthinessVector.snp(.smtAllowed, isKnownMeasurement: false).status == .warning)
        #expect(TrustworthinessVector.sample.status == .contraindicated)
    }

    @Test("A guest that its host may debug is contraindicated, whatever its measurement")
    func debugged() {
        let vector = TrustworthinessVector.snp([.smtAllowed, .debugAllowed], isKnownMeasurement: true)
        #expect(vector.status == .contraindicated)
        #expect(vector.claims["configuration"] == 96 && vector.claims["runtime-opaque"] == 96)
    }

    @Test("A guest that its host may have migrated is no more than a warning")
    func migrated() {
        let vector = TrustworthinessVector.snp([.smtAllowed, .migrationAgentAllowed], isKnownMeasurement: true)
        #expect(vector.status == .warning)
    }
}
