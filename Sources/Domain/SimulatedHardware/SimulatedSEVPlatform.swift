import Bytes
import Crypto
public import Evidence

/// An SEV host in software: keys of AMD, of the chip and of the platform, in the format of Naples.
public struct SimulatedSEVPlatform: Sendable {
    public let chain: SEVCertificateChain
    public let build = SEVFirmwareBuild(major: 0, minor: 24, build: 15)
    let pdhKey: P384.KeyAgreement.PrivateKey

    /// Makes a root, a chip and its platform keys.
    public init() throws {
        let arkKey = try RSA.Signing.PrivateKey(keySize: .bits2048)
        let askKey = try RSA.Signing.PrivateKey(keySize: .bits2048)
        let (cekKey, ocaKey, pekKey) = (
            P384.Signing.PrivateKey(), P384.Signing.PrivateKey(), P384.Signing.PrivateKey()
        )
        pdhKey = P384.KeyAgreement.PrivateKey()
        let cek = try SEVCertificate(
            usage: .cek, algorithm: .ecdsaSHA256, x963: cekKey.publicKey.x963Representation
        ) { [try Self.slot(.ask, .rsaSHA256, askKey.signature(for: SHA256.hash(data: $0), padding: .PSS))] }
        let oca = try SEVCertificate(
            usage: .oca, algorithm: .ecdsaSHA256, x963: ocaKey.publicKey.x963Representation
        ) { [try Self.slot(.oca, ocaKey.signature(for: SHA256.hash(data: $0)))] }
        // Slots are found by their usage, so their order is free.
        let pek = try SEVCertificate(
            usage: .pek, algorithm: .ecdsaSHA256, x963: pekKey.publicKey.x963Representation
        ) { body in
            [
                try Self.slot(.cek, cekKey.signature(for: SHA256.hash(data: body))),
                try Self.slot(.oca, ocaKey.signature(for: SHA256.hash(data: body))),
            ]
        }
        let pdh = try SEVCertificate(
            usage: .pdh, algorithm: .ecdhSHA256, x963: pdhKey.publicKey.x963Representation
        ) { [try Self.slot(.pek, pekKey.signature(for: SHA256.hash(data: $0)))] }
        chain = SEVCertificateChain(
            ark: try Self.authority(.ark, arkKey, signedBy: arkKey),
            ask: try Self.authority(.ask, askKey, signedBy: arkKey), cek: cek, oca: oca, pek: pek, pdh: pdh)
    }

    init(chain: SEVCertificateChain, pdhKey: P384.KeyAgreement.PrivateKey) {
        self.chain = chain
        self.pdhKey = pdhKey
    }

    /// The roots that a server must trust to accept this platform.
    public var roots: SimulatedRoots {
        SimulatedRoots(snp: [:], sev: ["Simulated": Hex.encode(chain.ark.fingerprint)])
    }

    /// A guest launched over a broker's channel.
    public struct Launch: Sendable {
        let keys: SEVTransportKeys
        let policy: SEVLaunchPolicy
        let build: SEVFirmwareBuild

        /// LAUNCH_MEASURE.
        ///
        /// - Parameter digest: the digest of the guest's memory, 32 bytes.
        /// - Returns: the measurement, 32 bytes, and the firmware's nonce, 16 bytes.
        public func measure(digest: [UInt8]) -> (measurement: [UInt8], nonce: [UInt8]) {
            let nonce = SecureRandom.bytes(16)
            return (keys.measurement(of: digest, build: build, policy: policy, nonce: nonce), nonce)
        }

        /// LAUNCH_SECRET.
        ///
        /// - Returns: the plaintext, or `nil` if the packet's MAC is wrong, which the firmware refuses.
        public func receive(
            flags: UInt32, initializationVector: [UInt8], mac: [UInt8], ciphertext: [UInt8], measurement: [UInt8]
        ) throws -> [UInt8]? {
            let packet = SEVSecretPacket(
                flags: flags, initializationVector: initializationVector, mac: mac, ciphertext: ciphertext)
            let authenticated = packet.authenticatedBytes(
                plaintextLength: ciphertext.count, measurement: measurement)
            guard equalInConstantTime(mac, SEVTransportKeys.mac(keys.integrity, authenticated)) else { return nil }
            return Array(
                try AES.CTR.encrypt(
                    ciphertext, using: keys.encryption, counter: initializationVector))
        }
    }

    /// LAUNCH_START.
    ///
    /// - Returns: `nil` if a MAC of the session is wrong, which the firmware refuses.
    public func launch(
        _ session: SEVLaunchSession, from owner: SEVCertificate, policy: SEVLaunchPolicy
    ) throws -> Launch? {
        let shared = try pdhKey.sharedSecretFromKeyAgreement(with: try owner.agreementKey())
        let wrapping = SEVWrappingKeys(shared: shared, nonce: session.nonce)
        let wrapMAC = SEVTransportKeys.mac(wrapping.integrity, session.wrappedKeys)
        guard equalInConstantTime(session.wrapMAC, wrapMAC) else { return nil }
        let unwrapped = try AES.CTR.encrypt(
            session.wrappedKeys, using: wrapping.encryption,
            counter: session.initializationVector)
        let keys = SEVTransportKeys(
            encryption: SymmetricKey(data: unwrapped.prefix(16)), integrity: SymmetricKey(data: unwrapped.dropFirst(16))
        )
        guard equalInConstantTime(session.policyMAC, SEVTransportKeys.mac(keys.integrity, policy.bytes)) else {
            return nil
        }
        return Launch(keys: keys, policy: policy, build: build)
    }

    private static func authority(
        _ usage: SEVUsage, _ key: RSA.Signing.PrivateKey, signedBy issuer: RSA.Signing.PrivateKey
    ) throws -> SEVCACertificate {
        func littleEndian(_ number: [UInt8]) -> [UInt8] {
            number.reversed() + Array(repeating: 0, count: max(0, 256 - number.count))
        }
        var body: [UInt8] = UInt32(1).littleEndianBytes + Array(repeating: 0, count: 32)
        body += usage.rawValue.littleEndianBytes + Array(repeating: 0, count: 16)
        body += UInt32(2048).littleEndianBytes + UInt32(2048).littleEndianBytes
        body += littleEndian(key.publicKey.publicExponent) + littleEndian(key.publicKey.modulus)
        let signature = try issuer.signature(for: SHA256.hash(data: body), padding: .PSS)
        return try SEVCACertificate(bytes: body + signature.rawRepresentation.reversed())
    }

    private static func slot(
        _ usage: SEVUsage, _ algorithm: SEVAlgorithm, _ signature: RSA.Signing.RSASignature
    ) -> SEVCertificate.Signature {
        let bytes = Array(signature.rawRepresentation.reversed())
        return .init(usage: usage, algorithm: algorithm, bytes: bytes + Array(repeating: 0, count: 512 - bytes.count))
    }

    private static func slot(
        _ usage: SEVUsage, _ signature: P384.Signing.ECDSASignature
    ) -> SEVCertificate.Signature {
        let raw = signature.rawRepresentation
        let gap = [UInt8](repeating: 0, count: 24)
        let bytes = Array(raw.prefix(48).reversed()) + gap + Array(raw.dropFirst(48).reversed())
        return .init(
            usage: usage, algorithm: .ecdsaSHA256, bytes: bytes + Array(repeating: 0, count: 512 - bytes.count))
    }
}
