import Evidence

extension Broker {
    /// Warnings to the registrant of a workload: libkrun's guests that will be refused, or cannot ask for their key.
    public func warnings(on workload: Workload) -> [String] {
        var warnings: [String] = []
        switch workload.launch {
        case .snp(_, let policy):
            let demands = policy.intersection(.restrictions).words
            if !demands.isEmpty {
                warnings.append(
                    "The policy \(workload.launch.policyText) demands \(demands.joined(separator: ", ")) of the host, which "
                        + "libkrun's guests do not: they will be refused (snp.policy). oci2cw registers so; register again "
                        + "with {\"flags\":{\"bits\":15},\"minfw\":{\"major\":0,\"minor\":0}} as tee_config.")
            }
        case .policy: break
        case .sev:
            if !self.policy.allowsSEV {
                warnings.append("This server takes no SEV and SEV-ES guests (sev.enabled is false).")
            }
        }
        if let guestsURL {
            let length = guestsURL.utf8.count + workload.id.text.utf8.count
            if length > Self.longestKeyURL {
                warnings.append(
                    "\(guestsURL) and the id have \(length) bytes together, and libkrun's client has room for "
                        + "\(Self.longestKeyURL): its guests cannot ask for their key. Use a shorter id or address.")
            }
        }
        return warnings
    }

    /// libkrun's client has 100 bytes for the URL of `GET /key/<id>`: twelve are the path, one the terminating zero.
    private static let longestKeyURL = 87
}

extension Launch {
    /// The policy as the broker read it: SNP's 64 bits, SEV's flags and minimum firmware, or a policy's name.
    public var policyText: String {
        switch self {
        case .snp(_, let policy): "0x" + String(policy.rawValue, radix: 16)
        case .sev(_, let policy):
            "0x\(String(policy.flags.rawValue, radix: 16)), firmware \(policy.minimumFirmware.major)."
                + "\(policy.minimumFirmware.minor) or later"
        case .policy(let name): name.text
        }
    }

    /// ``policyText``, followed by the names of SNP's bits.
    public var policyInWords: String {
        guard case .snp(_, let policy) = self else { return policyText }
        return ([policyText] + policy.words).joined(separator: ", ")
    }
}
