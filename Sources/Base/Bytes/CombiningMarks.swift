/// Bounds sequences of combining marks in untrusted text, before it becomes a `String` that is compared or hashed.
///
/// Swift normalises text beyond ASCII for that, and sorts each sequence of combining marks in time quadratic in its length:
/// a member's name of 256 KiB of marks would occupy a thread for minutes. Real text has a handful in a row; Unicode's limit
/// for text streams is 30 (UAX #15, section 13).
public enum CombiningMarks {
    /// In a row.
    public static let most = 32

    /// Whether the text needs no normalisation.
    @inlinable
    public static func isASCII(_ text: some StringProtocol) -> Bool { text.utf8.allSatisfy { $0 < 0x80 } }

    /// Whether normalisation sorts the character among its neighbours.
    ///
    /// Four have no combining class but decompose into marks with one. Source: UAX #15, "non-starter decompositions".
    public static func isMark(_ scalar: Unicode.Scalar) -> Bool {
        guard scalar.value >= 0x300 else { return false }
        return switch scalar {
        case "\u{344}", "\u{F73}", "\u{F75}", "\u{F81}": true
        default: scalar.properties.canonicalCombiningClass != .notReordered
        }
    }
}
