public import Bytes
public import Evidence

/// The server's settings for SEV-SNP guests (`snp.*`), as rules. The defaults are the strictest.
extension Rules {
    /// 0 to 3.
    public var vmpl: UInt64 {
        get { number(.vmpl) ?? 0 }
        set { self[.vmpl] = .number(newValue) }
    }

    /// The accepted products; `nil` for all.
    public var products: [Product]? {
        get { texts(.products)?.compactMap { Product(exactly: $0) } }
        set { self[.products] = newValue.map { .texts($0.map { ExactText($0.rawValue) }) } }
    }

    /// The cloud providers whose VLEKs are accepted; `nil` for all, and VCEKs too.
    public var cspIDs: [ExactText]? {
        get { texts(.cspIDs) }
        set { self[.cspIDs] = newValue.map { .texts($0) } }
    }

    /// The floors for REPORTED, COMMITTED, CURRENT and LAUNCH_TCB.
    public var minimumTCB: [Product: TCBVersion] {
        get {
            guard case .table(let table)? = self[.minimumTCB] else { return [:] }
            return table.reduce(into: [:]) { floors, entry in
                guard let product = Product.named(entry.key) else { return }
                floors[product] = TCBVersion(entry.value.text, product: product)
            }
        }
        set {
            let table = newValue.map { (ExactText($0.key.rawValue), ExactText($0.value.description)) }
            self[.minimumTCB] = newValue.isEmpty ? nil : .table(Dictionary(table) { $1 })
        }
    }

    /// Mitigations that the host's firmware must have in force, bit by bit.
    public var minimumMitigations: UInt64 {
        get { bits(.minimumMitigations) ?? 0 }
        set { self[.minimumMitigations] = newValue == 0 ? nil : .bits(newValue) }
    }

    /// Whether both minimums also hold for the time of the guest's launch.
    public var holdsMinimumAtLaunch: Bool {
        get { bool(.minimumAtLaunch) ?? true }
        set { self[.minimumAtLaunch] = newValue ? nil : .bool(false) }
    }

    public var allowsProvisionalFirmware: Bool {
        get { bool(.allowProvisionalFirmware) ?? false }
        set { self[.allowProvisionalFirmware] = newValue ? .bool(true) : nil }
    }

    /// The permissions that guests may give their host.
    public var allowed: GuestPolicy {
        get { GuestPolicy(rawValue: bits(.allow) ?? 0) }
        set { self[.allow] = .bits(newValue.rawValue) }
    }

    /// Whether the server accepts debuggable guests; a registration or a policy must allow it too.
    public var allowsDebug: Bool {
        get { allowed.contains(.debugAllowed) }
        set { if newValue { allowed.insert(.debugAllowed) } else { allowed.remove(.debugAllowed) } }
    }

    /// Whether the server accepts guests with a migration agent; a registration or a policy must allow it too.
    public var allowsMigrationAgent: Bool {
        get { allowed.contains(.migrationAgentAllowed) }
        set { if newValue { allowed.insert(.migrationAgentAllowed) } else { allowed.remove(.migrationAgentAllowed) } }
    }

    /// A registration's rules: a launch measurement, and its guest policy as the widest, with the minimum firmware ABI.
    public static func registration(measurement: [UInt8]?, policy: GuestPolicy?) -> Rules {
        var rules = Rules()
        rules[.measurements] = measurement.map { .digests([.value($0)]) }
        if let policy {
            rules.allowed = policy.intersection(.permissions)
            rules[.require] = .bits(policy.subtracting(.permissions).rawValue)
        }
        return rules
    }
}

extension Product {
    /// The product with this name, in any letter case.
    static func named(_ name: ExactText) -> Product? {
        allCases.first { ExactText($0.rawValue.lowercased()) == ExactText(name.text.lowercased()) }
    }
}
