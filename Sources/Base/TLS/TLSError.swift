/// A failed or broken TLS session.
///
/// The description is the end of a sentence, after an address and a colon. Its only untrusted text is names from
/// certificates, escaped.
public struct TLSError: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Kind: String, Sendable {
        /// This side refused the other side's certificate.
        case certificate
        /// The other side refused this side's certificate, or required one.
        case refused
        /// No common version.
        case version
        /// No common cipher suite, group or signature algorithm.
        case cipher
        /// The client sent HTTP without TLS.
        case plainHTTP
        /// The other side sent another protocol.
        case notTLS
        /// The connection ended within the handshake, or broke after it.
        case closed
        /// The other side violated the protocol.
        case violation
        /// Memory or descriptors are exhausted.
        case resources
    }

    public let kind: Kind
    public let description: String

    init(_ kind: Kind, _ description: String) { (self.kind, self.description) = (kind, description) }
}
