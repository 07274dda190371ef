import Glibc

/// A failed or broken connection.
///
/// The description is the end of a sentence, after an address and a colon.
public enum ConnectionError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The host's name cannot be resolved.
    case name
    case refused
    case unreachable(code: Int32)
    /// The deadline has passed.
    case time
    /// The other side has closed the connection.
    case closed
    case tls(TLSError)

    public var description: String {
        switch self {
        case .name: "the name has no address (yet): is the network up, and DNS set?"
        case .refused: "nothing listens there: is it running, and is the port right?"
        case .unreachable(let code): String(cString: strerror(code))
        case .time: "no answer in time"
        case .closed: "it closed the connection"
        case .tls(let error): error.description
        }
    }

    /// - Parameter code: `errno` of a failed call.
    init(system code: Int32) {
        self =
            switch code {
            case ECONNREFUSED: .refused
            case ECONNRESET, EPIPE, 0: .closed
            case ETIMEDOUT: .time
            default: .unreachable(code: code)
            }
    }
}
