import Bytes
import Crypto
import Evidence

/// The HOST_DATA that a guest must have been launched with to get a secret, beside the policy's rules: 32 bytes.
///
/// The host chooses HOST_DATA, so it distinguishes guests of one image, but not good software from bad.
public struct HostDataBinding: Sendable, Hashable {
    public let bytes: [UInt8]

    public static let size = 32

    /// - Throws: a ``Refusal`` for another length, and for zeros, which stand for a launch without HOST_DATA.
    public init(_ bytes: [UInt8]) throws(Refusal) {
        guard bytes.count == Self.size, !bytes.isAllZero else {
            throw Refusal(.invalidField, "host_data has 64 hex digits, not all of them zeros.")
        }
        self.bytes = bytes
    }

    /// - Throws: a ``Refusal`` as ``init(_:)`` does, and for text that is not hex.
    public init(hex: some StringProtocol) throws(Refusal) { try self.init(Hex.decode(hex) ?? []) }

    /// A random binding, for a launch to come.
    public static func random() throws(Refusal) -> HostDataBinding { try HostDataBinding(SecureRandom.bytes(size)) }

    /// The requirement that the guest's HOST_DATA is this.
    func requirement(on claims: Claims) -> Requirement {
        let found = claims.hostData
        return Requirement(
            .policyHostData, expected: .bytes(bytes), found: found.map { .bytes($0) } ?? .text("not stated"),
            isMet: found == bytes,
            advice:
                "This secret is bound to one launch: launch the guest with the HOST_DATA that `kbs resource show` prints, "
                + "or generate another secret.")
    }
}
