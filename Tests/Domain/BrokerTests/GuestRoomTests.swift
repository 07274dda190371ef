import Foundation
import Testing

@testable import Broker

@Suite("How much of the database a chip's guests may fill")
struct GuestRoomTests {
    private func guest(_ chip: String, bytes: Int) -> StoredGuest {
        StoredGuest(
            id: [], claims: String(repeating: "x", count: bytes), key: "", verdict: "", token: "", tee: "snp",
            chip: chip,
            opened: .distantPast, expires: .distantPast, code: [], masterKey: "")
    }

    @Test("A chip's guests are turned away when they have filled their share, and other chips' are not")
    func share() {
        let (room, start) = (GuestRoom(), ContinuousClock.now)
        let large = guest("aa", bytes: 1_048_576 - 1)
        for _ in 0..<64 { #expect(room.wait(for: large, at: start) == nil) }
        let wait = room.wait(for: large, at: start)
        #expect(wait.map { $0 > 60 } == true)
        #expect(room.wait(for: guest("bb", bytes: 1), at: start) == nil)
        #expect(room.wait(for: large, at: start.advanced(by: .seconds(wait ?? 0))) == nil)
    }
}
