/// An option without a value: `--json`.
@propertyWrapper
public struct Flag: Sendable {
    private let box: Box<Bool>
    private let name: NameSpecification
    private let help: ArgumentHelp?

    public var wrappedValue: Bool { box.value }

    /// - Parameter wrappedValue: false, as no name turns a flag off.
    public init(wrappedValue: Bool, name: NameSpecification = .long, help: ArgumentHelp? = nil) {
        (self.box, self.name, self.help) = (Box(wrappedValue) { _, _ in true }, name, help)
    }
}

extension Flag: Declared {
    func declarations(property: String) -> [Declaration] {
        [box.declaration(.flag, property: property, name: name.custom, help)]
    }
}
