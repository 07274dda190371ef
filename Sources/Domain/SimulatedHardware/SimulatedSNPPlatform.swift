import Bytes
import Crypto
public import Evidence
import Formats
public import FoundationEssentials

/// AMD and one of its chips in software: a root of its own, the certificates under it, and a "secure processor" that
/// signs any report.
///
/// Its RSA keys have 2,048 bits where AMD's have 4,096, so that a root is made quickly.
public struct SimulatedSNPPlatform: Sendable {
    public let product: Product
    public let ark: Evidence.Certificate
    /// Signs VCEKs.
    public let ask: Evidence.Certificate
    /// Signs VLEKs.
    public let asvk: Evidence.Certificate
    /// CHIP_ID, 64 bytes; on Turin 8 bytes and zeros.
    public let chipID: [UInt8]
    let askKey: RSA.Signing.PrivateKey
    let asvkKey: RSA.Signing.PrivateKey

    /// Makes a root and a chip.
    ///
    /// - Parameter from: the beginning of all certificates' validity.
    public init(product: Product, from: Date = Date(timeIntervalSince1970: 1_700_000_000)) throws {
        let name = product.rawValue
        let arkKey = try RSA.Signing.PrivateKey(keySize: .bits2048)
        askKey = try RSA.Signing.PrivateKey(keySize: .bits2048)
        asvkKey = try RSA.Signing.PrivateKey(keySize: .bits2048)
        func authority(_ subject: String, _ key: RSA.Signing.PrivateKey) throws -> Evidence.Certificate {
            try CertificateTemplate(
                subject: subject, issuer: "ARK-\(name)", publicKeyInfo: key.publicKey.derRepresentation,
                notBefore: from, notAfter: from.addingTimeInterval(20 * Self.year)
            ).signed(by: arkKey)
        }
        self.product = product
        ark = try authority("ARK-\(name)", arkKey)
        ask = try authority("SEV-\(name)", askKey)
        asvk = try authority("SEV-VLEK-\(name)", asvkKey)
        let random = P384.Signing.PrivateKey().rawRepresentation + P384.Signing.PrivateKey().rawRepresentation
        chipID = Array(random.prefix(product.chipIDLength)) + Array(repeating: 0, count: 64 - product.chipIDLength)
    }

    init(
        product: Product, ark: Evidence.Certificate, ask: Evidence.Certificate, asvk: Evidence.Certificate,
        chipID: [UInt8], askKey: RSA.Signing.PrivateKey, asvkKey: RSA.Signing.PrivateKey
    ) {
        (self.product, self.ark, self.ask, self.asvk) = (product, ark, ask, asvk)
        (self.chipID, self.askKey, self.asvkKey) = (chipID, askKey, asvkKey)
    }

    /// The roots that a server must trust to accept this platform.
    public var roots: SimulatedRoots {
        SimulatedRoots(snp: [product.rawValue: Hex.encode(ark.publicKeyFingerprint)], sev: [:])
    }

    /// A key that signs reports, with its certificate.
    public struct SigningKey: Sendable {
        public let certificate: Evidence.Certificate
        let key: P384.Signing.PrivateKey

        /// Another key under the same certificate: a forger's.
        public var forged: SigningKey { SigningKey(certificate: certificate, key: P384.Signing.PrivateKey()) }
    }

    /// The encoding of a VCEK's hardware id: bare in AMD's first certificates, wrapped in newer ones.
    public enum HardwareIDForm: Sendable { case bare, wrapped }

    /// A VCEK for the chip at a TCB.
    public func vcek(
        tcb: TCBVersion, hardwareID: [UInt8]? = nil, form: HardwareIDForm = .wrapped, validFor years: Double = 7
    ) throws -> SigningKey {
        let identifier = hardwareID ?? Array(chipID.prefix(product.chipIDLength))
        let wrapped = Self.der { $0.octetString(identifier) }
        let value = form == .bare ? identifier : wrapped
        return try signingKey(
            "SEV-VCEK", issuer: ask, askKey, tcb: tcb, years: years, adding: ([1, 3, 6, 1, 4, 1, 3704, 1, 4], value))
    }

    /// A VLEK for a cloud provider at a TCB.
    public func vlek(tcb: TCBVersion, validFor years: Double = 1) throws -> SigningKey {
        let provider = Self.der { $0.text(.ia5String, "CN=cloud.example") }
        return try signingKey(
            "SEV-VLEK", issuer: asvk, asvkKey, tcb: tcb, years: years,
            adding: ([1, 3, 6, 1, 4, 1, 3704, 1, 5], provider))
    }

    private func signingKey(
        _ name: String, issuer: Evidence.Certificate, _ issuerKey: RSA.Signing.PrivateKey, tcb: TCBVersion,
        years: Double, adding last: (OID, [UInt8])
    ) throws -> SigningKey {
        let key = P384.Signing.PrivateKey()
        func level(_ component: UInt64, _ value: UInt8) -> (OID, [UInt8]) {
            (OID([1, 3, 6, 1, 4, 1, 3704, 1, 3, component]), Self.der { $0.integer(Int(value)) })
        }
        let productName = Self.der { $0.text(.ia5String, product.rawValue) }
        var extensions: [(OID, [UInt8])] = [([1, 3, 6, 1, 4, 1, 3704, 1, 2], productName)]
        if let fmc = tcb.fmc { extensions.append(level(9, fmc)) }
        extensions.append(level(1, tcb.bootLoader))
        extensions.append(level(2, tcb.tee))
        extensions.append(level(3, tcb.snp))
        extensions.append(level(8, tcb.microcode))
        extensions.append(last)
        let certificate = try CertificateTemplate(
            subject: name, issuer: issuer.commonName, publicKeyInfo: key.publicKey.derRepresentation,
            notBefore: ark.notBefore, notAfter: ark.notBefore.addingTimeInterval(years * Self.year),
            extensions: extensions
        ).signed(by: issuerKey)
        return SigningKey(certificate: certificate, key: key)
    }

    private static func der(_ body: (inout DERWriter) -> Void) -> [UInt8] {
        var writer = DERWriter()
        body(&writer)
        return writer.bytes
    }

    private static let year: Double = 365.25 * 86_400
}

/// An unsigned report. Every field that a check reads can be set to any value.
public struct ReportTemplate: Sendable {
    public var version: UInt32 = 3
    public var policy: GuestPolicy = .unstated
    public var vmpl: UInt32 = 0
    public var signatureAlgorithm: UInt32 = 1
    public var platformInfo: UInt64 = 1
    public var keyInfo: UInt32 = 0
    public var reportData = [UInt8](repeating: 0, count: 64)
    public var measurement = [UInt8](repeating: 0, count: 48)
    /// Family, model, stepping.
    public var processor: [UInt8]
    public var chipID: [UInt8]
    public var currentTCB: TCBVersion
    public var reportedTCB: TCBVersion
    public var committedTCB: TCBVersion
    /// `nil`: as ``committedTCB``.
    public var launchTCB: TCBVersion?
    /// The mitigation vectors, in reports from version 5 on.
    public var mitigations: (current: UInt64, launch: UInt64) = (0, 0)
    /// Build, minor, major.
    public var currentFirmware: [UInt8] = [4, 55, 1]
    public var committedFirmware: [UInt8] = [4, 55, 1]
    /// Bytes to set before signing, by offset.
    public var patches: [Int: UInt8] = [:]
    private let product: Product

    /// The report of an unmodified guest.
    public init(of platform: SimulatedSNPPlatform, tcb: TCBVersion) {
        product = platform.product
        chipID = platform.chipID
        processor =
            switch platform.product {
            case .milan: [0x19, 0x01, 0x01]
            case .genoa: [0x19, 0x11, 0x01]
            case .turin: [0x1A, 0x02, 0x01]
            }
        (currentTCB, reportedTCB, committedTCB) = (tcb, tcb, tcb)
    }

    /// The report, 1,184 bytes, signed with ECDSA P-384 over SHA-384.
    public func signed(by signer: SimulatedSNPPlatform.SigningKey) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: AttestationReport.size)
        func put(_ value: some Collection<UInt8>, at offset: Int) {
            for (index, byte) in value.enumerated() where offset + index < bytes.count { bytes[offset + index] = byte }
        }
        put(version.littleEndianBytes, at: 0x000)
        put(policy.rawValue.littleEndianBytes, at: 0x008)
        put(vmpl.littleEndianBytes, at: 0x030)
        put(signatureAlgorithm.littleEndianBytes, at: 0x034)
        put(RawTCBVersion(currentTCB, product: product).bytes, at: 0x038)
        put(platformInfo.littleEndianBytes, at: 0x040)
        put(keyInfo.littleEndianBytes, at: 0x048)
        put(reportData, at: 0x050)
        put(measurement, at: 0x090)
        put(RawTCBVersion(reportedTCB, product: product).bytes, at: 0x180)
        if version >= 3 { put(processor, at: 0x188) }
        put(chipID, at: 0x1A0)
        put(RawTCBVersion(committedTCB, product: product).bytes, at: 0x1E0)
        put(currentFirmware, at: 0x1E8)
        put(committedFirmware, at: 0x1EC)
        put(RawTCBVersion(launchTCB ?? committedTCB, product: product).bytes, at: 0x1F0)
        if version >= 5 {
            put(mitigations.launch.littleEndianBytes + mitigations.current.littleEndianBytes, at: 0x1F8)
        }
        for (offset, byte) in patches { put([byte], at: offset) }
        let signature = try signer.key.signature(for: SHA384.hash(data: bytes.prefix(0x2A0))).rawRepresentation
        put(signature.prefix(48).reversed(), at: 0x2A0)
        put(signature.dropFirst(48).reversed(), at: 0x2A0 + 72)
        return bytes
    }
}
