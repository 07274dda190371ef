/// Which program this is.
public enum Build {
    /// The release, as `kbs --version` and `kbs-guest --version` print it.
    public static let version = "0.3.0"
    /// The compiler's version.
    #if compiler(>=6.3)
        public static let swift = "6.3"
    #else
        public static let swift = "6.2"
    #endif
}
