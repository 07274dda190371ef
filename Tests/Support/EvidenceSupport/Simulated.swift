import Crypto
public import Evidence
public import SimulatedHardware

/// Simulated hardware, made once for all tests: RSA keys take their time.
public enum Simulated {
    private static let snpPlatform = Result { try SimulatedSNPPlatform(product: .milan) }
    private static let sevPlatform = Result { try SimulatedSEVPlatform() }

    public static var snp: SimulatedSNPPlatform { get throws { try snpPlatform.get() } }
    public static var sev: SimulatedSEVPlatform { get throws { try sevPlatform.get() } }

    public static let tcb = TCBVersion(bootLoader: 4, tee: 0, snp: 22, microcode: 213)

    private static let vcekOfSNP = Result { try snp.vcek(tcb: tcb) }
    public static var vcek: SimulatedSNPPlatform.SigningKey { get throws { try vcekOfSNP.get() } }

    public static var roots: SimulatedRoots { get throws { try snp.roots.merging(sev.roots) } }
    public static var anchors: Anchors { get throws { try Anchors.vendors.trusting(roots) } }

    /// A measurement of 48 bytes that goes with a name.
    public static func measurement(_ name: String) -> [UInt8] { Array(SHA384.hash(data: Array(name.utf8))) }
    /// A launch digest of 32 bytes that goes with a name.
    public static func digest(_ name: String) -> [UInt8] { Array(SHA256.hash(data: Array(name.utf8))) }

    private static let sharedKey = Result { try SimulatedSNPGuest.Key() }

    /// - Parameter ownKey: whether it must not have the RSA key that the tests' guests share.
    public static func guest(_ workload: String, ownKey: Bool = false) throws -> SimulatedSNPGuest {
        try SimulatedSNPGuest(
            workload: workload, on: snp, measurement: measurement(workload), tcb: tcb, signer: vcek,
            key: ownKey ? nil : sharedKey.get())
    }
}
