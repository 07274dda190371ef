import Testing

@testable import TLS

@Suite("A host's addresses")
struct HostAddressTests {
    @Test("Each turn begins at the next address, round and round, and has all of them")
    func turns() {
        #expect(HostAddress.rotated([1, 2, 3], by: 0) == [1, 2, 3])
        #expect(HostAddress.rotated([1, 2, 3], by: 1) == [2, 3, 1])
        #expect(HostAddress.rotated([1, 2, 3], by: 5) == [3, 1, 2])
        #expect(HostAddress.rotated([1], by: 7) == [1] && HostAddress.rotated([Int](), by: 7) == [])
    }
}
