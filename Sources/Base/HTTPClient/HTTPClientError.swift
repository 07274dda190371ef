/// Why there is no answer, in a sentence that names the address and says what to do.
///
/// It holds no credential, no path, no query, and no text of a library.
public struct HTTPClientError: Error, Sendable, Hashable, CustomStringConvertible {
    public enum Reason: String, Sendable, Hashable, CaseIterable {
        /// The request cannot be sent: its address, or a field of its.
        case request
        /// The name has no address.
        case name
        /// Nobody listens there.
        case refused
        /// No way leads there.
        case unreachable
        /// The deadline passed.
        case time
        /// The server's certificate is not trusted.
        case certificate
        /// TLS came to nothing otherwise.
        case tls
        /// The proxy cannot be used, or refuses.
        case proxy
        /// The answer is longer than it may be.
        case size
        /// The connection broke off.
        case interrupted
        /// What came is not HTTP.
        case notHTTP = "not_http"
        /// The system gave out: no memory, no descriptors.
        case system
    }

    public let reason: Reason
    public let description: String

    public init(_ reason: Reason, _ description: String) {
        self.reason = reason
        self.description = description
    }

    /// Whether the same request may be answered another time.
    public var isTransient: Bool {
        switch reason {
        case .request, .certificate, .tls, .size, .notHTTP: false
        case .name, .refused, .unreachable, .time, .proxy, .interrupted, .system: true
        }
    }
}
