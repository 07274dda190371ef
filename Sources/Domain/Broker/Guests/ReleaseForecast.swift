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
        var policies: [Candidate] = []
        /// Whether there is a genuine policy that this version cannot use. Another server may release by it.
        var hasUnusablePolicy = false
    }

    /// A policy without its rules over the agent's policy: that may be long, and a stranger may have sent it.
    private struct Candidate: Sendable {
        let policy: Policy
        let references: ReferenceValues
        let index: DigestIndex

        init(_ inForce: PolicyInForce) {
            (policy, references) = (inForce.policy.withoutAgentPolicy, inForce.references)
            index = DigestIndex(policy, references)
        }
    }

    /// Launch measurements in reference values, with the periods in which they are valid.
    private let measurements: Remembered<[[UInt8]: [ValidityPeriod]]>
    private let others: Remembered<Others>
    private let now: @Sendable () -> Date

    /// - Parameter report: receives the reason why a row is left out.
    public init(
        _ store: any Store & PolicyStore, now: @escaping @Sendable () -> Date,
        reportingTo report: @escaping @Sendable (String) -> Void = { _ in }
    ) {
        self.now = now
        measurements = Remembered(now: now) { try await Self.measurements(in: store, report) }
        others = Remembered(now: now) { try await Self.others(in: store, report) }
    }

    /// Whether reference values hold a launch measurement, 48 bytes, that is valid now.
    public func knows(_ measurement: [UInt8]) async throws -> Bool {
        let time = now()
        return try await measurements.value()[measurement]?.contains { $0.contains(time) } ?? false
    }

    /// Whether a guest with these claims could be given anything, if its evidence were genuine.
    func letsIn(_ claims: GuestClaims, under server: AppraisalPolicy) async throws -> Bool {
        if let measurement = claims.measurement, try await knows(measurement) { return true }
        let others = try await others.value()
        if others.hasUnusablePolicy { return true }
        if let measurement = claims.measurement, others.registered.contains(measurement) { return true }
        let time = now()
        return others.policies.contains {
            $0.index.has(claims.evidence)
                && $0.policy.evaluate(claims, references: $0.references, under: server, at: time).isAccepted
        }
    }

    private static func measurements(
        in store: any PolicyStore, _ report: (String) -> Void
    ) async throws -> [[UInt8]: [ValidityPeriod]] {
        let names = try await allPages(by: \.self) {
            try await store.referenceNames(of: .measurement, after: $0, limit: $1)
        }
        var found: [[UInt8]: [ValidityPeriod]] = [:]
        for name in names {
            let read = try await usable(name, report) { try await store.referencesInForce($0) }
            guard case .row(let set) = read, set.kind == .measurement else { continue }
            for value in set.values { found[value.bytes, default: []].append(value.period) }
        }
        return found
    }

    private static func others(
        in store: any Store & PolicyStore, _ report: (String) -> Void
    ) async throws -> Others {
        var others = Others()
        for name in try await allPages(by: \.self, { try await store.policyNames(after: $0, limit: $1) }) {
            switch try await usable(name, report, { try await store.policyInForce($0) }) {
            case .row(let policy): others.policies.append(Candidate(policy))
            case .unusable: others.hasUnusablePolicy = true
            case .absent: break
            }
        }
        let registered = try await allPages(by: \.id) {
            try await store.measurements(after: $0, search: "/", limit: $1)
        }
        others.registered = Set(registered.map(\.measurement))
        return others
    }

    private enum Read<Row> {
        case row(Row)
        case absent
        /// Genuine, but of no use to this version.
        case unusable
    }

    /// Reads a row. One that differs from the manifest counts as absent: it neither recognises a guest nor stops the
    /// others. Nor does one that this version cannot use, which a later one may have written.
    private static func usable<Row>(
        _ name: String, _ report: (String) -> Void, _ read: (PolicyName) async throws -> Row?
    ) async throws -> Read<Row> {
        do {
            let name = try UnusableRow.naming(name) { try PolicyName(name) }
            return try await read(name).map { .row($0) } ?? .absent
        } catch let violation as ManifestViolation {
            report(violation.description)
            return .absent
        } catch let unusable as UnusableRow {
            report(unusable.description)
            return .unusable
        }
    }
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

/// A row that agrees with the manifest and that this version cannot use. For the log; the guest is told that the server
/// is unavailable.
public struct UnusableRow: Error, CustomStringConvertible {
    let reason: String

    public var description: String {
        "A policy or reference values in the database cannot be used: update this server if a later version wrote them; "
            + "otherwise set them again or remove them: \(reason)"
    }

    /// Reads a row's contents.
    ///
    /// - Parameter row: names the row.
    public static func naming<Value>(_ row: String, _ read: () throws -> Value) throws(UnusableRow) -> Value {
        do { return try read() } catch {
            throw UnusableRow(reason: "\(row): \((error as? Refusal)?.sentence ?? "\(error)")")
        }
    }
}
