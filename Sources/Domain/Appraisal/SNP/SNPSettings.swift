public import Bytes
public import Evidence

/// The server's settings for SEV-SNP guests (`snp.*`), as rules. What is not set is as strict as it can be.
extension Rules {
    /// 0 to 3.
    public var vmpl: UInt64 {
        get { number(.vmpl) ?? 0 }
        set { self[.vmpl] = .number(newValue) }
    }

    /// The processors whose guests are taken; `nil`: all.
    public var products: [Product]? {
        get { texts(.products)?.compactMap { Product(exactly: $0) } }
        set { self[.products] = newValue.map { .texts($0.map { ExactText($0.rawValue) }) } }
    }

    /// The cloud providers whose VLEKs are taken; `nil`: any, and VCEKs too.
    public var cspIDs: [ExactText]? {
        get { texts(.cspIDs) }
        set { self[.cspIDs] = newValue.map { .texts($0) } }
    }

    /// What REPORTED, COMMITTED, CURRENT and LAUNCH_TCB are held to.
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

    /// Whether the two minimums hold for the time of the guest's launch too.
    public var holdsMinimumAtLaunch: Bool {
        get { bool(.minimumAtLaunch) ?? true }
        set { self[.minimumAtLaunch] = newValue ? nil : .bool(false) }
    }

    public var allowsProvisionalFirmware: Bool {
        get { bool(.allowProvisionalFirmware) ?? false }
        set { self[.allowProvisionalFirmware] = newValue ? .bool(true) : nil }
    }

    /// What guests may let their host do.
    public var allowed: GuestPolicy {
        get { GuestPolicy(rawValue: bits(.allow) ?? 0) }
        set { self[.allow] = .bits(newValue.rawValue) }
    }

    /// The server's word on debuggable guests; a registration or a policy must agree.
    public var allowsDebug: Bool {
        get { allowed.contains(.debugAllowed) }
        set { if newValue { allowed.insert(.debugAllowed) } else { allowed.remove(.debugAllowed) } }
    }

    /// The server's word on migration agents, in the same way.
    public var allowsMigrationAgent: Bool {
        get { allowed.contains(.migrationAgentAllowed) }
        set { if newValue { allowed.insert(.migrationAgentAllowed) } else { allowed.remove(.migrationAgentAllowed) } }
    }

    /// What a registration asks for: a launch measurement, and its guest policy as the widest, least firmware ABI included.
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
    /// By its name in any case.
    static func named(_ name: ExactText) -> Product? {
        allCases.first { ExactText($0.rawValue.lowercased()) == ExactText(name.text.lowercased()) }
    }
}
