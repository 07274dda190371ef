import Bytes
public import Crypto

/// The keys that a broker and a platform's security processor share for one launch.
///
/// The host relays the messages and never learns the keys. Source: AMD 55766, chapter 2.
public struct SEVTransportKeys: Sendable {
    /// Transport encryption key, 16 bytes.
    package let encryption: SymmetricKey
    /// Transport integrity key, 16 bytes.
    package let integrity: SymmetricKey

    public init(encryption: SymmetricKey, integrity: SymmetricKey) {
        self.encryption = encryption
        self.integrity = integrity
    }
}

/// The guest owner's input for LAUNCH_START, beside the policy and the owner's certificate.
public struct SEVLaunchSession: Sendable, Hashable {
    /// 16 bytes.
    public var nonce: [UInt8]
    /// TEK ‖ TIK, encrypted; 32 bytes.
    public var wrappedKeys: [UInt8]
    /// 16 bytes.
    public var initializationVector: [UInt8]
    /// MAC over the wrapped keys, 32 bytes.
    public var wrapMAC: [UInt8]
    /// MAC over the policy, 32 bytes.
    public var policyMAC: [UInt8]

    public init(
        nonce: [UInt8], wrappedKeys: [UInt8], initializationVector: [UInt8], wrapMAC: [UInt8], policyMAC: [UInt8]
    ) {
        self.nonce = nonce
        self.wrappedKeys = wrappedKeys
        self.initializationVector = initializationVector
        self.wrapMAC = wrapMAC
        self.policyMAC = policyMAC
    }
}

/// A secret, wrapped for LAUNCH_SECRET.
public struct SEVSecretPacket: Sendable, Hashable {
    public let flags: UInt32
    /// 16 bytes.
    public let initializationVector: [UInt8]
    /// 32 bytes.
    public let mac: [UInt8]
    public let ciphertext: [UInt8]

    public init(flags: UInt32, initializationVector: [UInt8], mac: [UInt8], ciphertext: [UInt8]) {
        self.flags = flags
        self.initializationVector = initializationVector
        self.mac = mac
        self.ciphertext = ciphertext
    }
}

extension SEVTransportKeys {
    /// Opens a channel to the platform with the private half of `pdh`, with fresh keys of the broker.
    ///
    /// - Returns: the owner's certificate and the session, for LAUNCH_START.
    /// - Throws: ``MalformedInput`` if `pdh` holds no P-384 key.
    public func openChannel(
        to pdh: SEVCertificate, policy: SEVLaunchPolicy
    ) throws -> (certificate: SEVCertificate, session: SEVLaunchSession) {
        let platform = try pdh.agreementKey()
        let ours = P384.KeyAgreement.PrivateKey()
        let shared = try ours.sharedSecretFromKeyAgreement(with: platform)
        let certificate = try SEVCertificate(
            usage: .pdh, algorithm: .ecdhSHA256, x963: ours.publicKey.x963Representation)
        let session = try launchSession(
            shared: shared, nonce: Self.random(16), initializationVector: Self.random(16), policy: policy)
        return (certificate, session)
    }

    /// - Parameter shared: the x coordinate of the agreed point, big-endian.
    func launchSession(
        shared: SymmetricKey, nonce: [UInt8], initializationVector: [UInt8], policy: SEVLaunchPolicy
    ) throws -> SEVLaunchSession {
        let wrapping = SEVWrappingKeys(shared: shared, nonce: nonce)
        let keys = encryption.withUnsafeBytes { Array($0) } + integrity.withUnsafeBytes { Array($0) }
        let wrapped = try AES.CTR.encrypt(
            keys, using: wrapping.encryption, counter: initializationVector)
        return SEVLaunchSession(
            nonce: nonce, wrappedKeys: Array(wrapped), initializationVector: initializationVector,
            wrapMAC: Self.mac(wrapping.integrity, Array(wrapped)), policyMAC: Self.mac(integrity, policy.bytes))
    }

    /// The output of LAUNCH_MEASURE for a guest with this launch digest, 32 bytes.
    ///
    /// - Parameters:
    ///   - digest: SHA-256 over the initial memory (and VMSAs), 32 bytes.
    ///   - nonce: the firmware's nonce, 16 bytes.
    public func measurement(
        of digest: [UInt8], build: SEVFirmwareBuild, policy: SEVLaunchPolicy, nonce: [UInt8]
    ) -> [UInt8] {
        Self.mac(integrity, [0x04, build.major, build.minor, build.build] + policy.bytes + digest + nonce)
    }

    /// Wraps a secret for LAUNCH_SECRET. Every call uses a fresh initialization vector.
    ///
    /// - Parameters:
    ///   - plaintext: a multiple of 16 bytes.
    ///   - measurement: the output of the platform's LAUNCH_MEASURE, 32 bytes.
    public func wrap(_ plaintext: [UInt8], for measurement: [UInt8]) throws -> SEVSecretPacket {
        try wrap(plaintext, for: measurement, initializationVector: Self.random(16))
    }

    func wrap(_ plaintext: [UInt8], for measurement: [UInt8], initializationVector: [UInt8]) throws -> SEVSecretPacket {
        let ciphertext = Array(
            try AES.CTR.encrypt(
                plaintext, using: encryption, counter: initializationVector))
        let packet = SEVSecretPacket(
            flags: 0, initializationVector: initializationVector, mac: [], ciphertext: ciphertext)
        return SEVSecretPacket(
            flags: 0, initializationVector: initializationVector,
            mac: Self.mac(
                integrity, packet.authenticatedBytes(plaintextLength: plaintext.count, measurement: measurement)),
            ciphertext: ciphertext)
    }

    package static func mac(_ key: SymmetricKey, _ message: [UInt8]) -> [UInt8] {
        Array(HMAC<SHA256>.authenticationCode(for: message, using: key))
    }

    private static func random(_ count: Int) -> [UInt8] {
        SecureRandom.bytes(count)
    }
}

extension SEVSecretPacket {
    /// 0x01 ‖ flags ‖ IV ‖ plaintext length ‖ ciphertext length ‖ ciphertext ‖ measurement.
    package func authenticatedBytes(plaintextLength: Int, measurement: [UInt8]) -> [UInt8] {
        [0x01] + flags.littleEndianBytes + initializationVector
            + UInt32(truncatingIfNeeded: plaintextLength).littleEndianBytes
            + UInt32(truncatingIfNeeded: ciphertext.count).littleEndianBytes + ciphertext + measurement
    }
}

/// The keys that wrap TEK and TIK: KEK and KIK.
package struct SEVWrappingKeys: Sendable {
    package let encryption: SymmetricKey
    package let integrity: SymmetricKey

    package init(shared: SymmetricKey, nonce: [UInt8]) {
        let master = Self.derive(shared, label: "sev-master-secret", context: nonce)
        encryption = Self.derive(master, label: "sev-kek", context: [])
        integrity = Self.derive(master, label: "sev-kik", context: [])
    }

    /// NIST SP 800-108 in counter mode with HMAC-SHA256, 128 bits: one block of the PRF suffices, so the counter is
    /// always 1. Counter and length are little-endian.
    static func derive(_ key: SymmetricKey, label: String, context: [UInt8]) -> SymmetricKey {
        let block = SEVTransportKeys.mac(
            key, UInt32(1).littleEndianBytes + Array(label.utf8) + [0] + context + UInt32(128).littleEndianBytes)
        return SymmetricKey(data: block.prefix(16))
    }
}
