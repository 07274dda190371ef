import Evidence
public import FoundationEssentials

/// What guests could be given here: for what a token says of a guest's executables, and before a vendor is asked for the
/// certificate of a guest that could be given nothing anyway.
///
/// Read at most every few seconds: what is a little behind says "not recognised" of a measurement that was added just now.
/// Whether a guest gets a resource is decided by the resource's policy, which is never behind.
public struct Prospects: Sendable {
    /// What is read only when a vendor would have to be asked.
    private struct Others: Sendable {
        /// Launch measurements of workloads whose id a guest can ask for like a resource's path.
        var registered: Set<[UInt8]> = []
        var policies: [PolicyInForce] = []
    }

    /// Launch measurements that reference values have, with when they count.
    private let measurements: Remembered<[[UInt8]: [ValidityPeriod]]>
    private let others: Remembered<Others>
    private let now: @Sendable () -> Date

    public init(_ store: any Store & PolicyStore, now: @escaping @Sendable () -> Date) {
        self.now = now
        measurements = Remembered(now: now) { try await naming { try await Self.measurements(in: store) } }
        others = Remembered(now: now) { try await naming { try await Self.others(in: store) } }
    }

    /// Whether reference values have a launch measurement, 48 bytes.
    public func knows(_ measurement: [UInt8]) async throws -> Bool {
        let time = now()
        return try await measurements.value()[measurement]?.contains { $0.contains(time) } ?? false
    }

    /// Whether a guest of these claims could be given anything, if its evidence were genuine. What policies ask of its
    /// agent's policy is not looked at: that is long, and a stranger's.
    func letsIn(_ claims: GuestClaims, under server: AppraisalPolicy) async throws -> Bool {
        if let measurement = claims.measurement, try await knows(measurement) { return true }
        let others = try await others.value()
        if let measurement = claims.measurement, others.registered.contains(measurement) { return true }
        let time = now()
        return others.policies.contains {
            $0.policy.withoutAgentPolicy.evaluate(claims, references: $0.references, under: server, at: time).isAccepted
        }
    }

    private static func measurements(in store: any PolicyStore) async throws -> [[UInt8]: [ValidityPeriod]] {
        var names: [PolicyName] = []
        try await eachPage({ try await store.references(after: $0, limit: 100) }) { stored in
            names.append(stored.set.name)
            return stored.set.name.text
        }
        var found: [[UInt8]: [ValidityPeriod]] = [:]
        for name in names {
            guard let set = try await genuine({ try await store.references(name) })?.set else { continue }
            guard set.kind == .measurement else { continue }
            for value in set.values { found[value.bytes, default: []].append(value.period) }
        }
        return found
    }

    /// A token of this server's says what is known here: a row that somebody else has written is not, and stops nobody.
    private static func genuine<Value>(_ read: () async throws -> Value?) async throws -> Value? {
        do { return try await read() } catch is ManifestViolation { return nil }
    }

    private static func others(in store: any Store & PolicyStore) async throws -> Others {
        var others = Others()
        var names: [PolicyName] = []
        try await eachPage({ try await store.policies(after: $0, limit: 100) }) { stored in
            names.append(stored.policy.name)
            return stored.policy.name.text
        }
        for name in names {
            if let policy = try await genuine({ try await store.policyInForce(name) }) {
                others.policies.append(policy)
            }
        }
        try await eachPage({ try await store.workloads(after: $0, search: "/", limit: 100) }) { workload in
            if case .snp(let measurement, _) = workload.launch, !workload.isDisabled {
                others.registered.insert(measurement)
            }
            return workload.id.text
        }
        return others
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

/// A row that cannot be used is refused for what it says, which is nothing that the guest sent, or is to know.
private func naming<Value>(_ read: () async throws -> Value) async throws -> Value {
    do { return try await read() } catch let refusal as Refusal { throw UnusableRow(reason: refusal.sentence) }
}

/// A value that is read at most every ten seconds, once for all who ask for it meanwhile.
actor Remembered<Value: Sendable> {
    private let read: @Sendable () async throws -> Value
    private let now: @Sendable () -> Date
    private var known: (value: Value, since: Date)?
    /// One that is under way, for all who wait for it.
    private var reading: Task<Value, any Error>?

    init(now: @escaping @Sendable () -> Date, reading read: @escaping @Sendable () async throws -> Value) {
        (self.now, self.read) = (now, read)
    }

    /// What could not be read is read again by whoever asks next.
    func value() async throws -> Value {
        let time = now()
        if let known, (0..<10).contains(time.timeIntervalSince(known.since)) { return known.value }
        if let reading { return try await reading.value }
        // A task of its own: the guest that asked first may hang up.
        let task = Task { [read] in try await read() }
        reading = task
        defer { reading = nil }
        let value = try await task.value
        known = (value, time)
        return value
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
