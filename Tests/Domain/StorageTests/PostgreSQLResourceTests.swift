import Broker
import BrokerSupport
import Evidence
import EvidenceSupport
import Foundation
import Testing

@testable import Storage

/// What several servers on one database must be able to rely on when guests, resources and policies change.
@Suite("Guests, resources and policies of stores that share a PostgreSQL database")
struct PostgreSQLResourceTests {
    private let now = Date(timeIntervalSince1970: 1_760_000_000)
    private let chip = Endorser(chip: [UInt8](repeating: 0xC0, count: 64))

    /// Two stores on one database.
    private struct Pair: Sendable {
        let database: String
        let stores: [PostgreSQLStore]
        let path: ResourcePath
        let policy: PolicyName
        let values: PolicyName

        init() async throws {
            database = try await PostgreSQLCluster.shared.newStoreDatabase()
            stores = [try await .connected(to: database), try await .connected(to: database)]
            path = try ResourcePath("default/key/1")
            policy = try PolicyName("guests")
            values = try PolicyName("images")
        }
    }

    private func record(_ action: AuditRecord.Action, _ details: [String: String] = [:]) -> AuditRecord {
        AuditRecord(action, by: .server, details: details, at: now)
    }

    private func guest(_ id: Int) -> StoredSession {
        StoredSession(
            id: Array(repeating: 0, count: 14) + [UInt8(id / 256), UInt8(id % 256)], workload: nil, chip: "c0ffee",
            opened: now,
            expires: now.addingTimeInterval(100), code: [1], masterKey: "k")
    }

    private func put(
        _ number: Int, on store: PostgreSQLStore, at path: ResourcePath, policy: PolicyChoice? = nil,
        expecting expected: Resource.Expectation? = nil
    ) async throws -> ResourcePutOutcome {
        try await store.put(
            NewResourceVersion(
                path: path, number: number, sealed: Sealed(bytes: [UInt8(number)], masterKey: "k"), size: 1,
                policy: policy), expecting: expected, at: now
        ) { _ in record(.putResource) }
    }

    private func setValues(_ pair: Pair, on store: PostgreSQLStore, _ image: String) async throws {
        let set = try ReferenceValueSet(
            name: pair.values, kind: .measurement, values: [Simulated.measurement(image)], source: "", expires: nil)
        _ = try await store.set(set, expecting: nil, at: now) { _ in record(.setReferenceValues) }
    }

    private func setPolicy(
        _ pair: Pair, on store: PostgreSQLStore, expecting expected: Revision.Expectation? = nil
    ) async throws -> PolicySetOutcome {
        var policy = Policy(name: pair.policy)
        policy.measurements = [.set(pair.values)]
        return try await store.set(policy, document: "", expecting: expected, at: now) { _ in record(.setPolicy) }
    }

    /// Reference values, a policy that names them, a resource that has it, and a guest.
    private func fill(_ pair: Pair) async throws {
        try await setValues(pair, on: pair.stores[0], "guest")
        _ = try await setPolicy(pair, on: pair.stores[0])
        _ = try await put(1, on: pair.stores[0], at: pair.path, policy: .named(pair.policy))
        #expect(try await pair.stores[0].insert(guest(1)))
    }

    /// Decides anew each time, and says in the record what it decided on.
    private func release(_ pair: Pair, on store: PostgreSQLStore, to id: Int = 1) async throws -> ResourceReleaseOutcome
    {
        guard let resource = try await store.resource(pair.path), let name = resource.policy, !resource.isDisabled,
            let policy = try await store.policyInForce(name)
        else { return .changed }
        let state = store.denyListState
        guard !store.denies(chip) else { return .changed }
        return try await store.record(
            ResourceRelease(
                .resource(resource, policy: policy.stamp), to: .attested(guest(id).id), denyListState: state), at: now,
            recording: record(
                .releaseResource,
                [
                    "stamp": "\(resource.revision)", "policy": policy.stamp.policy.description,
                    "values": "\(policy.stamp.references)", "guest": "\(id)",
                ]))
    }

    /// Releases on both stores while something is changed on the second, each time after a release.
    private func race(_ pair: Pair, rounds: Int, _ change: @escaping @Sendable (Int) async throws -> Void) async throws
    {
        let releases = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        var released = releases.stream.makeAsyncIterator()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for store in pair.stores {
                for _ in 0..<2 {
                    group.addTask {
                        while !Task.isCancelled {
                            if try await release(pair, on: store) == .done { releases.continuation.yield() }
                        }
                    }
                }
            }
            for round in 0..<rounds {
                _ = await released.next()
                try await change(round)
            }
            group.cancelAll()
            try await group.waitForAll()
        }
    }

    /// That what the releases between two changes were decided on is the same, and never comes again.
    private func expectOrder(_ trail: [[String: String]], _ detail: String, after action: String) {
        var (seen, current): (Set<String>, String?) = ([], nil)
        var releases = 0
        for record in trail {
            if record["action"] == action { current = nil }
            guard record["action"] == "resource.release", let value = record[detail] else { continue }
            releases += 1
            if let current { #expect(value == current) } else { #expect(seen.insert(value).inserted) }
            current = value
        }
        #expect(releases > 0)
    }

    @Test("No release that was decided before a denial has a record after it, on either of two servers")
    func denied() async throws {
        let pair = try await Pair()
        try await fill(pair)
        try await race(pair, rounds: 30) { _ in
            try await pair.stores[1].deny(
                Denial(chip, reason: "leaked", actor: "server", time: now), recording: record(.denyEndorser))
            _ = try await pair.stores[1].allow(chip, recording: record(.allowEndorser))
        }
        var (isDenied, releases) = (false, 0)
        for record in try await pair.stores[0].trail() {
            switch record["action"] {
            case "endorsement.deny": isDenied = true
            case "endorsement.allow": isDenied = false
            case "resource.release":
                releases += 1
                #expect(!isDenied)
            default: break
            }
        }
        #expect(releases > 0)
    }

    @Test("Of two that keep the same guest at once, as when a challenge is answered twice, exactly one does")
    func sameGuest() async throws {
        let pair = try await Pair()
        for number in 0..<50 {
            let guest = guest(number)
            async let one = pair.stores[0].insert(guest)
            async let other = pair.stores[1].insert(guest)
            let outcomes = try await [one, other]
            #expect(outcomes[0] != outcomes[1])
        }
        #expect(try await pair.stores[0].countSessions(at: now) == 50)
        #expect(try await pair.stores[0].trail().count == 50)
    }

    @Test("Of two that put the same version at once one does, and the other is overtaken, also the first time")
    func sameVersion() async throws {
        let pair = try await Pair()
        for number in 1...30 {
            async let one = put(number, on: pair.stores[0], at: pair.path)
            async let other = put(number, on: pair.stores[1], at: pair.path)
            let outcomes = try await [one, other]
            #expect(outcomes.filter { $0 == .overtaken }.count == 1)
            #expect(try await pair.stores[0].sealedResource(pair.path)?.resource.latest == number)
        }
        #expect(try await pair.stores[1].versions(of: pair.path).count == Resource.oldVersions + 1)
    }

    @Test("Of two that take it for granted that there is no resource only one makes one")
    func sameNewResource() async throws {
        let pair = try await Pair()
        for number in 0..<20 {
            let path = try ResourcePath("default/new/\(number)")
            async let one = put(1, on: pair.stores[0], at: path, expecting: Resource.Expectation.none)
            async let other = put(1, on: pair.stores[1], at: path, expecting: Resource.Expectation.none)
            #expect(try await [one, other].filter { $0 == .changed }.count == 1)
        }
    }

    @Test("A name is a workload's or a resource's, whoever comes first")
    func sameName() async throws {
        let pair = try await Pair()
        let now = now
        for number in 0..<20 {
            let path = try ResourcePath("default/name/\(number)")
            let registration = try Simulated.registration(path.text)
            async let put = put(1, on: pair.stores[0], at: path)
            async let registered = pair.stores[1].register(
                registration, sealed: Sealed(bytes: [1], masterKey: "k"), replacing: true, at: now)
            let isWorkload = try await put == .isWorkload
            #expect(try await (registered == .isResource) != isWorkload)
        }
    }

    @Test("Of two that take it for granted that there is no policy only one makes one, and no revision comes twice")
    func samePolicy() async throws {
        let pair = try await Pair()
        try await setValues(pair, on: pair.stores[0], "guest")
        var revisions: [Revision] = []
        for _ in 0..<10 {
            async let one = setPolicy(pair, on: pair.stores[0], expecting: Revision.Expectation.none)
            async let other = setPolicy(pair, on: pair.stores[1], expecting: Revision.Expectation.none)
            let outcomes = try await [one, other]
            #expect(outcomes.filter { $0 == .changed }.count == 1)
            for case .done(let revision, _) in outcomes { revisions.append(revision) }
            #expect(
                try await pair.stores[0].removePolicy(pair.policy, expecting: nil, recording: record(.removePolicy))
                    == .done)
        }
        #expect(Set(revisions).count == 10)
    }

    @Test("A policy does not go while another server gives it to a resource, nor values that it gives to a policy")
    func inUse() async throws {
        let pair = try await Pair()
        for number in 0..<20 {
            let path = try ResourcePath("default/used/\(number)")
            try await setValues(pair, on: pair.stores[0], "guest")
            _ = try await setPolicy(pair, on: pair.stores[0])
            async let put = put(1, on: pair.stores[0], at: path, policy: .named(pair.policy))
            async let removed = pair.stores[1].removePolicy(
                pair.policy, expecting: nil, recording: record(.removePolicy))
            let isUnknown = try await put == .unknownPolicy
            #expect(try await removed == (isUnknown ? .done : .inUse))
            _ = try await pair.stores[0].removeResource(path, expecting: nil, recording: record(.removeResource))
            _ = try await pair.stores[0].removePolicy(pair.policy, expecting: nil, recording: record(.removePolicy))
            async let set = setPolicy(pair, on: pair.stores[0])
            async let removedValues = pair.stores[1].removeReferences(
                pair.values, expecting: nil, leaving: nil, recording: record(.removeReferenceValues))
            let isMissing = try await set == .unknownReferences([pair.values])
            #expect(try await removedValues == (isMissing ? .done : .inUse))
        }
    }

    @Test("No release comes after the end of its guest's session in the trail, whichever server ends it")
    func orderOfEnds() async throws {
        let pair = try await Pair()
        try await fill(pair)
        let now = now
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 2..<42 {
                #expect(try await pair.stores[0].insert(guest(number)))
                for store in pair.stores {
                    for _ in 0..<3 { group.addTask { _ = try await release(pair, on: store, to: number) } }
                }
                group.addTask {
                    let ended = try await pair.stores[number % 2].endSessions(
                        SessionSelection(id: guest(number).id), at: now
                    ) { _ in record(.endSession, ["guest": "\(number)"]) }
                    #expect(ended == 1)
                }
            }
            try await group.waitForAll()
        }
        var ended: Set<String> = []
        for record in try await pair.stores[0].trail() {
            let guest = record["guest"] ?? ""
            if record["action"] == "session.end" { ended.insert(guest) }
            if record["action"] == "resource.release" { #expect(!ended.contains(guest)) }
        }
        #expect(ended.count == 40)
        #expect(try await release(pair, on: pair.stores[0], to: 2) == .ended)
    }

    @Test("A release is in the trail before the change of what it was decided on: of the resource")
    func orderOfResource() async throws {
        let pair = try await Pair()
        try await fill(pair)
        let now = now
        try await race(pair, rounds: 10) { _ in
            for isDisabled in [true, false] {
                let outcome = try await pair.stores[1].changeResource(
                    pair.path, .disabled(isDisabled), expecting: nil, at: now
                ) { _ in record(.disableResource) }
                #expect(outcome == .done)
            }
        }
        expectOrder(try await pair.stores[0].trail(), "stamp", after: "resource.disable")
    }

    @Test("Of its removal")
    func orderOfRemoval() async throws {
        let pair = try await Pair()
        try await fill(pair)
        try await race(pair, rounds: 10) { _ in
            let outcome = try await pair.stores[1].removeResource(
                pair.path, expecting: nil, recording: record(.removeResource))
            #expect(outcome == .done)
            _ = try await put(1, on: pair.stores[1], at: pair.path, policy: .named(pair.policy))
        }
        let trail = try await pair.stores[0].trail()
        expectOrder(trail, "stamp", after: "resource.put")
        var isThere = false
        for record in trail {
            switch record["action"] {
            case "resource.put": isThere = true
            case "resource.remove": isThere = false
            case "resource.release": #expect(isThere)
            default: break
            }
        }
    }

    @Test("Of its policy")
    func orderOfPolicy() async throws {
        let pair = try await Pair()
        try await fill(pair)
        try await race(pair, rounds: 10) { _ in _ = try await setPolicy(pair, on: pair.stores[1]) }
        expectOrder(try await pair.stores[0].trail(), "policy", after: "policy.set")
    }

    @Test("Of reference values that the policy names")
    func orderOfValues() async throws {
        let pair = try await Pair()
        try await fill(pair)
        try await race(pair, rounds: 10) { round in try await setValues(pair, on: pair.stores[1], "guest\(round)") }
        expectOrder(try await pair.stores[0].trail(), "values", after: "reference.set")
    }

    @Test(
        "An operator's change gets through while there is always a server that has the row for its guests",
        arguments: ["workloads", "resources", "policies", "reference_values"])
    func neverFree(_ table: String) async throws {
        let pair = try await Pair()
        try await fill(pair)
        let id = try WorkloadID("app")
        try await pair.stores[0].register(
            Simulated.registration(id.text), sealed: Sealed(bytes: [1], masterKey: "k"), replacing: false, at: now)
        let others = [
            try await PostgreSQLStore.connected(to: pair.database), try await .connected(to: pair.database),
        ]
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (number, store) in others.enumerated() {
                group.addTask {
                    try await Task.sleep(for: .milliseconds(250 * number))
                    while !Task.isCancelled {
                        try await store.tamper(
                            "WITH held AS MATERIALIZED (SELECT 1 FROM \(table) FOR SHARE) SELECT pg_sleep(0.5) FROM held"
                        )
                    }
                }
            }
            try await Task.sleep(for: .milliseconds(600))
            switch table {
            case "workloads":
                let outcome = try await pair.stores[0].setDisabled(
                    true, id, expecting: nil, recording: record(.disableWorkload))
                #expect(outcome == .done)
            case "resources":
                let outcome = try await pair.stores[0].changeResource(
                    pair.path, .disabled(true), expecting: nil, at: now, recording: { _ in record(.disableResource) })
                #expect(outcome == .done)
            case "policies": _ = try await setPolicy(pair, on: pair.stores[0])
            default: try await setValues(pair, on: pair.stores[0], "other")
            }
            group.cancelAll()
            try await group.waitForAll()
        }
    }
}
