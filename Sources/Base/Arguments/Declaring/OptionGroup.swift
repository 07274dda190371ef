/// Arguments that several commands share.
@propertyWrapper
public struct OptionGroup<Value: ParsableArguments> {
    public let wrappedValue: Value

    public init() { wrappedValue = Value() }
}

extension OptionGroup: Sendable where Value: Sendable {}

extension OptionGroup: DeclaredGroup {
    var arguments: any ParsableArguments { wrappedValue }
    var isGiven: Bool { true }

    func declarations(property: String) -> [Declaration] {
        wrappedValue.declarations.map { declaration in
            var declaration = declaration
            declaration.group = ObjectIdentifier(Value.self)
            return declaration
        }
    }
}

/// An optional group: its required arguments are required once one of the group is given.
@propertyWrapper
public struct OptionalGroup<Group: ParsableArguments> {
    private let group: Group

    public init() { group = Group() }

    /// nil when none is given.
    public var wrappedValue: Group? { isGiven ? group : nil }
}

extension OptionalGroup: Sendable where Group: Sendable {}

extension OptionalGroup: DeclaredGroup {
    var arguments: any ParsableArguments { group }
    var isGiven: Bool { group.declarations.contains(where: \.isGiven) }

    func declarations(property: String) -> [Declaration] {
        let all = group.declarations
        return all.map { declaration in
            var declaration = declaration
            declaration.group = ObjectIdentifier(Group.self)
            if declaration.isRequired {
                declaration.isRequired = false
                declaration.isDue = { all.contains(where: \.isGiven) }
            }
            return declaration
        }
    }
}
