/// A failed call, as a sentence that names the address and the remedy.
///
/// It holds no credential, path or query, and no library's text.
public struct HTTPClientError: Error, Sendable, Hashable, CustomStringConvertible {
    public enum Reason: String, Sendable, Hashable, CaseIterable {
        /// The request is invalid: its URL or a field.
        case request
        /// The name cannot be resolved.
        case name
        /// The connection was refused.
        case refused
        /// There is no route, or no access to the socket.
        case unreachable
        /// The timeout passed.
        case time
        /// The server's certificate is not trusted.
        case certificate
        /// The TLS handshake failed otherwise.
        case tls
        /// The proxy cannot be used, or refuses.
        case proxy
        /// The response exceeds a limit.
        case size
        /// The connection ended within the call.
        case interrupted
        /// The response is not HTTP.
        case notHTTP = "not_http"
        /// Memory, threads or descriptors are exhausted.
        case system
    }

    public let reason: Reason
    public let description: String

    public init(_ reason: Reason, _ description: String) {
        self.reason = reason
        self.description = description
    }

    /// Whether a retry may succeed.
    public var isTransient: Bool {
        switch reason {
        case .request, .certificate, .tls, .size, .notHTTP: false
        case .name, .refused, .unreachable, .time, .proxy, .interrupted, .system: true
        }
    }
}
