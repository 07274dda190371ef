import Files
import Glibc

/// Why a guest did not get its secret or could not use it: a sentence with the remedy, and a kind that is the exit
/// status of `kbs guest`.
public struct GuestFailure: Error, Sendable, Hashable, CustomStringConvertible {
    /// The raw value is the exit status.
    public enum Kind: Int32, Sendable {
        /// The broker refused; repeating the request will not help.
        case refused = 1
        /// An argument or a device of this machine cannot be used.
        case unusable = 2
        /// No trusted broker answered in time.
        case unreachable = 3
        /// The secret arrived, but its delivery failed.
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
    /// The system's message alone, for sentences that already name the file and the remedy.
    var systemText: String { String(cString: strerror(code)) }
}
