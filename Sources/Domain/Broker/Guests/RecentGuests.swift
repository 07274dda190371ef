import Concurrency

/// Guests that were attested here lately: most ask for their resource at once, and to check a row's code and read the guest
/// from it takes longer than to see that the row is still the one that was written.
final class RecentGuests: Sendable {
    private let rows = BoundedCache<[UInt8], (stored: StoredGuest, guest: AttestedGuest)>(capacity: 64)
    /// Of a guest's claims, in bytes: init data can make one as large as a thousand others.
    private let longest = 16_384

    func remember(_ guest: AttestedGuest, as stored: StoredGuest) {
        if stored.claims.utf8.count <= longest { rows[stored.id] = (stored, guest) }
    }

    /// - Parameter stored: its row, of which nothing was checked.
    func guest(_ stored: StoredGuest) -> AttestedGuest? {
        rows[stored.id].flatMap { $0.stored == stored ? $0.guest : nil }
    }
}
