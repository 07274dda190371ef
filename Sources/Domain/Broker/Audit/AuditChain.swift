import Bytes
import Crypto
import Evidence
import Formats
import FoundationEssentials

/// A record of the trail with its sequence number and hash.
public struct AuditEntry: Sendable, Hashable {
    /// From 1, without gaps.
    public let sequence: Int64
    /// ``AuditRecord/canonical``.
    public let record: String
    /// SHA-256 over the previous entry's hash and this entry: see ``hash(after:sequence:record:)``.
    public let hash: [UInt8]

    public init(sequence: Int64, record: String, hash: [UInt8]) {
        self.sequence = sequence
        self.record = record
        self.hash = hash
    }

    /// Appends a record to the trail's head.
    ///
    /// - Throws: ``BrokenTrail`` when the head has a sequence number that no broker gives.
    public init(appending record: String, to previous: AuditHead) throws(BrokenTrail) {
        guard (0..<Int64.max).contains(previous.sequence) else {
            throw BrokenTrail(
                "The trail's last record has the number \(previous.sequence), which no key broker gives: it was "
                    + "inserted.")
        }
        sequence = previous.sequence + 1
        self.record = record
        hash = Self.hash(after: previous.hash, sequence: sequence, record: record)
    }

    /// SHA-256(label ‖ previous hash, 32 bytes ‖ sequence, 8 bytes big-endian ‖ record in UTF-8).
    static func hash(after previous: [UInt8], sequence: Int64, record: String) -> [UInt8] {
        let label = "swift-kbs audit 1\n"
        let bytes = Array(label.utf8) + previous + UInt64(bitPattern: sequence).bigEndianBytes + Array(record.utf8)
        return Array(SHA256.hash(data: bytes))
    }

    /// One line of an export: the record's exact text, so that its hash can be computed again.
    public var exportLine: String {
        "{\"hash\":\"\(Hex.encode(hash))\",\"record\":\(JSONString.quoted(record)),\"sequence\":\(sequence)}"
    }
}

/// The end of the trail: its last entry's sequence number and hash.
public struct AuditHead: Sendable, Hashable {
    public let sequence: Int64
    public let hash: [UInt8]

    public init(sequence: Int64, hash: [UInt8]) {
        self.sequence = sequence
        self.hash = hash
    }

    public init(_ entry: AuditEntry) { self.init(sequence: entry.sequence, hash: entry.hash) }

    /// The head of an empty trail.
    public static let start = AuditHead(sequence: 0, hash: Array(repeating: 0, count: 32))
}

/// How a trail differs from the one that was written.
public struct BrokenTrail: Error, Sendable, Hashable, CustomStringConvertible {
    public let description: String

    public init(_ description: String) { self.description = description }
}

/// Verifies a trail, from its first record or from one that was verified before.
///
/// The hashes alone show an edit, removal or insertion that left later hashes unchanged. Recomputed hashes and a
/// removed end are shown by checkpoints, which are signed.
public struct TrailVerifier: Sendable {
    public private(set) var head: AuditHead
    private var checkpoints: [Int64: [Checkpoint]]
    private var last: Checkpoint?
    /// The number of checkpoints that matched their entry.
    public private(set) var confirmed = 0

    /// - Parameters:
    ///   - head: the entry before the first to be verified.
    ///   - checkpoints: with signatures that the caller has verified.
    public init(after head: AuditHead = .start, checkpoints: [Checkpoint] = []) {
        self.head = head
        self.checkpoints = Dictionary(grouping: checkpoints, by: \.head.sequence)
        last = checkpoints.max { $0.head.sequence < $1.head.sequence }
    }

    /// Verifies the next entry.
    ///
    /// - Throws: ``BrokenTrail``.
    public mutating func read(_ entry: AuditEntry) throws(BrokenTrail) {
        let wanted = head.sequence + 1
        guard entry.sequence == wanted else {
            throw BrokenTrail(
                "Record \(entry.sequence) follows record \(head.sequence): the records between are missing, or record "
                    + "\(entry.sequence) was inserted.")
        }
        guard entry.hash == AuditEntry.hash(after: head.hash, sequence: wanted, record: entry.record) else {
            throw BrokenTrail(
                "Record \(wanted) is not what was written: it was edited, or one before it was inserted or removed. "
                    + "It says \(entry.record.prefix(300))")
        }
        head = AuditHead(entry)
        for checkpoint in checkpoints.removeValue(forKey: wanted) ?? [] {
            guard checkpoint.head.hash == head.hash else {
                throw BrokenTrail(
                    "The checkpoint of \(checkpoint.time.formatted(.iso8601)) has another hash of record \(wanted): "
                        + "the trail up to it was rewritten.")
            }
            confirmed += 1
        }
    }

    /// Verifies the trail's end, after the last entry.
    ///
    /// - Throws: ``BrokenTrail`` when a checkpoint is of a later record than the last.
    public func finish() throws(BrokenTrail) {
        if let last, last.head.sequence > head.sequence {
            throw BrokenTrail(
                "The trail ends at record \(head.sequence), and the checkpoint of \(last.time.formatted(.iso8601)) has "
                    + "\(last.head.sequence): the end was cut off, or the database is an older copy.")
        }
    }
}
