import BrokerSupport
import Evidence
import EvidenceSupport
import Foundation
import Testing

@testable import Broker
@testable import Storage

/// What any store must do with guests and resources.
@Suite("The store of guests and resources")
struct ResourceStoreTests {
    @Test("A guest comes back as it was kept, until it expires", arguments: TestedStore.allCases)
    func guests(_ kind: TestedStore) async throws {
        let place = try await StorePlace(kind)
        #expect(try await place.insert(place.guest(1)))
        #expect(try await place.store.session(place.guest(1).id, at: place.now) == place.guest(1))
        #expect(try await place.store.session(place.guest(1).id, at: place.now.addingTimeInterval(100)) == nil)
        #expect(try await place.store.session(place.guest(2).id, at: place.now) == nil)
    }

    @Test(
        "A guest's id is taken once, also when its session has ended, and a second insert records nothing",
        arguments: TestedStore.allCases)
    func guestOnce(_ kind: TestedStore) async throws {
        let place = try await StorePlace(kind)
        #expect(try await place.insert(place.guest(1, expires: -1)))
        let head = try await place.store.auditHead()
        #expect(try await !place.insert(place.guest(1)))
        #expect(try await place.store.auditHead() == head)
        #expect(try await place.store.attempts(AttemptSelection(), before: .max, limit: 10).count == 1)
    }

    @Test("Nothing is written under a master key that has been retired", arguments: TestedStore.allCases)
    func retiredKey(_ kind: TestedStore) async throws {
        let place = try await StorePlace(kind)
        try await place.store.activate("old", previous: [], at: place.now)
        try await place.store.activate("new", previous: [], at: place.now)
        #expect(try await place.store.retire("old", at: place.now))
        #expect(try await !place.insert(place.guest(1, masterKey: "old")))
        #expect(try await place.put(1, masterKey: "old") == .keyRetired)
        #expect(try await place.store.countResources() == 0)
    }

    @Test("A live guest and a version each keep their master key from being retired", arguments: TestedStore.allCases)
    func keysInUse(_ kind: TestedStore) async throws {
        let place = try await StorePlace(kind)
        try await place.store.activate("k", previous: [], at: place.now)
        try await place.store.activate("new", previous: [], at: place.now)
        #expect(try await place.insert(place.guest(1)))
        #expect(try await !place.store.retire("k", at: place.now))
        let usage = try await place.store.masterKeyUsage(at: place.now)
        #expect(usage.first { $0.id == "k" }?.sessions == 1)
        let resource = try await place.done(place.put(1))
        #expect(try await !place.store.retire("k", at: place.now.addingTimeInterval(100)))
        #expect(try await place.store.isAnythingSealed(notUnder: "new"))
        let moved = Resealed(
            place: .resource(ResourcePlace(row: resource.row, version: 1)), old: [1], new: [9])
        #expect(try await place.store.reseal([moved], under: "new") == 1)
        let stale = Resealed(place: moved.place, old: [1], new: [8])
        #expect(try await place.store.reseal([stale], under: "new") == 0, "it is no longer what it was")
        try await place.store.tamper("UPDATE manifest_seal SET master_key = 'new'")
        #expect(try await !place.store.isAnythingSealed(notUnder: "new"))
        #expect(try await place.store.retire("k", at: place.now.addingTimeInterval(100)))
    }

    @Test(
        "Sessions of both kinds are listed in one order, page by page, and counted together",
        arguments: TestedStore.allCases)
    func listing(_ kind: TestedStore) async throws {
        let place = try await StorePlace(kind)
        _ = try await place.store.register(
            Simulated.registration("app"), sealed: Sealed(bytes: [1], masterKey: "k"), replacing: true, at: place.now)
        let row = try #require(try await place.store.workload(WorkloadID("app"))).row
        for id in UInt8(1)...6 {
            if id.isMultiple(of: 2) {
                #expect(try await place.insert(place.guest(id)))
            } else {
                #expect(
                    try await place.store.insert(
                        StoredSession(
                            id: Array(repeating: id, count: 16), workload: row, chip: "", opened: place.now,
                            expires: place.now.addingTimeInterval(100), code: [],
                            masterKey: "k")))
            }
        }
        #expect(try await place.insert(place.guest(7, expires: 0)))
        var ids: [UInt8] = []
        var last: [UInt8] = []
        while case let page = try await place.store.sessions(.all, after: last, limit: 2, at: place.now),
            let end = page.last
        {
            #expect(page.allSatisfy { ($0.workload == nil) == $0.id[0].isMultiple(of: 2) })
            ids += page.map { $0.id[0] }
            last = end.id
        }
        #expect(ids == [1, 2, 3, 4, 5, 6])
        #expect(try await place.store.countSessions(at: place.now) == 6)
        let ofWorkload = SessionSelection(workload: try WorkloadID("app"))
        #expect(
            try await place.store.sessions(ofWorkload, after: [], limit: 10, at: place.now).map { $0.id[0] } == [
                1, 3, 5,
            ])
        let ofChip = SessionSelection(chip: "c0ffee")
        #expect(
            try await place.store.sessions(ofChip, after: [], limit: 10, at: place.now).map { $0.id[0] } == [2, 4, 6])
    }

    @Test(
        "Ending sessions ends guests, and the sweep takes them when they have expired", arguments: TestedStore.allCases)
    func ending(_ kind: TestedStore) async throws {
        let place = try await StorePlace(kind)
        for id in UInt8(1)...3 { #expect(try await place.insert(place.guest(id, chip: "\(id)"))) }
        let later = place.now.addingTimeInterval(10)
        func end(_ selection: SessionSelection) async throws -> Int {
            try await place.store.endSessions(selection, at: later) { _ in place.record(.endSession) }
        }
        #expect(try await end(SessionSelection(chip: "1")) == 1)
        #expect(try await end(SessionSelection(workload: try WorkloadID("app"))) == 0)
        #expect(try await place.store.session(place.guest(1).id, at: later) == nil)
        #expect(try await place.store.sweepSessions(before: place.now) == 0)
        #expect(try await end(.all) == 2)
        #expect(try await place.store.sweepSessions(before: later) == 3)
        #expect(try await place.insert(place.guest(1)), "it is forgotten")
    }

    @Test("A resource comes back as it was put, with its current version", arguments: TestedStore.allCases)
    func roundTrip(_ kind: TestedStore) async throws {
        let place = try await StorePlace(kind)
        let (first, second) = (try await place.done(place.put(1)), try await place.done(place.put(2), replacing: true))
        #expect(second.row == first.row && second.change > first.change)
        #expect(try await place.store.resource(place.path) == second)
        let sealed = try #require(try await place.store.sealedResource(place.path))
        #expect(sealed.resource == second && sealed.sealed == Sealed(bytes: [2], masterKey: "k"))
        #expect(
            second.current == Resource.Version(number: 2, size: 2, stored: place.now, policy: second.policy)
                && second.latest == 2)
        #expect(try await place.store.resource(try ResourcePath("default/key/2")) == nil)
    }

    @Test("A version that is not the next one is overtaken, and nothing is written", arguments: TestedStore.allCases)
    func overtaken(_ kind: TestedStore) async throws {
        let place = try await StorePlace(kind)
        _ = try await place.put(1)
        for number in [1, 3] { #expect(try await place.put(number) == .overtaken) }
        #expect(try await place.store.versions(of: place.path).map(\.number) == [1])
    }

    @Test("A path that is removed and put again is another resource", arguments: TestedStore.allCases)
    func removed(_ kind: TestedStore) async throws {
        let place = try await StorePlace(kind)
        let first = try await place.done(place.put(1))
        #expect(
            try await place.store.removeResource(place.path, expecting: nil, recording: place.record(.removeResource))
                == .done)
        #expect(
            try await place.store.removeResource(place.path, expecting: nil, recording: place.record(.removeResource))
                == .missing)
        #expect(try await place.store.resourceVersions(notUnder: "", after: .start, limit: 10).isEmpty)
        let second = try await place.done(place.put(1))
        #expect(second.row != first.row)
        #expect(try await place.put(2, expecting: .revision(first.revision)) == .changed)
    }

    @Test(
        "Resources are listed in order, page by page, and found by what their paths hold",
        arguments: TestedStore.allCases)
    func list(_ kind: TestedStore) async throws {
        let place = try await StorePlace(kind)
        for tag in ["c", "a", "b", "%"] where tag != "%" {
            _ = try await place.put(1, at: try ResourcePath("r/t/\(tag)"))
        }
        #expect(try await place.store.resources(after: "", search: "", limit: 2).map(\.path.tag) == ["a", "b"])
        #expect(try await place.store.resources(after: "r/t/b", search: "", limit: 2).map(\.path.tag) == ["c"])
        #expect(try await place.store.resources(after: "", search: "/a", limit: 10).map(\.path.tag) == ["a"])
        #expect(try await place.store.resources(after: "", search: "%", limit: 10).isEmpty)
    }

    @Test(
        "Versions are read in the order of their places, all of them, for a rotation", arguments: TestedStore.allCases)
    func places(_ kind: TestedStore) async throws {
        let place = try await StorePlace(kind)
        let other = try ResourcePath("default/key/2")
        for number in 1...3 { _ = try await place.put(number) }
        _ = try await place.put(1, at: other, masterKey: "new")
        var read: [StoredResourceVersion] = []
        while case let batch = try await place.store.resourceVersions(
            notUnder: "", after: read.last?.place ?? .start, limit: 2),
            !batch.isEmpty
        {
            read += batch
        }
        #expect(
            read.map(\.place.version) == [1, 2, 3, 1]
                && read.map(\.path) == [place.path, place.path, place.path, other])
        let old = try await place.store.resourceVersions(notUnder: "new", after: .start, limit: 10)
        #expect(old.map(\.sealed.bytes) == [[1], [2], [3]])
    }

    @Test("A release is recorded only while the guest lives and all is as it was", arguments: TestedStore.allCases)
    func releases(_ kind: TestedStore) async throws {
        let place = try await StorePlace(kind)
        #expect(try await place.insert(place.guest(1)))
        let name = try PolicyName("p")
        var policy = Policy(name: name)
        policy.acceptsAnyMeasurement = true
        func setPolicy() async throws {
            _ = try await place.store.set(policy, document: "", expecting: nil, at: place.now) { _ in
                place.record(.setPolicy)
            }
        }
        try await setPolicy()
        let resource = try await place.done(place.put(1, policy: .named(name)))
        var stamp = try #require(try await place.store.policyInForce(name)).stamp
        func release(_ resource: Resource, by guest: UInt8 = 1, after seconds: Double = 0) async throws
            -> ResourceReleaseOutcome
        {
            try await place.store.record(
                ResourceRelease(
                    .resource(resource, policy: stamp), to: .attested(Array(repeating: guest, count: 16)),
                    denyListState: place.store.denyListState),
                at: place.now.addingTimeInterval(seconds), recording: place.record(.releaseResource))
        }
        #expect(try await release(resource) == .done)
        let head = try await place.store.auditHead()
        #expect(try await release(resource, by: 2) == .ended)
        #expect(try await release(resource, after: 100) == .ended)
        #expect(try await place.store.auditHead() == head, "nothing is written")
        try await setPolicy()
        #expect(try await release(resource) == .changed)
        stamp = try #require(try await place.store.policyInForce(name)).stamp
        #expect(try await release(resource) == .done)
        for change in [ResourceChange.disabled(true), .disabled(false), .policy(.none), .policy(.named(name))] {
            let before = try #require(try await place.store.resource(place.path))
            #expect(
                try await place.store.changeResource(
                    place.path, change, expecting: nil, at: place.now
                ) { _ in place.record(.disableResource) } == .done)
            #expect(try await release(before) == .changed, "\(change)")
        }
    }

    @Test(
        "Each version keeps the policy that it was put under, an operator's counts for all, and a removed one for none",
        arguments: TestedStore.allCases)
    func policiesOfVersions(_ kind: TestedStore) async throws {
        let place = try await StorePlace(kind)
        let library = PolicyLibrary(place.store)
        let names = try ["a", "b"].map { try PolicyName($0) }
        for name in names {
            var policy = Policy(name: name)
            policy.acceptsAnyMeasurement = true
            try await library.set(policy, document: "", by: .server)
        }
        func change(_ change: ResourceChange) async throws -> String? {
            let outcome = try await place.store.changeResource(place.path, change, expecting: nil, at: place.now) {
                AuditRecord(.rollBackResource, by: .server, details: ["policy": $0?.text ?? ""], at: place.now)
            }
            #expect(outcome == .done)
            let resource = try #require(try await place.store.resource(place.path))
            #expect(resource.current.policy == resource.policy)
            #expect(try await place.store.trail().last?["policy"] == resource.policy?.text ?? "")
            return resource.policy?.text
        }
        func policies() async throws -> [String?] {
            try await place.store.versions(of: place.path).map(\.policy?.text)
        }
        _ = try await place.put(1)
        _ = try await place.put(2, policy: .named(names[0]))
        _ = try await place.put(3, policy: .named(names[1]))
        _ = try await place.put(4)
        #expect(try await policies() == ["b", "b", "a", nil])
        #expect(try await change(.current(1)) == nil)
        #expect(try await change(.current(2)) == "a")
        #expect(try await change(.current(3)) == "b")
        // No resource has it now, and an old version does not keep it.
        try await library.removePolicy(names[0], by: .server)
        #expect(try await policies() == ["b", "b", nil, nil])
        #expect(try await change(.current(2)) == nil)
        #expect(try await change(.policy(.named(names[1]))) == "b")
        #expect(try await policies() == ["b", "b", "b", "b"])
        #expect(try await change(.disabled(true)) == "b")
    }

    @Test(
        "A release that was decided before a denial is decided anew, and other changes do not hold it up",
        arguments: TestedStore.allCases)
    func denied(_ kind: TestedStore) async throws {
        let place = try await StorePlace(kind)
        let store = place.store
        #expect(try await place.insert(place.guest(1)))
        let name = try PolicyName("p")
        var policy = Policy(name: name)
        policy.acceptsAnyMeasurement = true
        _ = try await store.set(policy, document: "", expecting: nil, at: place.now) { _ in place.record(.setPolicy) }
        let resource = try await place.done(place.put(1, policy: .named(name)))
        let stamp = try #require(try await store.policyInForce(name)).stamp
        _ = try await place.register("app")
        let workload = try #require(try await store.workload(WorkloadID("app")))
        let session = try await place.session(2, of: "app")
        #expect(try await store.insert(session))
        let foreign = StoredForeignGuest(
            id: Array(repeating: 3, count: 16), issuer: "https://a.example", tee: "snp", chip: "c0ffee",
            issued: place.now, expires: place.now.addingTimeInterval(600))
        func releases(_ state: Int64) async throws -> Set<ResourceReleaseOutcome> {
            let resource = ResourceRelease.Source.resource(resource, policy: stamp)
            var outcomes: Set<ResourceReleaseOutcome> = []
            for release in [
                ResourceRelease(resource, to: .attested(Array(repeating: 1, count: 16)), denyListState: state),
                ResourceRelease(.workload(workload, policy: nil), to: .attested(session.id), denyListState: state),
                ResourceRelease(resource, to: .foreign(foreign), denyListState: state),
            ] {
                outcomes.insert(
                    try await store.record(release, at: place.now, recording: place.record(.releaseResource)))
            }
            return outcomes
        }
        /// Reads a row that decides, as each request does.
        func state() async throws -> Int64 {
            _ = try await store.resource(place.path)
            return store.denyListState
        }
        let chip = Endorser(chip: [UInt8](repeating: 0xC0, count: 64))
        var decided = try await state()
        _ = try await place.register("another")
        #expect(try await releases(decided) == [.done])
        try await store.deny(
            Denial(chip, reason: "leaked", actor: "server", time: place.now), recording: place.record(.denyEndorser))
        let head = try await store.auditHead()
        #expect(try await releases(decided) == [.changed])
        #expect(try await store.auditHead() == head, "nothing is recorded")
        decided = try await state()
        #expect(store.denies(chip))
        #expect(try await releases(decided) == [.done], "of guests that do not depend on it")
        #expect(try await store.allow(chip, recording: place.record(.allowEndorser)))
        #expect(try await releases(decided) == [.changed])
        #expect(try await releases(try await state()) == [.done])
    }

    @Test(
        "Another verifier's guest is listed from its first release on, and none of its tokens counts once it is ended; A2",
        arguments: TestedStore.allCases)
    func foreignGuests(_ kind: TestedStore) async throws {
        let place = try await StorePlace(kind)
        let name = try PolicyName("any")
        var policy = Policy(name: name)
        policy.acceptsAnyMeasurement = true
        _ = try await place.store.set(policy, document: "", expecting: nil, at: place.now) { _ in
            place.record(.setPolicy)
        }
        let resource = try await place.done(place.put(1, policy: .named(name)))
        let stamp = try #require(try await place.store.policyInForce(name)).stamp
        func release(_ id: UInt8 = 1, issued: Double, of issuer: String = "https://a.example") async throws
            -> ResourceReleaseOutcome
        {
            let time = place.now.addingTimeInterval(issued)
            let guest = StoredForeignGuest(
                id: Array(repeating: id, count: 16), issuer: issuer, tee: "snp", chip: "c0ffee", issued: time,
                expires: time.addingTimeInterval(600))
            return try await place.store.record(
                ResourceRelease(
                    .resource(resource, policy: stamp), to: .foreign(guest), denyListState: place.store.denyListState),
                at: time,
                recording: place.record(.releaseResource))
        }
        func listed(_ selection: SessionSelection = .all, after seconds: Double = 60) async throws -> [OpenSession] {
            try await place.store.sessions(
                selection, after: [], limit: 10, at: place.now.addingTimeInterval(seconds))
        }
        #expect(try await release(issued: 0) == .done)
        #expect(try await release(issued: 30) == .done)
        #expect(try await release(2, issued: 0, of: "https://b.example") == .done)
        #expect(try await place.insert(place.guest(3, expires: 600)))
        let all = try await listed()
        #expect(all.map(\.issuer) == ["https://a.example", "https://b.example", nil])
        #expect(all.first?.opened == place.now && all.first?.expires == place.now.addingTimeInterval(630))
        #expect(try await listed(SessionSelection(issuer: "https://b.example")).count == 1)
        #expect(try await listed(SessionSelection(chip: "c0ffee")).count == 3)
        #expect(try await listed(SessionSelection(chip: "c0ffee", issuer: "https://b.example")).count == 1)
        let both = SessionSelection(workload: try WorkloadID("app"), chip: "c0ffee", issuer: "https://b.example")
        #expect(try await listed(both).isEmpty, "none has both")
        #expect(try await place.store.countSessions(at: place.now) == 3)
        let end = place.now.addingTimeInterval(60)
        let ended = try await place.store.endSessions(
            SessionSelection(issuer: "https://a.example"), at: end, barring: Lifetimes().bar(at: end)
        ) { _ in place.record(.endSession) }
        #expect(ended == 1)
        #expect(try await listed(after: 61).count == 2)
        let head = try await place.store.auditHead()
        #expect(try await release(issued: 45) == .ended, "one that was made before")
        #expect(try await release(issued: 60) == .ended)
        #expect(try await place.store.auditHead() == head)
        #expect(try await release(2, issued: 45, of: "https://b.example") == .done, "of another verifier")
        // Who attests there again comes with a new one.
        #expect(try await release(issued: 61) == .done)
        // What bars a token is remembered for as long as one can be good.
        _ = try await place.store.sweepSessions(before: end.addingTimeInterval(10_000))
        #expect(try await release(issued: 50) == .ended)
        _ = try await place.store.sweepSessions(before: end.addingTimeInterval(20_000))
        #expect(try await listed(after: 0).isEmpty)
    }

    @Test(
        "Init data are kept once for all guests that have the same, as long as one has them; C1",
        arguments: TestedStore.allCases)
    func initData(_ kind: TestedStore) async throws {
        let place = try await StorePlace(kind)
        let entries = #"{"policy.rego":""# + String(repeating: "x", count: 62_000) + #""}"#
        let digest = StoredInitData.digest(of: entries)
        func insert(_ id: UInt8, expires: Double) async throws -> Bool {
            let guest = StoredSession(
                id: Array(repeating: id, count: 16), workload: nil, initData: digest, opened: place.now,
                expires: place.now.addingTimeInterval(expires),
                code: [4], masterKey: "k")
            let kept = try await place.store.keepsInitData(digest, until: guest.expires)
            return try await place.store.insert(
                guest, initData: kept ? nil : StoredInitData(entries, of: guest.expires),
                attempt: RecordedAttempt(
                    id: 0, time: place.now, action: "guest.attest", workload: "", tee: "snp", session: "s", chip: "",
                    code: nil, sentence: "", verdict: nil, verdictJSON: ""), recording: place.record(.attest))
        }
        #expect(try await place.store.initData(digest) == nil)
        for id in UInt8(1)...5 { #expect(try await insert(id, expires: 100)) }
        #expect(try await place.store.session(Array(repeating: 3, count: 16), at: place.now)?.initData == digest)
        #expect(try await place.store.initData(digest) == entries)
        #expect(try await insert(6, expires: 9_000), "it keeps them for longer")
        _ = try await place.store.sweepSessions(before: place.now.addingTimeInterval(8_000))
        #expect(try await place.store.initData(digest) == entries)
        _ = try await place.store.sweepSessions(before: place.now.addingTimeInterval(20_000))
        #expect(try await place.store.initData(digest) == nil)
    }

    @Test("A workload's secret is released only while it is registered and enabled", arguments: TestedStore.allCases)
    func workloadReleases(_ kind: TestedStore) async throws {
        let place = try await StorePlace(kind)
        let id = try WorkloadID("default/key/1")
        _ = try await place.store.register(
            Simulated.registration(id.text), sealed: Sealed(bytes: [7], masterKey: "k"), replacing: true, at: place.now)
        let guest = place.guest(1)
        #expect(try await place.insert(guest))
        let found = try #require(try await place.store.sealedSecret(of: id))
        #expect(found.sealed == Sealed(bytes: [7], masterKey: "k"))
        func release() async throws -> ResourceReleaseOutcome {
            try await place.store.record(
                ResourceRelease(
                    .workload(found.workload, policy: nil), to: .attested(guest.id),
                    denyListState: place.store.denyListState), at: place.now,
                recording: place.record(.releaseResource))
        }
        #expect(try await release() == .done)
        _ = try await place.store.setDisabled(true, id, expecting: nil, recording: place.record(.disableWorkload))
        #expect(try await release() == .changed)
        _ = try await place.store.setDisabled(false, id, expecting: nil, recording: place.record(.enableWorkload))
        _ = try await place.store.register(
            Simulated.registration(id.text), sealed: Sealed(bytes: [8], masterKey: "k"), replacing: true, at: place.now)
        #expect(try await release() == .changed)
    }

    @Test(
        "A workload that names a policy is released by the policy that was decided by, and by no other",
        arguments: TestedStore.allCases)
    func workloadUnderPolicy(_ kind: TestedStore) async throws {
        let place = try await StorePlace(kind)
        let name = try PolicyName("web")
        #expect(try await place.register("web", under: name) == .unknownPolicy)
        func set(_ image: String) async throws -> PolicyInForce.Stamp {
            var policy = Policy(name: name)
            policy.measurements = [.value(Simulated.measurement(image))]
            _ = try await place.store.set(policy, document: "", expecting: nil, at: place.now) { _ in
                place.record(.setPolicy)
            }
            return try #require(try await place.store.policyInForce(name)).stamp
        }
        let old = try await set("app")
        guard case .done(let workload, false) = try await place.register("web", under: name) else {
            Issue.record("it was not registered")
            return
        }
        #expect(try await place.store.workload(WorkloadID("web")) == workload && workload.launch == .policy(name))
        #expect(try await place.register("web", under: PolicyName("missing")) == .unknownPolicy)
        #expect(try await place.store.workload(WorkloadID("web")) == workload, "it is still what it was")
        let session = try await place.session(1, of: "web")
        #expect(try await place.store.insert(session))
        func release(_ stamp: PolicyInForce.Stamp) async throws -> ResourceReleaseOutcome {
            try await place.store.record(
                ResourceRelease(
                    .workload(workload, policy: stamp), to: .attested(session.id),
                    denyListState: place.store.denyListState), at: place.now,
                recording: place.record(.releaseSecret))
        }
        #expect(try await release(old) == .done)
        let new = try await set("other")
        #expect(try await release(old) == .changed)
        #expect(try await release(new) == .done)
        let removal = place.record(.removePolicy)
        #expect(try await place.store.removePolicy(name, expecting: nil, recording: removal) == .inUse)
        #expect(try await place.store.remove(WorkloadID("web")))
        #expect(try await place.store.removePolicy(name, expecting: nil, recording: removal) == .done)
    }
}
