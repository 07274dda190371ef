import Files
import Glibc

/// Why a guest did not get its secret, or could not use it: a sentence that says what to do, and the
/// exit status of `kbs guest` that goes with its kind.
public struct GuestFailure: Error, Sendable, Hashable, CustomStringConvertible {
    /// The raw value is the exit status.
    public enum Kind: Int32, Sendable {
        /// The broker's answer is no, and asking again will not change it.
        case refused = 1
        /// An argument or a device of this machine cannot be used.
        case unusable = 2
        /// No broker that may be trusted answered in time.
        case unreachable = 3
        /// The secret came, but what it was for failed.
        case undelivered = 4
    }

    public let kind: Kind
    public let description: String

    public init(_ kind: Kind, _ description: String) {
        self.kind = kind
        self.description = description
    }
}

extension FileError {
    /// The system's own words, where the sentence around them names the file and says what to do.
    var systemText: String { String(cString: strerror(code)) }
}
