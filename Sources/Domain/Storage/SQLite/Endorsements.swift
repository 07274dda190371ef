public import Broker
public import Evidence
import FoundationEssentials

extension SQLiteStore: EndorsementStore {
    public func keep(_ documents: [EndorsementDocument]) async throws {
        let now = Date()
        try await changeUnchecked { change in
            for document in documents { try change.keep(document, at: now) }
        }
    }

    public func removeEndorsement(_ fingerprint: [UInt8], recording record: AuditRecord) async throws -> Bool {
        try await changeUnchecked { change in
            guard try change.removeEndorsement(fingerprint) else { return false }
            try change.append(record)
            return true
        }
    }
}
