public enum TLSVersion: Int, Sendable, Hashable, Comparable {
    /// For tests of refusals.
    case tlsv1 = 0x0301
    /// For tests of refusals.
    case tlsv11 = 0x0302
    case tlsv12 = 0x0303
    case tlsv13 = 0x0304

    public static func < (a: TLSVersion, b: TLSVersion) -> Bool { a.rawValue < b.rawValue }
}
