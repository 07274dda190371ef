import Bytes
import Concurrency
import FoundationEssentials

/// Guests that were attested here lately: most ask for their resource at once, and to check a row's code and read the guest
/// from it takes longer than to see that the row is still the one that was written.
final class RecentGuests: Sendable {
    private let rows = BoundedCache<[UInt8], (stored: StoredGuest, guest: AttestedGuest)>(capacity: 64)
    /// Of a guest's init data, in bytes: they can make one as large as a thousand others.
    private let longest = 131_072

    func remember(_ guest: AttestedGuest, as stored: StoredGuest, initDataBytes: Int) {
        if initDataBytes <= longest { rows[stored.id] = (stored, guest) }
    }

    /// - Parameter stored: its row, of which nothing was checked.
    func guest(_ stored: StoredGuest) -> AttestedGuest? {
        rows[stored.id].flatMap { $0.stored == stored ? $0.guest : nil }
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
