public import Broker
import Evidence
public import Foundation

/// Shorter calls for tests that do not care who did something, or what the trail says of it.
extension Store {
    @discardableResult
    public func register(
        _ registration: Registration, sealed: Sealed, replacing: Bool, at time: Date
    ) async throws -> RegistrationOutcome {
        try await register(registration, sealed: sealed, replacing: replacing, expecting: nil, at: time) { _ in
            AuditRecord(.registerWorkload, by: .server, workload: registration.id.text, at: time)
        }
    }

    public func remove(_ id: WorkloadID) async throws -> Bool {
        let record = AuditRecord(.removeWorkload, by: .server, workload: id.text, at: Date())
        return try await remove(id, expecting: nil, recording: record) == .done
    }

    public func workloads(after id: String, limit: Int) async throws -> [Workload] {
        try await workloads(after: id, search: "", limit: limit)
    }

    public func endSessions(
        _ selection: SessionSelection, at time: Date, recording record: @escaping @Sendable (Int) -> AuditRecord
    ) async throws -> Int {
        try await endSessions(selection, at: time, barring: Lifetimes().bar(at: time), recording: record)
    }

    public func activate(_ active: String, previous: [String], at time: Date) async throws {
        try await activate(active, previous: previous, at: time) { before in
            AuditRecord(.rotateKeys, by: .server, details: ["active": active, "before": before], at: time)
        }
    }

    public func retire(_ id: String, at time: Date) async throws -> Bool {
        let record = AuditRecord(.retireKeys, by: .server, details: ["retired": id], at: time)
        return try await retire(id, at: time, recording: record)
    }

    /// Every record of the trail, as fields.
    public func trail() async throws -> [[String: String]] {
        try await auditEntries(after: 0, limit: 100_000).map {
            try JSONDecoder().decode([String: String].self, from: Data($0.record.utf8))
        }
    }
}

extension Broker {
    public func register(_ registration: Registration, replacing: Bool = true) async throws {
        try await register(registration, replacing: replacing, by: .server)
    }

    public func remove(_ id: WorkloadID) async throws { try await remove(id, by: .server) }
}

extension SessionStore {
    /// With an attempt and a record.
    public func insert(_ session: StoredSession) async throws -> Bool {
        let attempt = RecordedAttempt(
            id: 0, time: session.opened, action: "guest.attest", workload: session.workload == nil ? "" : "app",
            tee: "snp", session: "s", chip: session.chip, code: nil, sentence: "", verdict: nil, verdictJSON: "")
        let record = AuditRecord(.attest, by: .guest, session: "s", at: session.opened)
        return try await insert(session, initData: nil, attempt: attempt, recording: record)
    }
}

extension StoredSession {
    /// One whose code nobody has made.
    public init(
        id: [UInt8], workload: Workload.Row?, chip: String = "", claims: String = "{}", initData: [UInt8] = [],
        key: String = "key", opened: Date, expires: Date, code: [UInt8], masterKey: String
    ) {
        self.init(
            id: id, workload: workload, tee: "snp", chip: chip, claims: claims, initData: initData, key: key,
            token: workload == nil ? "token" : "", opened: opened, expires: expires, code: code, masterKey: masterKey)
    }
}

extension RegistrationOutcome {
    /// `nil` when nothing was registered.
    public var isReplacement: Bool? { if case .done(_, let replaced) = self { replaced } else { nil } }
}

extension PolicyStore {
    /// Writes a set as it is, whatever was there.
    public func set(
        _ references: ReferenceValueSet, expecting expected: Revision.Expectation?, at time: Date,
        recording record: (_ replaced: Bool) -> AuditRecord
    ) async throws -> PolicySetOutcome {
        guard let change = ReferenceChange(from: nil, to: references, by: .server, at: time) else { return .changed }
        let setting = ReferenceSetting(references, expecting: expected, change, recording: record(false))
        guard let written = try await set([setting], at: time)?.first else { return .changed }
        return .done(written, replaced: false)
    }
}
