import Bytes
import Concurrency
import FoundationEssentials

/// Sessions that were opened here lately: most guests ask for their secret at once, and to check a row's code and read the
/// session from it takes longer than to see that the row is still the one that was written.
final class RecentSessions: Sendable {
    private let rows = BoundedCache<[UInt8], (stored: StoredSession, session: Session)>(capacity: 64)
    /// Of a guest's init data, in bytes: they can make one as large as a thousand others.
    private let longest = 131_072

    func remember(_ session: Session, as stored: StoredSession, initDataBytes: Int) {
        if initDataBytes <= longest { rows[stored.id] = (stored, session) }
    }

    /// - Parameter stored: its row, of which nothing was checked.
    func session(_ stored: StoredSession) -> Session? {
        rows[stored.id].flatMap { $0.stored == stored ? $0.session : nil }
    }
}

/// Init data that guests sent lately: many guests have the same.
final class RecentInitData: Sendable {
    /// By their digest: themselves, and how long the database keeps them.
    private let known = BoundedCache<[UInt8], (entries: String, kept: Date)>(capacity: 16)
    private let longest = 262_144

    func remember(_ initData: StoredInitData) {
        if initData.entries.utf8.count <= longest { known[initData.digest] = (initData.entries, initData.expires) }
    }

    func entries(_ digest: [UInt8]) -> String? { known[digest]?.entries }

    func isKept(_ digest: [UInt8], until time: Date) -> Bool { known[digest].map { $0.kept >= time } ?? false }
}
