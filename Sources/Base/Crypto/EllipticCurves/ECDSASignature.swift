/// An ECDSA signature: the numbers r and s.
public struct ECDSASignature<Curve: PrimeCurve>: Hashable, Sendable {
    /// r ‖ s, big-endian, each of the curve's size.
    public let rawRepresentation: [UInt8]

    /// - Throws: ``CryptoError/incorrectSize(_:)`` for another length.
    public init(rawRepresentation bytes: some Collection<UInt8>) throws(CryptoError) {
        guard bytes.count == 2 * Curve.curve.size else {
            throw .incorrectSize("a signature on \(Curve.curve.name) has \(2 * Curve.curve.size) bytes")
        }
        rawRepresentation = Array(bytes)
    }

    var r: ArraySlice<UInt8> { rawRepresentation.prefix(Curve.curve.size) }
    var s: ArraySlice<UInt8> { rawRepresentation.suffix(Curve.curve.size) }
}
