/// The TCB versions of a host that a report states. Source: AMD 56860, table "ATTESTATION_REPORT".
public struct StatedTCBs: Sendable, Hashable {
    /// What the endorsement key is for.
    public var reported: TCBVersion?
    /// What the host cannot roll back under.
    public var committed: TCBVersion?
    /// What the host runs.
    public var current: TCBVersion?
    /// What the host ran when the guest was launched.
    public var launch: TCBVersion?

    public init(
        reported: TCBVersion?, committed: TCBVersion?, current: TCBVersion?, launch: TCBVersion?
    ) {
        (self.reported, self.committed, self.current, self.launch) = (reported, committed, current, launch)
    }

    init(_ report: AttestationReport, of product: Product) {
        reported = report.reportedTCB.version(of: product)
        committed = report.committedTCB.version(of: product)
        current = report.currentTCB.version(of: product)
        launch = report.launchTCB.version(of: product)
    }
}

/// The lowest TCB that is acceptable on a processor.
public struct TCBFloor: Sendable, Hashable {
    public let version: TCBVersion
    /// Whether LAUNCH_TCB is held to it too.
    public let holdsAtLaunch: Bool

    public init(_ version: TCBVersion, holdsAtLaunch: Bool) {
        (self.version, self.holdsAtLaunch) = (version, holdsAtLaunch)
    }

    /// A stated version that is under the floor, or one that is not stated.
    public struct Shortfall: Sendable, Hashable, CustomStringConvertible {
        /// As the ABI names the version, e.g. `LAUNCH_TCB`.
        public let name: String
        /// `nil`: not stated.
        public let version: TCBVersion?
        public let floor: TCBVersion

        /// Whether only the guest's launch was too early: the host has been updated since.
        public var isOfLaunch: Bool { name == "LAUNCH_TCB" }

        /// E.g. `SNP 7 is under 8 (LAUNCH_TCB 04.00.07.209, at least 03.00.08.115 is required)`.
        public var description: String {
            guard let version else { return "\(name) is not stated, and at least \(floor) is required" }
            let parts = version.componentsUnder(floor).map { "\($0.name) \($0.found) is under \($0.floor)" }
            return "\(parts.joined(separator: ", ")) (\(name) \(version), at least \(floor) is required)"
        }

        public var found: Fact { .text(version.map { "\(name) \($0)" } ?? "\(name) not stated") }
    }

    /// The first of REPORTED, COMMITTED, CURRENT and LAUNCH_TCB that is not at least the floor; `nil` when all are.
    public func shortfall(of stated: StatedTCBs) -> Shortfall? {
        var versions = [
            ("REPORTED_TCB", stated.reported), ("COMMITTED_TCB", stated.committed), ("CURRENT_TCB", stated.current),
        ]
        if holdsAtLaunch { versions.append(("LAUNCH_TCB", stated.launch)) }
        return versions.first { !($0.1?.isAtLeast(version) ?? false) }
            .map { Shortfall(name: $0.0, version: $0.1, floor: version) }
    }
}

extension TCBVersion {
    /// The components that are lower than the other's, from the lowest layer up.
    fileprivate func componentsUnder(_ other: TCBVersion) -> [(name: String, found: UInt8, floor: UInt8)] {
        [
            ("FMC", fmc ?? 0, other.fmc ?? 0), ("boot loader", bootLoader, other.bootLoader), ("TEE", tee, other.tee),
            ("SNP", snp, other.snp), ("microcode", microcode, other.microcode),
        ].filter { $0.1 < $0.2 }
    }
}

/// The mitigation vectors of a host: a bit for each mitigation of its firmware that is in force. Reports state them from
/// version 5 on. Source: AMD 56860, LAUNCH_MIT_VECTOR and CURRENT_MIT_VECTOR.
public struct StatedMitigations: Sendable, Hashable {
    /// `nil`: not stated.
    public var current: UInt64?
    /// When the guest was launched.
    public var launch: UInt64?

    public init(current: UInt64? = nil, launch: UInt64? = nil) { (self.current, self.launch) = (current, launch) }

    /// Which of the wanted bits are missing, in words; `nil` when none is.
    ///
    /// - Parameter holdsAtLaunch: whether they must have been there when the guest was launched too.
    public func shortfall(from wanted: UInt64, holdsAtLaunch: Bool) -> String? {
        var vectors = [("CURRENT_MIT_VECTOR", current)]
        if holdsAtLaunch { vectors.append(("LAUNCH_MIT_VECTOR", launch)) }
        for (name, vector) in vectors {
            guard let vector else { return "\(name) is not stated" }
            let missing = wanted & ~vector
            if missing != 0 { return "\(name) lacks 0x\(String(missing, radix: 16))" }
        }
        return nil
    }

    /// As a check shows them.
    public var found: Fact {
        func text(_ vector: UInt64?) -> String { vector.map { "0x" + String($0, radix: 16) } ?? "not stated" }
        return .text("current \(text(current)), at launch \(text(launch))")
    }
}

extension UInt64 {
    /// Reads bits in hex, with `0x` before them.
    public init?(bits text: some StringProtocol) {
        guard text.utf8.starts(with: "0x".utf8), text.utf8.dropFirst(2).first != UInt8(ascii: "+"),
            let bits = UInt64(text.dropFirst(2), radix: 16)
        else { return nil }
        self = bits
    }
}
