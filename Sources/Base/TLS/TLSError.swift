/// Why TLS was not spoken, or no longer.
///
/// The description is the end of a sentence, to stand behind an address and a colon. It holds no name of a library, and of
/// a stranger's text only names from certificates, escaped.
public struct TLSError: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Kind: String, Sendable {
        /// The other side's certificate was not accepted here.
        case certificate
        /// The other side did not accept ours, or wanted one.
        case refused
        /// No version of the protocol in common.
        case version
        /// No cipher suite, group or signature algorithm in common.
        case cipher
        /// HTTP came without TLS.
        case plainHTTP
        /// What came is not TLS at all.
        case notTLS
        /// The connection ended within the handshake, or broke after it.
        case closed
        /// The other side broke the rules of the protocol.
        case violation
        /// This side has run out of something.
        case resources
    }

    public let kind: Kind
    public let description: String

    init(_ kind: Kind, _ description: String) { (self.kind, self.description) = (kind, description) }
}
