import Evidence
public import FoundationEssentials

/// What guests could be given here: for what a token says of a guest's executables, and before a vendor is asked for the
/// certificate of a guest that could be given nothing anyway.
///
/// Read at most every few seconds: what is a little behind says "not recognised" of a measurement that was added just now.
/// Whether a guest gets a resource is decided by the resource's policy, which is never behind.
public actor Prospects {
    /// What reference values, policies and registrations say at one time.
    struct Snapshot: Sendable {
        /// Launch measurements that reference values have.
        var measurements: Set<[UInt8]> = []
        /// Those of workloads whose id a guest can ask for like a resource's path.
        var registered: Set<[UInt8]> = []
        var policies: [PolicyInForce] = []
    }

    private static let lifetime: TimeInterval = 10
    private let all: @Sendable (_ time: Date) async throws -> Snapshot
    private let now: @Sendable () -> Date
    private var known = Snapshot()
    private var read: Date?
    /// One that is under way, for all who wait for it.
    private var reading: Task<Snapshot, any Error>?

    public init(_ store: any Store & PolicyStore, now: @escaping @Sendable () -> Date) {
        self.init(now: now) { try await Self.all(in: store, at: $0) }
    }

    init(now: @escaping @Sendable () -> Date, reading all: @escaping @Sendable (Date) async throws -> Snapshot) {
        self.now = now
        self.all = all
    }

    /// Whether reference values have a launch measurement, 48 bytes.
    public func knows(_ measurement: [UInt8]) async throws -> Bool {
        try await current().measurements.contains(measurement)
    }

    /// Whether a guest of these claims could be given anything, if its evidence were genuine.
    func letsIn(_ claims: GuestClaims, under server: AppraisalPolicy) async throws -> Bool {
        let current = try await current()
        if let measurement = claims.snp?.measurement,
            current.measurements.contains(measurement) || current.registered.contains(measurement)
        {
            return true
        }
        let time = now()
        return current.policies.contains {
            $0.policy.evaluate(claims, references: $0.references, under: server, at: time).isAccepted
        }
    }

    private func current() async throws -> Snapshot {
        let time = now()
        if read.map({ time.timeIntervalSince($0) >= Self.lifetime }) ?? true { try await readAgain(at: time) }
        return known
    }

    /// What could not be read is read again by whoever asks next.
    private func readAgain(at time: Date) async throws {
        if let reading {
            known = try await reading.value
            return
        }
        // A task of its own: the guest that asked first may hang up.
        let task = Task { [all] in try await all(time) }
        reading = task
        defer { reading = nil }
        known = try await task.value
        read = time
    }

    private static func all(in store: any Store & PolicyStore, at time: Date) async throws -> Snapshot {
        var snapshot = Snapshot()
        do {
            try await eachPage({ try await store.references(after: $0, limit: 100) }) { stored in
                if stored.set.kind == .measurement, stored.set.expires.map({ time < $0 }) ?? true {
                    snapshot.measurements.formUnion(stored.set.values)
                }
                return stored.set.name.text
            }
            var names: [PolicyName] = []
            try await eachPage({ try await store.policies(after: $0, limit: 100) }) { stored in
                names.append(stored.policy.name)
                return stored.policy.name.text
            }
            for name in names {
                if let policy = try await store.policyInForce(name) { snapshot.policies.append(policy) }
            }
            try await eachPage({ try await store.workloads(after: $0, search: "/", limit: 100) }) { workload in
                if case .snp(let measurement, _) = workload.launch, !workload.isDisabled {
                    snapshot.registered.insert(measurement)
                }
                return workload.id.text
            }
        } catch let refusal as Refusal {
            // A row that cannot be used is refused for what it says, which is nothing that the guest sent, or is to know.
            throw UnusableRow(reason: refusal.sentence)
        }
        return snapshot
    }

    /// - Parameter use: is given each, and names it for what comes after.
    private static func eachPage<Entry>(
        _ page: (_ after: String) async throws -> [Entry], _ use: (Entry) -> String
    ) async throws {
        var (after, count) = ("", 100)
        while count == 100 {
            let entries = try await page(after)
            for entry in entries { after = use(entry) }
            count = entries.count
        }
    }
}

/// For the log: a guest is told that the server cannot do it now.
public struct UnusableRow: Error, CustomStringConvertible {
    let reason: String

    public var description: String {
        "A policy, a registration or reference values in the database cannot be used, set them again or remove them: "
            + reason
    }
}
