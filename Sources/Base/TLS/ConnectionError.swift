import Glibc

/// Why a connection was not made, or broke.
///
/// The description is the end of a sentence, to stand behind an address and a colon.
public enum ConnectionError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The host has no address, or nobody was there to be asked for it.
    case name
    /// Nobody listens there.
    case refused
    /// There is no way there.
    case unreachable(code: Int32)
    /// The deadline has passed.
    case time
    /// The other side has hung up.
    case closed
    case tls(TLSError)

    public var description: String {
        switch self {
        case .name: "the name has no address (yet): is the network up, and DNS set?"
        case .refused: "nobody listens there: is it running, and is the port right?"
        case .unreachable(let code): String(cString: strerror(code))
        case .time: "no answer in time"
        case .closed: "it closed the connection"
        case .tls(let error): error.description
        }
    }

    /// After a call of a socket that failed.
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
