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

    public func insert(_ session: Session) async throws -> Bool {
        let attempt = RecordedAttempt(
            id: 0, time: session.opened, action: "guest.attest", workload: "app", tee: "snp", session: "s",
            chip: session.chip, code: nil,
            sentence: "", verdict: nil, verdictJSON: "")
        let record = AuditRecord(.attest, by: .guest, session: "s", at: session.opened)
        return try await insert(session, attempt: attempt, recording: record)
    }

    public func workloads(after id: String, limit: Int) async throws -> [Workload] {
        try await workloads(after: id, search: "", limit: limit)
    }

    public func endSessions(
        _ selection: SessionSelection, at time: Date, recording record: @escaping @Sendable (Int) -> AuditRecord
    ) async throws -> Int {
        try await endSessions(selection, at: time, barring: Lifetimes().bar(at: time), recording: record)
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

    public func attest(_ answer: Answer, session candidates: [String]) async throws {
        try await attest(answer, to: try awaited(session: candidates))
    }

    public func attestGuest(
        _ answer: GuestAnswer, session candidates: [String], token: (AttestedGuest) async throws -> String
    ) async throws -> AttestedGuest {
        try await attestGuest(answer, to: try awaited(answer.nonce, session: candidates), token: token)
    }
}

extension RegistrationOutcome {
    /// `nil` when nothing was registered.
    public var isReplacement: Bool? { if case .done(_, let replaced) = self { replaced } else { nil } }
}
