/// Looks at text that a stranger wrote before it becomes a `String` that is compared or hashed.
///
/// Swift compares and hashes texts beyond ASCII in a normal form, for which it puts each row of combining marks in order:
/// in a time that grows with the square of the row. A member's name of 256 KiB of them would hold a thread for minutes. Text
/// that people write has a handful in a row; Unicode's own limit for text streams is 30 (UAX #15, section 13).
public enum CombiningMarks {
    /// In a row.
    public static let most = 32

    /// Whether text is ASCII, as all is that goes into a header field: there is nothing to put in order.
    @inlinable
    public static func isASCII(_ text: some StringProtocol) -> Bool { text.utf8.allSatisfy { $0 < 0x80 } }

    /// Whether it is put in order among its neighbours.
    ///
    /// Four have no class of their own but are taken apart into marks that do. Source: UAX #15, "non-starter decompositions".
    public static func isMark(_ scalar: Unicode.Scalar) -> Bool {
        guard scalar.value >= 0x300 else { return false }
        return switch scalar {
        case "\u{344}", "\u{F73}", "\u{F75}", "\u{F81}": true
        default: scalar.properties.canonicalCombiningClass != .notReordered
        }
    }
}
