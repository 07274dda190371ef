public import Broker
import Evidence
import FoundationEssentials
import SQLite

extension SQLiteStore: SessionStore {
    public func insert(
        _ session: StoredSession, initData: StoredInitData?, attempt: RecordedAttempt, recording record: AuditRecord
    ) async throws -> Bool {
        try await writes.perform { database in
            guard try database.first(KeyReads.isRetired(session.masterKey)) != true else { return false }
            if let workload = session.workload {
                guard try database.first(WorkloadReads.isEnabled(workload)) != nil else { return false }
            }
            try database.execute(Self.insertSession, session.columns)
            guard database.changesCount > 0 else { return false }
            if let initData { try database.execute(Self.keepInitData, initData.columns) }
            try database.insert(attempt)
            try database.append(record)
            return true
        }
    }

    private static let insertSession: SQLText = """
        INSERT INTO sessions (\(StoredSession.columnList)) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
        ON CONFLICT DO NOTHING
        """

    private static let keepInitData: SQLText = """
        INSERT INTO init_data (id, entries, expires) VALUES (?1, ?2, ?3)
        ON CONFLICT (id) DO UPDATE SET expires = max(init_data.expires, excluded.expires)
        """
}
