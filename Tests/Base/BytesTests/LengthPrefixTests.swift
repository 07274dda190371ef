import Bytes
import Testing

@Suite("Bytes after their number")
struct LengthPrefixTests {
    @Test("The number has four bytes, big-endian, and parts joined so are not taken for others")
    func prefix() {
        #expect([7, 8].lengthPrefixed == [0, 0, 0, 2, 7, 8])
        #expect([UInt8]().lengthPrefixed == [0, 0, 0, 0])
        #expect([UInt8](repeating: 1, count: 258).lengthPrefixed.prefix(5) == [0, 0, 1, 2, 1])
        #expect([[1], [2, 3]].flatMap(\.lengthPrefixed) != [[1, 2], [3]].flatMap(\.lengthPrefixed))
    }
}
