public import Foundation

/// What must outlive the process. Acknowledged means durable.
public protocol Store: KeyStore {
    /// Writes a workload's measurement, configuration and sealed secret in one transaction. What was
    /// there under its id goes, with its sessions.
    ///
    /// - Parameter replacing: whether there may be one.
    /// - Returns: whether it was new, replaced one, was left alone because there is one, or because
    ///   the master key that it is sealed under has been retired.
    func register(_ registration: Registration, sealed: Sealed, replacing: Bool, at time: Date) async throws
        -> RegistrationOutcome

    /// - Returns: whether there was one.
    func remove(_ id: WorkloadID) async throws -> Bool

    func workload(_ id: WorkloadID) async throws -> Workload?

    func workload(row: Workload.Row) async throws -> Workload?

    /// Workloads in the order of their ids, from the first one after `id`.
    func workloads(after id: String, limit: Int) async throws -> [Workload]

    /// - Returns: `false` when there is a session with the same id, the workload is gone, or the session's
    ///   master key has been retired.
    func insert(_ session: Session) async throws -> Bool

    /// A session that has not expired, with its workload and the sealed secret.
    func grant(session id: [UInt8], at time: Date) async throws -> Grant?

    /// Removes sessions that expired before `time`.
    ///
    /// - Returns: how many there were.
    func sweepSessions(before time: Date) async throws -> Int
}

public enum RegistrationOutcome: Sendable, Hashable { case added, replaced, exists, keyRetired }

/// What a session may have.
public struct Grant: Sendable {
    public let session: Session
    public let workload: Workload
    public let sealedSecret: Sealed

    public init(session: Session, workload: Workload, sealedSecret: Sealed) {
        self.session = session
        self.workload = workload
        self.sealedSecret = sealedSecret
    }
}
