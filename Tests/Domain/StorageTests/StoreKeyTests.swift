import BrokerSupport
import Evidence
import Foundation
import Testing

@testable import Broker
@testable import Storage

/// What any store must do with tokens, server keys and what is sealed.
@Suite("A store's keys and tokens")
struct StoreKeyTests {
    private func key(_ id: String, under masterKey: String, at time: Date, bytes: [UInt8] = [1]) -> StoredServerKey {
        StoredServerKey(
            name: "signing", id: id, sealed: Sealed(bytes: bytes, masterKey: masterKey), created: time)
    }

    @Test("A token comes back as it was made, and is revoked once", arguments: TestedStore.allCases)
    func tokens(_ kind: TestedStore) async throws {
        let place = try await StorePlace(kind)
        let (store, now) = (place.store, place.now)
        let record = AuditRecord(.createToken, by: .server, at: now)
        #expect(try await !store.hasTokens())
        let (old, _) = try AccessToken.make(role: .auditor, description: "häuser", lifetime: 60, at: now)
        let (new, _) = try AccessToken.make(
            role: .admin, description: "", lifetime: 60, at: now.addingTimeInterval(1))
        try await store.insert(new, recording: record)
        try await store.insert(old, recording: record)
        await #expect(throws: (any Error).self) { try await store.insert(old, recording: record) }
        #expect(try await store.hasTokens())
        #expect(try await store.tokens() == [old, new])
        #expect(try await store.token(old.id) == old)
        #expect(try await store.token("no") == nil)
        #expect(try await store.revoke(token: old.id, at: now, recording: record))
        #expect(try await !store.revoke(token: old.id, at: now, recording: record))
        #expect(try await !store.revoke(token: "no", at: now, recording: record))
        #expect(try await store.token(old.id)?.revoked == now)
        #expect(try await store.auditHead().sequence == 3)
    }

    @Test("Server keys are kept once, oldest first", arguments: TestedStore.allCases)
    func serverKeys(_ kind: TestedStore) async throws {
        let place = try await StorePlace(kind)
        let (store, now) = (place.store, place.now)
        let (old, new) = (key("b", under: "k", at: now), key("a", under: "l", at: now.addingTimeInterval(1)))
        try await store.insert(new)
        try await store.insert(old)
        await #expect(throws: (any Error).self) { try await store.insert(key("a", under: "l", at: now, bytes: [2])) }
        #expect(try await store.serverKeys(named: "signing") == [old, new])
        #expect(try await store.serverKeys(named: "other").isEmpty)
        #expect(try await store.serverKeys(notUnder: "k") == [new])
    }

    @Test(
        "What is sealed moves to the active key only, and only if it is still what it was",
        arguments: TestedStore.allCases)
    func resealing(_ kind: TestedStore) async throws {
        let place = try await StorePlace(kind)
        let (store, now) = (place.store, place.now)
        for id in ["a", "b"] { _ = try await place.register(id) }
        try await store.insert(key("s", under: "k", at: now))
        try await store.activate("k", previous: [], at: now)
        #expect(try await store.isAnythingSealed(notUnder: "k"), "the manifest is")
        try await store.tamper("UPDATE manifest_seal SET master_key = 'k'")
        #expect(try await !store.isAnythingSealed(notUnder: "k"))
        try await store.activate("l", previous: ["k"], at: now.addingTimeInterval(1))
        #expect(try await store.isAnythingSealed(notUnder: "l"))
        let stored = try await store.secrets(notUnder: "l", after: 0, limit: 10)
        #expect(stored.map(\.sealed.bytes) == [Array("a".utf8), Array("b".utf8)])
        #expect(try await store.secrets(notUnder: "k", after: 0, limit: 10).isEmpty)
        let (a, b) = (stored[0].workload.row, stored[1].workload.row)
        let changes = [
            Resealed(place: .secret(a), old: Array("a".utf8), new: [7]),
            Resealed(place: .secret(b), old: Array("another".utf8), new: [8]),
            Resealed(place: .serverKey(name: "signing", id: "s"), old: [1], new: [9]),
        ]
        #expect(try await store.reseal(changes, under: "k") == nil, "it is not the active one")
        #expect(try await store.reseal(changes, under: "l") == 2)
        #expect(
            try await store.secrets(notUnder: "", after: 0, limit: 1).map(\.sealed) == [
                Sealed(bytes: [7], masterKey: "l")
            ])
        #expect(try await store.secrets(notUnder: "", after: a, limit: 9).map(\.sealed.bytes) == [Array("b".utf8)])
        #expect(try await store.serverKeys(named: "signing").map(\.sealed) == [Sealed(bytes: [9], masterKey: "l")])
    }

    @Test(
        "A key is retired when nothing is under it, and then nothing can be written under it",
        arguments: TestedStore.allCases)
    func retiring(_ kind: TestedStore) async throws {
        let place = try await StorePlace(kind)
        let (store, now) = (place.store, place.now)
        try await store.activate("k", previous: ["j"], at: now)
        #expect(try await !store.retire("k", at: now), "it is active")
        _ = try await place.register("app")
        let (first, second) = (try await place.session(1, of: "app"), try await place.session(2, of: "app"))
        #expect(try await store.insert(first))
        let later = now.addingTimeInterval(10)
        try await store.activate("l", previous: [], at: later)
        #expect(try await !store.retire("k", at: later), "a secret and a session are under it")
        let secret = try #require(try await store.secrets(notUnder: "", after: 0, limit: 1).first)
        #expect(
            try await store.reseal(
                [Resealed(place: .secret(secret.workload.row), old: secret.sealed.bytes, new: [1])], under: "l") == 1)
        #expect(try await !store.retire("k", at: later), "a session is under it")
        let usage = try await store.masterKeyUsage(at: later)
        // The fourth is the manifest's.
        #expect(usage.count == 4 && Set(usage.map(\.id)).isSuperset(of: ["j", "k", "l"]))
        let used = try #require(usage.first { $0.id == "k" })
        #expect((used.secrets, used.serverKeys, used.sessions) == (0, 0, 1))
        #expect(used.lastSession == first.expires)
        #expect((used.activated, used.superseded, used.retired) == (now, later, nil))
        let end = now.addingTimeInterval(100)
        #expect(try await store.retire("k", at: end))
        #expect(try await !store.insert(second), "its key is retired")
        #expect(try await place.register("other") == .keyRetired)
        await #expect(throws: (any Error).self) { try await store.insert(key("x", under: "k", at: end)) }
        #expect(try await store.masterKeyUsage(at: end).first { $0.id == "k" }?.retired == end)
        // Each is recorded with the change, and nothing else is.
        try await store.activate("l", previous: ["k"], at: end)
        let trail = try await store.trail().filter { $0["action"]?.hasPrefix("keys.") == true }
        #expect(trail.map { $0["before"] ?? $0["retired"] } == ["j", "k", "k"])
        #expect(trail.map { $0["active"] } == ["k", "l", nil])
    }
}
