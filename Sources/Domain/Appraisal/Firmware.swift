public import Bytes
public import Evidence

/// What keeps a machine's firmware from a floor: a component that is lower, or a version that evidence does not state.
public struct FirmwareLag: Sendable, Hashable {
    /// The claim that falls short, e.g. `reported_tcb`.
    public let version: String
    /// The component that is lower; `nil` where the version is not stated at all.
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
    /// How the firmware of a technology's machines is held to a floor.
    struct Firmware: Sendable {
        /// Of the rule with the floors, a table by product.
        let key: ExactText
        let lags: @Sendable (Claims, Rules) -> [FirmwareLag]?

        init(key: ExactText, lags: @escaping @Sendable (Claims, Rules) -> [FirmwareLag]?) {
            (self.key, self.lags) = (key, lags)
        }
    }
}

extension AppraisalPolicy {
    /// What keeps the firmware under a guest from the server's floor: nothing where it meets it, `nil` where the server has
    /// none for it.
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

    /// The same with these floors for firmware, and no others.
    ///
    /// - Parameter text: a product and a version, as `milan=04.00.22.213`; several with commas between them.
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
        var problem = "has no firmware that is known"
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
