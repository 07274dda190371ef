public import Broker
import Bytes
public import Evidence
public import FoundationEssentials

extension ReadingStore {
    public func endorsements(named names: [EndorsementName]) async throws -> [EndorsementDocument] {
        var found: [EndorsementDocument] = []
        for name in names { found += try await rows(EndorsementReads.named(name)).compactMap { $0?.document } }
        return found
    }

    public func endorsements(after fingerprint: [UInt8], limit: Int) async throws -> [StoredEndorsement] {
        try await rows(EndorsementReads.after(fingerprint, limit)).compactMap(\.self)
    }

    public func endingEndorsements(from start: Date, to end: Date, limit: Int) async throws -> [EndorsementName] {
        try await rows(EndorsementReads.ending(start, end, limit))
    }

    public func endorsement(_ fingerprint: [UInt8]) async throws -> StoredEndorsement? {
        try await rows(EndorsementReads.one(fingerprint)).compactMap(\.self).first
    }
}

private enum EndorsementReads {
    private static let select = "SELECT name, kind, bytes, issuers, good_until, added FROM endorsements"

    /// - Returns: `nil` for a damaged row, which counts as missing.
    private static func element(_ row: any StoredRow) throws -> StoredEndorsement? {
        guard let kind = EndorsementDocument.Kind(exactly: try row.text(1)) else { return nil }
        return StoredEndorsement(
            EndorsementDocument(
                name: EndorsementName(try row.text(0)), kind: kind, bytes: try row.bytes(2),
                issuers: Certificates.read(try row.bytes(3)), goodUntil: try row.optionalDate(4)),
            added: try row.date(5))
    }

    static func named(_ name: EndorsementName) -> Read<StoredEndorsement?> {
        Read(named, [.text(name.text)], .lookup, element)
    }

    private static let named: SQLText = "\(select) WHERE name = ?1 ORDER BY added DESC, fingerprint"

    static func after(_ fingerprint: [UInt8], _ limit: Int) -> Read<StoredEndorsement?> {
        Read(
            "\(select) WHERE fingerprint > ?1 ORDER BY fingerprint, name LIMIT ?2",
            [.bytes(fingerprint), .integer(limit)], .scan, element)
    }

    static func ending(_ start: Date, _ end: Date, _ limit: Int) -> Read<EndorsementName> {
        Read(ending, [.time(start), .time(end), .integer(limit)], .scan) { EndorsementName(try $0.text(0)) }
    }

    private static let ending: SQLText = """
        SELECT name FROM endorsements GROUP BY name HAVING MAX(good_until) > ?1 AND MAX(good_until) <= ?2
        ORDER BY MAX(good_until), name LIMIT ?3
        """

    static func one(_ fingerprint: [UInt8]) -> Read<StoredEndorsement?> {
        Read("\(select) WHERE fingerprint = ?1 ORDER BY name", [.bytes(fingerprint)], .lookup, element)
    }
}

/// Several certificates in one column, each preceded by its length: four bytes, big-endian.
private enum Certificates {
    static func bytes(_ certificates: [[UInt8]]) -> [UInt8] {
        certificates.flatMap(\.lengthPrefixed)
    }

    /// - Returns: empty for a damaged column.
    static func read(_ bytes: [UInt8]) -> [[UInt8]] {
        var cursor = ByteCursor(bytes, subject: "issuers")
        var found: [[UInt8]] = []
        do {
            while cursor.remaining > 0 {
                let length = try cursor.take(4).reduce(0) { $0 << 8 | Int($1) }
                found.append(try cursor.take(length))
            }
        } catch { return [] }
        return found
    }
}

/// Documents under one name: renewed again and again, or keys of several clouds. Those that end first go: a clock that
/// is wrong takes nothing away.
private let mostOfName = 32

extension WritingStore {
    public func keep(_ documents: [EndorsementDocument]) async throws {
        let now = Date()
        try await change { change in for document in documents { try change.keep(document, at: now) } }
    }

    public func removeEndorsement(_ fingerprint: [UInt8], recording record: AuditRecord) async throws -> Bool {
        try await change { change in
            guard try change.execute("DELETE FROM endorsements WHERE fingerprint = ?1", [.bytes(fingerprint)]) > 0
            else { return false }
            try change.append(record)
            return true
        }
    }
}

extension ManifestedTransaction {
    /// Stores a document. Over ``mostOfName`` of one name, and over ``KeysOfChip/most`` of one chip, the oldest are
    /// removed.
    fileprivate func keep(_ document: EndorsementDocument, at time: Date) throws {
        let name = document.name.text
        try execute(
            """
            INSERT INTO endorsements (name, fingerprint, kind, bytes, issuers, good_until, added)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (name, fingerprint) DO UPDATE SET kind = excluded.kind,
                bytes = excluded.bytes, issuers = excluded.issuers, good_until = excluded.good_until
            WHERE endorsements.bytes <> excluded.bytes OR endorsements.issuers <> excluded.issuers
                AND (endorsements.good_until IS NULL OR excluded.good_until >= endorsements.good_until)
            """,
            [
                .text(name), .bytes(document.fingerprint), .text(document.kind.rawValue), .bytes(document.bytes),
                .bytes(Certificates.bytes(document.issuers)), .integer(document.goodUntil?.seconds), .time(time),
            ])
        try execute(
            """
            DELETE FROM endorsements WHERE name = ?1 AND fingerprint <> ?2 AND fingerprint IN
                (SELECT fingerprint FROM endorsements WHERE name = ?1
                ORDER BY good_until IS NULL DESC, good_until DESC, added DESC LIMIT 1000000 OFFSET ?3)
            """, [.text(name), .bytes(document.fingerprint), .integer(mostOfName)])
        guard let (from, to) = KeysOfChip.names(beside: name) else { return }
        try execute(
            """
            DELETE FROM endorsements WHERE (name, fingerprint) IN
                (SELECT name, fingerprint FROM endorsements WHERE name >= ?1 AND name < ?2
                ORDER BY added DESC, name = ?3 DESC LIMIT 1000000 OFFSET ?4)
            """, [.text(from), .text(to), .text(name), .integer(KeysOfChip.most)])
    }
}
