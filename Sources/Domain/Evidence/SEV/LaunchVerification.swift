public import Bytes
import Crypto

extension Check.Name {
    static let sevRoot = Self("sev.chain.root", .genuineness)
    static let sevASK = Self("sev.chain.ask", .genuineness)
    static let sevCEK = Self("sev.chain.cek", .genuineness)
    static let sevOCA = Self("sev.chain.oca", .genuineness)
    static let sevPEK = Self("sev.chain.pek", .genuineness)
    static let sevPDH = Self("sev.chain.pdh", .genuineness)
    static let sevPDHKey = Self("sev.pdh_key", .genuineness)
    static let sevDenied = Self("sev.denied", .genuineness)
    static let sevProducts = Self("sev.products", .acceptability)
    static let sevDebug = Self("sev.debug", .acceptability)
    static let sevFirmware = Self("sev.minimum_firmware", .acceptability)
    /// Of genuineness: anyone may send another platform's certificates, and only the measurement's key shows that this
    /// platform took part.
    static let sevMeasurement = Self("sev.measurement", .genuineness)
}

/// Decides whether an SEV or SEV-ES platform, and the guest launched on it, are acceptable.
///
/// There are two steps, because the host calls before the guest is launched: first the platform's certificates, before
/// a channel is opened, then the measurement that comes back over it.
public enum SEVVerifier {
    /// The platform, before the launch.
    public static func verify(_ chain: AppraisedSEVChain) -> Verdict {
        var list = CheckList()
        check(chain, &list)
        return Verdict(list)
    }

    /// The platform against a workload's launch policy.
    ///
    /// - Parameters:
    ///   - allowsDebug: whether the server accepts debuggable guests; the workload's own setting is in `policy`.
    ///   - products: the pinned products that are acceptable; `nil`: all.
    ///   - denies: the operators' denials.
    public static func verify(
        _ chain: AppraisedSEVChain, build: SEVFirmwareBuild, policy: SEVLaunchPolicy, allowsDebug: Bool,
        products: [ExactText]? = nil, denying denies: DenyList
    ) -> Verdict {
        var list = CheckList()
        check(chain, &list)
        list.checkDenial(.sevDenied, of: chain.endorsers, by: denies)
        if let products {
            let found = chain.product ?? "not known"
            list.check(
                .sevProducts, expected: .text(products.map(\.text).joined(separator: " or ")), found: .text(found),
                products.contains { ExactText($0.text.lowercased()) == ExactText(found.lowercased()) },
                advice: "This server takes no SEV guests on \(found): run the guest on another processor, or add it to "
                    + "sev.products.")
        }
        let debug = !policy.flags.contains(.noDebug)
        list.check(
            .sevDebug, expected: .text(allowsDebug ? "allowed or forbidden" : "forbidden"),
            found: .text(debug ? "allowed" : "forbidden"), !debug || allowsDebug,
            advice: "The registered launch policy lets the host read the guest: register the workload with bit 0 "
                + "(no debug) set, or set sev.allow_debug if its secrets may be seen.")
        let least = policy.minimumFirmware
        list.check(
            .sevFirmware, expected: .text("at least \(least.major).\(least.minor)"),
            found: .text("\(build.major).\(build.minor)"), (build.major, build.minor) >= (least.major, least.minor),
            advice: "The host's SEV firmware is \(build.major).\(build.minor) and the workload requires "
                + "\(least.major).\(least.minor): update it, or register the workload with a lower minfw.")
        return Verdict(list)
    }

    /// The guest, after the launch: the firmware's measurement, keyed with the channel's integrity key.
    ///
    /// - Parameters:
    ///   - found: the output of LAUNCH_MEASURE, 32 bytes.
    ///   - expected: its output for the registered launch digest.
    public static func verify(measurement found: [UInt8], expected: [UInt8]) -> Verdict {
        var list = CheckList()
        // The expected value is as powerful as a signature by the platform, so it is not shown.
        list.check(
            .sevMeasurement, expected: .text("the keyed measurement of the registered launch digest"),
            found: .bytes(found), equalInConstantTime(expected, found),
            advice: "The guest is not what was registered, or was launched with another policy or session: register "
                + "the new image's measurement, or find out who changed the guest.")
        return Verdict(list)
    }

    private static func check(_ chain: AppraisedSEVChain, _ list: inout CheckList) {
        list.append(chain.checks)
        let usable = (try? chain.chain.pdh.agreementKey()) != nil
        list.check(
            .sevPDHKey, expected: .text("a P-384 key"), found: .text(usable ? "a P-384 key" : "another key"), usable,
            advice: "The platform's PDH holds no P-384 key: generate it again (sevctl reset).")
    }
}
