import Bytes
import Crypto
import Evidence

/// The HOST_DATA that a guest must have been launched with to be given a secret, beside all that its policy asks for: 32
/// bytes.
///
/// The host chooses HOST_DATA, so that it tells guests of one image from each other, and no good software from bad.
public struct HostDataBinding: Sendable, Hashable {
    public let bytes: [UInt8]

    public static let size = 32

    /// - Throws: a ``Refusal`` for another length, and for zeros, which are a host that chose nothing.
    public init(_ bytes: [UInt8]) throws(Refusal) {
        guard bytes.count == Self.size, !bytes.isAllZero else {
            throw Refusal(.invalidField, "host_data has 64 hex digits, not all of them zeros.")
        }
        self.bytes = bytes
    }

    /// - Throws: a ``Refusal`` as above, and for what is not hex.
    public init(hex: some StringProtocol) throws(Refusal) { try self.init(Hex.decode(hex) ?? []) }

    /// One that no guest was launched with.
    public static func random() throws(Refusal) -> HostDataBinding { try HostDataBinding(SecureRandom.bytes(size)) }

    /// Whether a guest was launched so.
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
