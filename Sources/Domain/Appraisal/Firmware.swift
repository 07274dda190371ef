public import Bytes
public import Evidence

/// One way in which firmware misses a floor: a component that is lower, or a version that the evidence does not state.
public struct FirmwareLag: Sendable, Hashable {
    /// The name of the claim, e.g. `reported_tcb`.
    public let version: String
    /// The lower component; `nil` when the evidence does not state the version.
    public let component: Component?

    public struct Component: Sendable, Hashable {
        /// E.g. `microcode`.
        public let name: String
        public let found: Int
        public let floor: Int
    }

    init(version: String, component: (name: String, found: Int, floor: Int)? = nil) {
        self.version = version
        self.component = component.map { Component(name: $0.name, found: $0.found, floor: $0.floor) }
    }
}

extension Vocabulary {
    /// How a technology's firmware is compared with a floor.
    struct Firmware: Sendable {
        /// The key of the rule with the floors, a table by product.
        let key: ExactText
        let lags: @Sendable (Claims, Rules) -> [FirmwareLag]?

        init(key: ExactText, lags: @escaping @Sendable (Claims, Rules) -> [FirmwareLag]?) {
            (self.key, self.lags) = (key, lags)
        }
    }
}

extension AppraisalPolicy {
    /// The lags of the guest's firmware behind the server's floor: empty when it meets the floor, `nil` when the server
    /// has no floor for it.
    public func firmwareLags(of claims: Claims) -> [FirmwareLag]? {
        Vocabulary.of(claims.tee).firmware?.lags(claims, rules[claims.tee] ?? Rules())
    }

    /// The floors for firmware, by product.
    public var firmwareFloors: [ExactText: ExactText] {
        Vocabulary.all.reduce(into: [:]) { floors, vocabulary in
            guard let key = vocabulary.firmware?.key, case .table(let table)? = rules[vocabulary.tee]?[key] else {
                return
            }
            floors.merge(table) { $1 }
        }
    }

    /// The settings with these firmware floors in place of their own.
    ///
    /// - Parameter text: a product and a version, as `milan=04.00.22.213`; several are separated by commas.
    /// - Throws: a ``Refusal`` that says what to write.
    public func holding(firmwareTo text: String) throws(Refusal) -> AppraisalPolicy {
        var (policy, tables) = (self, [GuestTEE: [ExactText: ExactText]]())
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let (tee, product, version) = try Self.floor(part)
            guard tables[tee, default: [:]].updateValue(version, forKey: product) == nil else {
                throw Refusal(.invalidField, "There are two floors for \(product).")
            }
        }
        for vocabulary in Vocabulary.all {
            guard let key = vocabulary.firmware?.key else { continue }
            policy.rules[vocabulary.tee, default: Rules()][key] = tables[vocabulary.tee].map { .table($0) }
        }
        return policy
    }

    private static func floor(
        _ text: Substring
    ) throws(Refusal) -> (tee: GuestTEE, product: ExactText, version: ExactText) {
        let parts = text.split(separator: "=", omittingEmptySubsequences: false)
        guard parts.count == 2 else {
            throw Refusal(.invalidField, "A floor is a product and a version, such as milan=04.00.22.213.")
        }
        var problem = "is of no product with a known firmware"
        for vocabulary in Vocabulary.all {
            guard let key = vocabulary.firmware?.key,
                case .table(let read)? = vocabulary.rules.first(where: { $0.key == key })?.shape
            else { continue }
            switch read(ExactText(parts[0]), ExactText(parts[1])) {
            case .entry(let product, let version): return (vocabulary.tee, product, version)
            case .fault(let text): problem = text
            }
        }
        throw Refusal(.invalidField, "The floor \"\(text.prefix(80))\" \(problem).")
    }
}
