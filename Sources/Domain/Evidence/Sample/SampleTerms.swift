import Bytes

/// The terms of a sample's claims.
public enum SampleTerm {
    /// As the guest wrote it.
    public static let svn = Term("svn", .text, isInTokens: false)

    public static let all = [svn]
    static let sorted = all.sorted { $0.name < $1.name }
}
