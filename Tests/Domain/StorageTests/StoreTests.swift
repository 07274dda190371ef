import Broker
import BrokerSupport
import Bytes
import Evidence
import EvidenceSupport
import Foundation
import SimulatedHardware
import Testing

@testable import Storage

/// What any store must do.
@Suite("The store")
struct StoreTests {
    @Test("A workload comes back as it was registered, of either technology", arguments: TestedStore.allCases)
    func roundTrip(_ kind: TestedStore) async throws {
        let place = try await StorePlace(kind)
        let (store, now) = (place.store, place.now)
        #expect(try await place.register("app").isReplacement == false)
        let registration = try Registration(
            id: WorkloadID("vm"),
            launch: .sev(
                digest: Simulated.digest("vm"),
                policy: SEVLaunchPolicy(flags: [.noDebug, .domain], minimumFirmware: (1, 55))),
            configuration: #"{"as":"written"}"#, secret: Secret([1] as [UInt8]))
        _ = try await store.register(registration, sealed: Sealed(bytes: [9], masterKey: "k"), replacing: true, at: now)
        let app = try #require(try await store.workload(WorkloadID("app")))
        #expect(app.launch == .snp(measurement: Simulated.measurement("app"), policy: .unstated))
        #expect(app.registered == now)
        #expect(try await store.workload(row: app.row) == app)
        let vm = try #require(try await store.workload(WorkloadID("vm")))
        #expect(vm.launch == registration.launch)
        #expect(vm.configuration == #"{"as":"written"}"#)
    }

    @Test("Every guest policy survives, with its highest bits", arguments: TestedStore.allCases)
    func policies(_ kind: TestedStore) async throws {
        let place = try await StorePlace(kind)
        let (store, now) = (place.store, place.now)
        for policy in [GuestPolicy(rawValue: .max), GuestPolicy(rawValue: 1 << 63), .unstated] {
            let registration = try Registration(
                id: WorkloadID("p"), launch: .snp(measurement: Simulated.measurement("p"), policy: policy),
                configuration: "", secret: Secret([1] as [UInt8]))
            _ = try await store.register(
                registration, sealed: Sealed(bytes: [9], masterKey: "k"), replacing: true, at: now)
            #expect(try await store.workload(WorkloadID("p"))?.launch == registration.launch)
        }
    }

    @Test("Registering again gives a new row, and ends the sessions of the old one", arguments: TestedStore.allCases)
    func replacing(_ kind: TestedStore) async throws {
        let place = try await StorePlace(kind)
        let (store, now) = (place.store, place.now)
        _ = try await place.register("app")
        let session = try await place.session(1, of: "app")
        #expect(try await store.insert(session))
        #expect(try await place.register("app", replacing: false) == .exists)
        #expect(try await store.grant(session: session.id, at: now) != nil)
        #expect(try await place.register("app").isReplacement == true)
        #expect(try await store.grant(session: session.id, at: now) == nil)
        #expect(try await store.workload(row: #require(session.workload)) == nil)
        #expect(try await !store.insert(session), "a session of a row that is gone")
        _ = try await store.remove(WorkloadID("app"))
        _ = try await place.register("app")
        #expect(try await store.workload(WorkloadID("app"))?.row != session.workload, "a row is never used again")
    }

    @Test("A session id is taken once", arguments: TestedStore.allCases)
    func uniqueSession(_ kind: TestedStore) async throws {
        let place = try await StorePlace(kind)
        let store = place.store
        _ = try await place.register("app")
        let session = try await place.session(1, of: "app")
        #expect(try await store.insert(session))
        #expect(try await !store.insert(session))
    }

    @Test("A grant holds the session, its workload and its secret, until it expires", arguments: TestedStore.allCases)
    func grant(_ kind: TestedStore) async throws {
        let place = try await StorePlace(kind)
        let (store, now) = (place.store, place.now)
        _ = try await place.register("app")
        let session = try await place.session(1, of: "app", expires: 100)
        _ = try await store.insert(session)
        let grant = try #require(try await store.grant(session: session.id, at: now))
        #expect(grant.session == session)
        #expect(grant.secret.workload.id.text == "app")
        #expect(grant.secret.sealed == Sealed(bytes: Array("app".utf8), masterKey: "k"))
        #expect(try await store.grant(session: session.id, at: now.addingTimeInterval(100)) == nil)
        #expect(try await store.grant(session: Array(repeating: 2, count: 16), at: now) == nil)
    }

    @Test(
        "Many sessions are ended under one record, and are remembered until they are swept",
        arguments: TestedStore.allCases)
    func endMany(_ kind: TestedStore) async throws {
        let place = try await StorePlace(kind)
        let (store, now) = (place.store, place.now)
        _ = try await place.register("app")
        let first = try await place.session(255, of: "app", expires: 1_000)
        _ = try await store.insert(first)
        try await withThrowingTaskGroup { group in
            for number in 0..<1_199 {
                group.addTask {
                    var id = [UInt8](repeating: 0, count: 16)
                    (id[0], id[1]) = (UInt8(number / 250), UInt8(number % 250))
                    _ = try await store.insert(
                        StoredSession(
                            id: id, workload: first.workload, chip: "", opened: now,
                            expires: now.addingTimeInterval(1_000), code: [], masterKey: ""))
                }
            }
            try await group.waitForAll()
        }
        let later = now.addingTimeInterval(10)
        func end() async throws -> Int {
            try await store.endSessions(SessionSelection(workload: WorkloadID("app")), at: later) { count in
                AuditRecord(.endSession, by: .server, details: ["count": "\(count)"], at: later)
            }
        }
        #expect(try await end() == 1_200)
        #expect(try await end() == 0)
        let records = try await store.trail().filter { $0["action"] == "session.end" }
        #expect(records.map { $0["count"] } == ["1200"])
        #expect(try await store.countSessions(at: later) == 0)
        #expect(try await store.grant(session: first.id, at: later) == nil)
        #expect(try await !store.insert(first), "its challenge was answered")
        #expect(try await store.sweepSessions(before: later.addingTimeInterval(-1)) == 0)
        #expect(try await store.sweepSessions(before: later) == 1_200)
    }

    @Test("The sweep takes what has expired, all of it, and nothing else", arguments: TestedStore.allCases)
    func sweep(_ kind: TestedStore) async throws {
        let place = try await StorePlace(kind)
        let (store, now) = (place.store, place.now)
        _ = try await place.register("app")
        let live = try await place.session(255, of: "app", expires: 1_000)
        _ = try await store.insert(live)
        let row = live.workload
        try await withThrowingTaskGroup { group in
            for number in 0..<1_200 {
                group.addTask {
                    var id = [UInt8](repeating: 0, count: 16)
                    (id[0], id[1]) = (UInt8(number / 250), UInt8(number % 250))
                    _ = try await store.insert(
                        StoredSession(
                            id: id, workload: row, chip: "", opened: now,
                            expires: now.addingTimeInterval(Double(number % 10)), code: [], masterKey: ""))
                }
            }
            try await group.waitForAll()
        }
        #expect(try await store.sweepSessions(before: now.addingTimeInterval(500)) == 1_200)
        #expect(try await store.sweepSessions(before: now.addingTimeInterval(500)) == 0)
        #expect(try await store.grant(session: live.id, at: now) != nil)
    }

    @Test("Workloads are listed in order, page by page", arguments: TestedStore.allCases)
    func listing(_ kind: TestedStore) async throws {
        let place = try await StorePlace(kind)
        let store = place.store
        for id in ["b", "a", "d", "c"] { _ = try await place.register(id) }
        #expect(try await store.workloads(after: "", limit: 3).map(\.id.text) == ["a", "b", "c"])
        #expect(try await store.workloads(after: "c", limit: 3).map(\.id.text) == ["d"])
        #expect(try await store.remove(WorkloadID("a")))
        #expect(try await !store.remove(WorkloadID("a")))
    }

    @Test("A write that fails takes no other with it", arguments: TestedStore.allCases)
    func failingWrite(_ kind: TestedStore) async throws {
        let place = try await StorePlace(kind)
        let (store, now) = (place.store, place.now)
        try await kind.refuseBadWorkloads(store)
        let outcomes = await withTaskGroup(of: Bool.self) { group in
            for number in 0..<60 {
                let id = number % 3 == 0 ? "bad\(number)" : "good\(number)"
                group.addTask {
                    (try? await store.register(
                        Simulated.registration(id), sealed: Sealed(bytes: [1], masterKey: "k"), replacing: true, at: now
                    ))
                        != nil
                }
            }
            return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
        }
        #expect(outcomes == 40)
        #expect(try await store.workloads(after: "", limit: 500).count == 40)
    }

    @Test("Many writers at once lose nothing", arguments: TestedStore.allCases)
    func groupCommit(_ kind: TestedStore) async throws {
        let place = try await StorePlace(kind)
        let (store, now) = (place.store, place.now)
        try await withThrowingTaskGroup { group in
            for number in 0..<200 {
                group.addTask {
                    _ = try await store.register(
                        Simulated.registration("w\(number % 100)"), sealed: Sealed(bytes: [1], masterKey: "k"),
                        replacing: number < 100, at: now)
                }
            }
            try await group.waitForAll()
        }
        #expect(try await store.workloads(after: "", limit: 500).count == 100)
    }

    @Test("What was written is there when the file is opened again", arguments: TestedStore.allCases)
    func reopening(_ kind: TestedStore) async throws {
        let place = try await StorePlace(kind)
        _ = try await place.register("app")
        let again = try await place.reopen()
        #expect(try await again.workload(WorkloadID("app")) != nil)
    }

    @Test(
        "A chip's owner cannot fill the cache with its keys: the oldest go, and no other chip's",
        arguments: TestedStore.allCases)
    func manyKeys(_ kind: TestedStore) async throws {
        let place = try await StorePlace(kind)
        let store = place.store
        let (snp, vcek) = (try Simulated.snp, try Simulated.vcek.certificate)
        func name(_ chip: UInt8, _ microcode: UInt8) -> EndorsementName {
            AMDDocument.key(
                EndorsementIdentity(
                    kind: .vcek, product: .milan, hardwareID: Array(repeating: chip, count: 64),
                    tcb: TCBVersion(bootLoader: 1, tee: 0, snp: 1, microcode: microcode))
            ).name
        }
        let authority = AMDDocument.authority(.milan, .vcek).name
        try await store.keep([EndorsementDocument(vcek, named: name(1, 0))])
        try await store.keep([EndorsementDocument(snp.ask, above: [snp.ark], named: authority)])
        try await store.tamper("UPDATE endorsements SET added = added - 10")
        for microcode in 0..<80 as Range<UInt8> {
            try await store.keep([EndorsementDocument(vcek, named: name(2, microcode))])
            try await store.tamper("UPDATE endorsements SET added = added - 1")
        }
        var kept: [UInt8] = []
        for microcode in 0..<80 as Range<UInt8>
        where try await !store.endorsements(named: [name(2, microcode)]).isEmpty { kept.append(microcode) }
        #expect(kept == Array(16..<80))
        #expect(try await store.endorsements(named: [name(1, 0)]).flatMap(\.certificates) == [vcek])
        #expect(try await store.endorsements(named: [authority]).flatMap(\.certificates) == [snp.ask, snp.ark])
    }

    @Test(
        "Names whose last document ends in a span are found, and of one name not too many are kept",
        arguments: TestedStore.allCases)
    func ending(_ kind: TestedStore) async throws {
        let store = try await StorePlace(kind).store
        func document(_ name: String, _ number: UInt8, _ end: Double?) -> EndorsementDocument {
            EndorsementDocument(
                name: EndorsementName(name), kind: .statement, bytes: [number],
                goodUntil: end.map { Date(timeIntervalSince1970: $0) })
        }
        try await store.keep([
            document("soon", 1, 20), document("sooner", 2, 11), document("renewed", 3, 15), document("renewed", 4, 90),
            document("over", 5, 10), document("late", 6, 31), document("never", 7, nil),
        ])
        func names(_ limit: Int) async throws -> [String] {
            try await store.endingEndorsements(
                from: Date(timeIntervalSince1970: 10), to: Date(timeIntervalSince1970: 30), limit: limit
            ).map(\.text)
        }
        #expect(try await names(9) == ["sooner", "soon"])
        #expect(try await names(1) == ["sooner"])
        for number in 0..<40 as Range<UInt8> { try await store.keep([document("many", number, Double(100 - number))]) }
        let kept = try await store.endorsements(named: [EndorsementName("many")])
        // Those that end first have gone, but for the one that has just come.
        #expect(Set(kept.flatMap(\.bytes)) == Set(Array(0..<32) + [39]))
    }

    @Test(
        "Documents are kept once under each name, with all that they say, and survive a restart",
        arguments: TestedStore.allCases)
    func documents(_ kind: TestedStore) async throws {
        let place = try await StorePlace(kind)
        let store = place.store
        let snp = try Simulated.snp
        let (x, y, z) = (EndorsementName("x"), EndorsementName("y"), EndorsementName("z"))
        let entries = [
            EndorsementDocument(snp.ask, above: [snp.ark], named: x), EndorsementDocument(snp.ark, named: x),
            EndorsementDocument(name: y, kind: .certificate, bytes: [1, 2, 3]),
        ]
        try await store.keep(entries)
        try await store.keep(entries)
        let again = try await place.reopen()
        let found = try await again.endorsements(named: [x])
        #expect(Set(found) == Set(entries.prefix(2)))
        #expect(found.allSatisfy { $0.goodUntil == snp.ark.notAfter })
        #expect(try await again.endorsements(named: [y, z]) == [entries[2]])
        #expect(entries[2].certificates.isEmpty && entries[2].goodUntil == nil)
        // What somebody else wrote there is none.
        try await again.tamper("UPDATE endorsements SET kind = 'other' WHERE name = 'y'")
        #expect(try await again.endorsements(named: [y]).isEmpty)
    }
}
