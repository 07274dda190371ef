import Evidence
public import FoundationEssentials

/// Which guests could be given anything here: for the claim on a guest's executables in attestation tokens, and to ask
/// no vendor for the certificate of a guest that could be given nothing.
///
/// Read at most every ten seconds: a measurement that was added just now may still count as not recognised. A resource
/// is released by its policy, which is read each time.
public struct ReleaseForecast: Sendable {
    /// Read only when a vendor would have to be asked.
    private struct Others: Sendable {
        /// Launch measurements of workloads whose id has the form of a resource's path, so that guests can ask for it
        /// as one.
        var registered: Set<[UInt8]> = []
        var policies: [PolicyInForce] = []
    }

    /// Launch measurements in reference values, with the periods in which they are valid.
    private let measurements: Remembered<[[UInt8]: [ValidityPeriod]]>
    private let others: Remembered<Others>
    private let now: @Sendable () -> Date

    public init(_ store: any Store & PolicyStore, now: @escaping @Sendable () -> Date) {
        self.now = now
        measurements = Remembered(now: now) { try await naming { try await Self.measurements(in: store) } }
        others = Remembered(now: now) { try await naming { try await Self.others(in: store) } }
    }

    /// Whether reference values hold a launch measurement, 48 bytes, that is valid now.
    public func knows(_ measurement: [UInt8]) async throws -> Bool {
        let time = now()
        return try await measurements.value()[measurement]?.contains { $0.contains(time) } ?? false
    }

    /// Whether a guest with these claims could be given anything, if its evidence were genuine. Rules over the agent's
    /// policy are left out: it may be long, and a stranger may have sent it.
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

    /// A row that differs from the manifest counts as absent: it neither recognises a guest nor stops the others.
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

    /// - Parameter use: receives each entry, and returns its name, after which the next page begins.
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

/// Turns a refusal of a stored row into an ``UnusableRow``: its sentence is about the database, and not for the guest.
private func naming<Value>(_ read: () async throws -> Value) async throws -> Value {
    do { return try await read() } catch let refusal as Refusal { throw UnusableRow(reason: refusal.sentence) }
}

/// A value that is read at most every ten seconds; concurrent callers share one read.
actor Remembered<Value: Sendable> {
    private let read: @Sendable () async throws -> Value
    private let now: @Sendable () -> Date
    private var known: (value: Value, since: Date)?
    /// The read under way.
    private var reading: Task<Value, any Error>?

    init(now: @escaping @Sendable () -> Date, reading read: @escaping @Sendable () async throws -> Value) {
        (self.now, self.read) = (now, read)
    }

    /// A failed read is not cached: the next caller reads again.
    func value() async throws -> Value {
        let time = now()
        if let known, (0..<10).contains(time.timeIntervalSince(known.since)) { return known.value }
        if let reading { return try await reading.value }
        // In its own task, which the first caller's cancellation does not end.
        let task = Task { [read] in try await read() }
        reading = task
        defer { reading = nil }
        let value = try await task.value
        known = (value, time)
        return value
    }
}

/// A stored row that cannot be used. For the log; the guest is told that the server is unavailable.
public struct UnusableRow: Error, CustomStringConvertible {
    let reason: String

    public var description: String {
        "A policy, a registration or reference values in the database cannot be used, set them again or remove them: "
            + reason
    }
}
