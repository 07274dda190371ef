import Evidence
import Foundation
import Storage
import TestSupport
import Testing

@testable import Broker

/// What any store must do with guests and resources. It runs against SQLite here.
@Suite("The store of guests and resources")
struct ResourceStoreTests {
    let folder: TemporaryFolder
    let store: SQLiteStore
    let now = Date(timeIntervalSince1970: 1_760_000_000)
    let path: ResourcePath

    init() throws {
        folder = try TemporaryFolder()
        store = try SQLiteStore(file: folder.file("kbs.sqlite"))
        path = try ResourcePath("default/key/1")
    }

    private func record(_ action: AuditRecord.Action) -> AuditRecord { AuditRecord(action, by: .server, at: now) }

    private func put(
        _ number: Int, at path: ResourcePath? = nil, masterKey: String = "k", policy: PolicyChoice? = nil,
        expecting expected: Resource.Expectation? = nil
    ) async throws -> ResourcePutOutcome {
        try await store.put(
            NewResourceVersion(
                path: path ?? self.path, number: number,
                sealed: Sealed(bytes: [UInt8(number)], masterKey: masterKey), size: number, policy: policy),
            expecting: expected, at: now
        ) { _ in record(.putResource) }
    }

    private func done(_ outcome: ResourcePutOutcome, replacing: Bool = false) throws -> Resource {
        guard case .done(let resource, replacing) = outcome else { throw NotDone(outcome: outcome) }
        return resource
    }

    private struct NotDone: Error { let outcome: ResourcePutOutcome }

    private func guest(_ id: UInt8, expires: Double = 100, chip: String = "c0ffee", masterKey: String = "k")
        -> StoredGuest
    {
        StoredGuest(
            id: Array(repeating: id, count: 16), claims: "{}", key: "key", verdict: "{}", token: "token", tee: "snp",
            chip: chip, opened: now, expires: now.addingTimeInterval(expires), code: [4, 5], masterKey: masterKey)
    }

    private func insert(_ guest: StoredGuest) async throws -> Bool {
        let attempt = RecordedAttempt(
            id: 0, time: now, action: "guest.attest", workload: "", tee: "snp", session: "s", chip: guest.chip,
            code: nil, sentence: "", verdict: nil, verdictJSON: "")
        return try await store.insert(guest, attempt: attempt, recording: record(.attest))
    }

    @Test("A guest comes back as it was kept, until it expires")
    func guests() async throws {
        #expect(try await insert(guest(1)))
        #expect(try await store.guest(guest(1).id, at: now) == guest(1))
        #expect(try await store.guest(guest(1).id, at: now.addingTimeInterval(100)) == nil)
        #expect(try await store.guest(guest(2).id, at: now) == nil)
    }

    @Test("A guest's id is taken once, also when its session has ended, and a second insert records nothing")
    func guestOnce() async throws {
        #expect(try await insert(guest(1, expires: -1)))
        let head = try await store.auditHead()
        #expect(try await !insert(guest(1)))
        #expect(try await store.auditHead() == head)
        #expect(try await store.attempts(AttemptSelection(), before: .max, limit: 10).count == 1)
    }

    @Test("Nothing is written under a master key that has been retired")
    func retiredKey() async throws {
        try await store.activate("old", previous: [], at: now)
        try await store.activate("new", previous: [], at: now)
        #expect(try await store.retire("old", at: now))
        #expect(try await !insert(guest(1, masterKey: "old")))
        #expect(try await put(1, masterKey: "old") == .keyRetired)
        #expect(try await store.countResources() == 0)
    }

    @Test("A live guest and a version each keep their master key from being retired")
    func keysInUse() async throws {
        try await store.activate("k", previous: [], at: now)
        try await store.activate("new", previous: [], at: now)
        #expect(try await insert(guest(1)))
        #expect(try await !store.retire("k", at: now))
        let usage = try store.masterKeyUsage(at: now)
        #expect(usage.first { $0.id == "k" }?.sessions == 1)
        let resource = try await done(put(1))
        #expect(try await !store.retire("k", at: now.addingTimeInterval(100)))
        #expect(try await store.isAnythingSealed(notUnder: "new"))
        let moved = Resealed(
            place: .resource(ResourcePlace(row: resource.row, version: 1)), old: [1], new: [9])
        #expect(try await store.reseal([moved], under: "new") == 1)
        #expect(try await store.reseal([moved], under: "new") == 0, "it is no longer what it was")
        #expect(try await !store.isAnythingSealed(notUnder: "new"))
        #expect(try await store.retire("k", at: now.addingTimeInterval(100)))
    }

    @Test("Sessions of both kinds are listed in one order, page by page, and counted together")
    func listing() async throws {
        _ = try await store.register(
            Simulated.registration("app"), sealed: Sealed(bytes: [1], masterKey: "k"), replacing: true, at: now)
        let row = try #require(try await store.workload(WorkloadID("app"))).row
        for id in UInt8(1)...6 {
            if id.isMultiple(of: 2) {
                #expect(try await insert(guest(id)))
            } else {
                #expect(
                    try await store.insert(
                        Session(
                            id: Array(repeating: id, count: 16), workload: row, binding: .sev(measurement: [1]),
                            chip: "", opened: now, expires: now.addingTimeInterval(100), code: [], masterKey: "k")))
            }
        }
        #expect(try await insert(guest(7, expires: 0)))
        var ids: [UInt8] = []
        var last: [UInt8] = []
        while case let page = try await store.sessions(.all, after: last, limit: 2, at: now), let end = page.last {
            #expect(page.allSatisfy { ($0.workload == nil) == $0.id[0].isMultiple(of: 2) })
            ids += page.map { $0.id[0] }
            last = end.id
        }
        #expect(ids == [1, 2, 3, 4, 5, 6])
        #expect(try await store.countSessions(at: now) == 6)
        let ofWorkload = SessionSelection(workload: try WorkloadID("app"))
        #expect(try await store.sessions(ofWorkload, after: [], limit: 10, at: now).map { $0.id[0] } == [1, 3, 5])
        let ofChip = SessionSelection(chip: "c0ffee")
        #expect(try await store.sessions(ofChip, after: [], limit: 10, at: now).map { $0.id[0] } == [2, 4, 6])
    }

    @Test("Ending sessions ends guests, and the sweep takes them when they have expired")
    func ending() async throws {
        for id in UInt8(1)...3 { #expect(try await insert(guest(id, chip: "\(id)"))) }
        let later = now.addingTimeInterval(10)
        func end(_ selection: SessionSelection) async throws -> Int {
            try await store.endSessions(selection, at: later) { _ in record(.endSession) }
        }
        #expect(try await end(SessionSelection(chip: "1")) == 1)
        #expect(try await end(SessionSelection(workload: try WorkloadID("app"))) == 0)
        #expect(try await store.guest(guest(1).id, at: later) == nil)
        #expect(try await store.sweepSessions(before: now) == 0)
        #expect(try await end(.all) == 2)
        #expect(try await store.sweepSessions(before: later) == 3)
        #expect(try await insert(guest(1)), "it is forgotten")
    }

    @Test("A resource comes back as it was put, with its current version")
    func roundTrip() async throws {
        let (first, second) = (try await done(put(1)), try await done(put(2), replacing: true))
        #expect(second.row == first.row && second.change > first.change)
        #expect(try await store.resource(path) == second)
        let sealed = try #require(try await store.sealedResource(path))
        #expect(sealed.resource == second && sealed.sealed == Sealed(bytes: [2], masterKey: "k"))
        #expect(second.current == Resource.Version(number: 2, size: 2, stored: now) && second.latest == 2)
        #expect(try await store.resource(try ResourcePath("default/key/2")) == nil)
    }

    @Test("A version that is not the next one is overtaken, and nothing is written")
    func overtaken() async throws {
        _ = try await put(1)
        for number in [1, 3] { #expect(try await put(number) == .overtaken) }
        #expect(try await store.versions(of: path).map(\.number) == [1])
    }

    @Test("A path that is removed and put again is another resource")
    func removed() async throws {
        let first = try await done(put(1))
        #expect(try await store.removeResource(path, expecting: nil, recording: record(.removeResource)) == .done)
        #expect(try await store.removeResource(path, expecting: nil, recording: record(.removeResource)) == .missing)
        #expect(try await store.resourceVersions(after: .start, limit: 10).isEmpty)
        let second = try await done(put(1))
        #expect(second.row != first.row)
        #expect(try await put(2, expecting: .stamp(first.stamp)) == .changed)
    }

    @Test("Resources are listed in order, page by page, and found by what their paths hold")
    func list() async throws {
        for tag in ["c", "a", "b", "%"] where tag != "%" { _ = try await put(1, at: try ResourcePath("r/t/\(tag)")) }
        #expect(try await store.resources(after: "", search: "", limit: 2).map(\.path.tag) == ["a", "b"])
        #expect(try await store.resources(after: "r/t/b", search: "", limit: 2).map(\.path.tag) == ["c"])
        #expect(try await store.resources(after: "", search: "/a", limit: 10).map(\.path.tag) == ["a"])
        #expect(try await store.resources(after: "", search: "%", limit: 10).isEmpty)
    }

    @Test("Versions are read in the order of their places, all of them, for a rotation")
    func places() async throws {
        let other = try ResourcePath("default/key/2")
        for number in 1...3 { _ = try await put(number) }
        _ = try await put(1, at: other, masterKey: "new")
        var read: [StoredResourceVersion] = []
        while case let batch = try await store.resourceVersions(after: read.last?.place ?? .start, limit: 2),
            !batch.isEmpty
        {
            read += batch
        }
        #expect(read.map(\.place.version) == [1, 2, 3, 1] && read.map(\.path) == [path, path, path, other])
        let old = try await store.resourceVersions(notUnder: "new", after: .start, limit: 10)
        #expect(old.map(\.sealed.bytes) == [[1], [2], [3]])
    }

    @Test("A release is recorded only while the guest lives and all is as it was")
    func releases() async throws {
        #expect(try await insert(guest(1)))
        let name = try PolicyName("p")
        var policy = ResourcePolicy(name: name)
        policy.acceptsAnyMeasurement = true
        func setPolicy() async throws {
            _ = try await store.set(policy, document: "", expecting: nil, at: now) { _ in record(.setPolicy) }
        }
        try await setPolicy()
        let resource = try await done(put(1, policy: .named(name)))
        var stamp = try #require(try await store.policyInForce(name)).stamp
        func release(_ resource: Resource, by guest: UInt8 = 1, after seconds: Double = 0) async throws
            -> ResourceReleaseOutcome
        {
            try await store.record(
                ResourceRelease(
                    .resource(resource, policy: stamp), to: Array(repeating: guest, count: 16)),
                at: now.addingTimeInterval(seconds), recording: record(.releaseResource))
        }
        #expect(try await release(resource) == .done)
        let head = try await store.auditHead()
        #expect(try await release(resource, by: 2) == .ended)
        #expect(try await release(resource, after: 100) == .ended)
        #expect(try await store.auditHead() == head, "nothing is written")
        try await setPolicy()
        #expect(try await release(resource) == .changed)
        stamp = try #require(try await store.policyInForce(name)).stamp
        #expect(try await release(resource) == .done)
        for change in [ResourceChange.disabled(true), .disabled(false), .policy(.none), .policy(.named(name))] {
            let before = try #require(try await store.resource(path))
            #expect(
                try await store.changeResource(
                    path, change, expecting: nil, at: now, recording: record(.disableResource)) == .done)
            #expect(try await release(before) == .changed, "\(change)")
        }
    }

    @Test("A workload's secret is released only while it is registered and enabled")
    func workloadReleases() async throws {
        let id = try WorkloadID("default/key/1")
        _ = try await store.register(
            Simulated.registration(id.text), sealed: Sealed(bytes: [7], masterKey: "k"), replacing: true, at: now)
        let found = try #require(try await store.sealedSecret(of: id))
        #expect(found.sealed == Sealed(bytes: [7], masterKey: "k"))
        func release() async throws -> ResourceReleaseOutcome {
            try await store.record(
                ResourceRelease(.workload(found.workload), to: nil), at: now, recording: record(.releaseResource))
        }
        #expect(try await release() == .done)
        _ = try await store.setDisabled(true, id, expecting: nil, recording: record(.disableWorkload))
        #expect(try await release() == .changed)
        _ = try await store.setDisabled(false, id, expecting: nil, recording: record(.enableWorkload))
        _ = try await store.register(
            Simulated.registration(id.text), sealed: Sealed(bytes: [8], masterKey: "k"), replacing: true, at: now)
        #expect(try await release() == .changed)
    }
}
