/// The CPU model that a VMM presents to a guest, which need not be the host's. QEMU writes its CPUID signature into
/// each vCPU's VMSA.
public struct CPUType: Sendable, Hashable {
    /// QEMU's name of the model; nil when it was given as a signature.
    public let name: String?
    /// CPUID function 1, EAX: family, model, stepping.
    public let signature: UInt32

    public init(signature: UInt32) { (name, self.signature) = (nil, signature) }

    /// A model as `qemu -cpu` names it.
    ///
    /// - Returns: nil for a name that is not among ``names``.
    public init?(name: String) {
        guard let model = Self.models.first(where: { $0.names.contains(name) }) else { return nil }
        (self.name, signature) = (name, model.signature)
    }

    /// - Returns: nil for numbers out of range: families are 16 to 270, models 0 to 255, steppings 0 to 15.
    public init?(family: Int, model: Int, stepping: Int) {
        guard (16...270).contains(family), (0...255).contains(model), (0...15).contains(stepping) else { return nil }
        self.init(signature: Self.signature(UInt32(family), UInt32(model), UInt32(stepping)))
    }

    /// All known names, with the versions of each model.
    public static var names: [String] { models.flatMap(\.names) }

    /// Source: AMD 25481, function 0000_0001; family 15 is the base, and the rest is added to it.
    private static func signature(_ family: UInt32, _ model: UInt32, _ stepping: UInt32) -> UInt32 {
        (family - 15) << 20 | (model >> 4) << 16 | 0xF00 | (model & 15) << 4 | stepping
    }

    /// Source: QEMU, target/i386/cpu.c.
    private static let models: [(names: [String], signature: UInt32)] = [
        (["EPYC", "EPYC-v1", "EPYC-v2", "EPYC-v3", "EPYC-v4", "EPYC-IBPB"], signature(23, 1, 2)),
        (["EPYC-Rome", "EPYC-Rome-v1", "EPYC-Rome-v2", "EPYC-Rome-v3"], signature(23, 49, 0)),
        (["EPYC-Milan", "EPYC-Milan-v1", "EPYC-Milan-v2"], signature(25, 1, 1)),
        (["EPYC-Genoa", "EPYC-Genoa-v1"], signature(25, 17, 0)),
        (["EPYC-Turin"], signature(26, 0, 0)),
    ]
}
