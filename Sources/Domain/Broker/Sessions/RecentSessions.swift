import Bytes
import Concurrency
import FoundationEssentials

/// A cache of sessions that this server opened lately: most guests ask for their secret at once, and comparing a row
/// with the one that was written is faster than verifying its code and decoding it.
final class RecentSessions: Sendable {
    private let rows = BoundedCache<[UInt8], (stored: StoredSession, session: Session)>(capacity: 64)
    /// The largest cached init data, in bytes: one guest's can be as large as a thousand others' together.
    private let longest = 131_072

    func remember(_ session: Session, as stored: StoredSession, initDataBytes: Int) {
        if initDataBytes <= longest { rows[stored.id] = (stored, session) }
    }

    /// - Parameter stored: the row, unverified.
    func session(_ stored: StoredSession) -> Session? {
        rows[stored.id].flatMap { $0.stored == stored ? $0.session : nil }
    }
}

/// A cache of init data that guests sent lately: many guests have the same.
final class RecentInitData: Sendable {
    /// By digest: the entries, and the time until which the database keeps them.
    private let known = BoundedCache<[UInt8], (entries: String, kept: Date)>(capacity: 16)
    private let longest = 262_144

    func remember(_ initData: StoredInitData) {
        if initData.entries.utf8.count <= longest { known[initData.digest] = (initData.entries, initData.expires) }
    }

    func entries(_ digest: [UInt8]) -> String? { known[digest]?.entries }

    func isKept(_ digest: [UInt8], until time: Date) -> Bool { known[digest].map { $0.kept >= time } ?? false }
}
