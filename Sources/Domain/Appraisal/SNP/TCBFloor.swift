import Bytes
import Evidence

/// The lowest acceptable TCB of a product.
struct TCBFloor {
    let version: TCBVersion
    /// Whether LAUNCH_TCB must meet it too.
    let holdsAtLaunch: Bool

    init(_ version: TCBVersion, holdsAtLaunch: Bool) { (self.version, self.holdsAtLaunch) = (version, holdsAtLaunch) }

    /// A version under the floor, or not stated.
    struct Shortfall: CustomStringConvertible {
        /// The version's name in the ABI, e.g. `LAUNCH_TCB`.
        let name: String
        /// `nil` when not stated.
        let version: TCBVersion?
        let floor: TCBVersion
        /// Whether only LAUNCH_TCB is under the floor: the host has been updated since the launch.
        let isOfLaunch: Bool

        /// E.g. `SNP 7 is under 8 (LAUNCH_TCB 04.00.07.209, at least 03.00.08.115 is required)`.
        var description: String {
            guard let version else { return "\(name) is not stated, and at least \(floor) is required" }
            let parts = version.componentsUnder(floor).map { "\($0.name) \($0.found) is under \($0.floor)" }
            return "\(parts.joined(separator: ", ")) (\(name) \(version), at least \(floor) is required)"
        }

        var found: Fact { .text(version.map { "\(name) \($0)" } ?? "\(name) not stated") }

        /// What to do about it.
        ///
        /// - Parameter setting: the floor's place, e.g. `snp.minimum_tcb.milan`.
        func advice(lowering setting: String) -> String {
            // The guest's own sentence has 199 bytes: the problem comes first.
            isOfLaunch
                ? "\(self): the guest was launched under older firmware, launch it again, or lower \(setting)."
                : "\(self): update the host's firmware, or lower \(setting)."
        }
    }

    /// The first of REPORTED, COMMITTED, CURRENT and LAUNCH_TCB that is not at least the floor; `nil` when all are.
    func shortfall(of claims: Claims) -> Shortfall? {
        guard let (term, stated) = versionsUnder(of: claims).first else { return nil }
        return Shortfall(
            name: term.name.text.uppercased(), version: stated, floor: version, isOfLaunch: term == SNPTerm.launchTCB)
    }

    /// Each lower component of each version, and each version that is not stated.
    func lags(of claims: Claims) -> [FirmwareLag] {
        versionsUnder(of: claims).flatMap { term, stated in
            guard let stated else { return [FirmwareLag(version: term.name.text)] }
            return stated.componentsUnder(version).map {
                FirmwareLag(version: term.name.text, component: ($0.name, Int($0.found), Int($0.floor)))
            }
        }
    }

    private func versionsUnder(of claims: Claims) -> [(Term, TCBVersion?)] {
        [SNPTerm.reportedTCB, SNPTerm.committedTCB, SNPTerm.currentTCB, SNPTerm.launchTCB]
            .filter { holdsAtLaunch || $0 != SNPTerm.launchTCB }
            .map { ($0, claims.tcb($0)) }
            .filter { !($0.1?.isAtLeast(version) ?? false) }
    }
}

extension Vocabulary.Firmware {
    static let snp = Vocabulary.Firmware(key: .minimumTCB) { claims, rules in
        guard case .table(let floors)? = rules[.minimumTCB] else { return nil }
        guard let product = claims.product else { return [FirmwareLag(version: SNPTerm.product.name.text)] }
        guard let floor = floors[ExactText(product.rawValue)] else { return nil }
        guard let version = TCBVersion(floor.text, product: product) else {
            return [FirmwareLag(version: SNPTerm.reportedTCB.name.text)]
        }
        return TCBFloor(version, holdsAtLaunch: rules.holdsMinimumAtLaunch).lags(of: claims)
    }
}

extension TCBVersion {
    /// The components that are lower than the other version's, from the lowest layer up.
    fileprivate func componentsUnder(_ other: TCBVersion) -> [(name: String, found: UInt8, floor: UInt8)] {
        [
            ("FMC", fmc ?? 0, other.fmc ?? 0), ("boot loader", bootLoader, other.bootLoader), ("TEE", tee, other.tee),
            ("SNP", snp, other.snp), ("microcode", microcode, other.microcode),
        ].filter { $0.1 < $0.2 }
    }
}

extension StatedMitigations {
    /// The missing bits of the first vector that lacks any, in words; `nil` when no bit is missing.
    ///
    /// - Parameter holdsAtLaunch: whether they must have been in force at the guest's launch too.
    func shortfall(from wanted: UInt64, holdsAtLaunch: Bool) -> String? {
        var vectors = [("CURRENT_MIT_VECTOR", current)]
        if holdsAtLaunch { vectors.append(("LAUNCH_MIT_VECTOR", launch)) }
        for (name, vector) in vectors {
            guard let vector else { return "\(name) is not stated" }
            let missing = wanted & ~vector
            if missing != 0 { return "\(name) lacks 0x\(String(missing, radix: 16))" }
        }
        return nil
    }

    /// The vectors as a check shows them.
    var found: Fact {
        func text(_ vector: UInt64?) -> String { vector.map { "0x" + String($0, radix: 16) } ?? "not stated" }
        return .text("current \(text(current)), at launch \(text(launch))")
    }
}
