/// An option with a value: `--limit 20`.
///
/// It is optional with a default, or as an `Optional`. An array's option may be repeated.
@propertyWrapper
public struct Option<Value: Sendable>: Sendable {
    private let box: Box<Value>
    private let declare: @Sendable (_ property: String) -> Declaration

    public var wrappedValue: Value { box.value }

    private init(
        _ box: Box<Value>, _ name: NameSpecification, _ help: ArgumentHelp?, _ allValues: [String],
        defaultText: String? = nil, isRepeating: Bool = false, strategy: ArrayParsingStrategy = .singleValue
    ) {
        self.box = box
        declare = {
            box.declaration(
                .option, property: $0, name: name.custom, help, defaultText: defaultText, allValues: allValues,
                isRepeating: isRepeating, strategy: strategy)
        }
    }

    public init(wrappedValue: Value, name: NameSpecification = .long, help: ArgumentHelp? = nil)
    where Value: ExpressibleByArgument {
        self.init(
            Box(wrappedValue) { word, _ in try Value.reading(word) }, name, help, Value.allValueStrings,
            defaultText: wrappedValue.defaultValueDescription)
    }

    public init(name: NameSpecification = .long, help: ArgumentHelp? = nil) where Value: ExpressibleByArgument {
        self.init(Box(nil) { word, _ in try Value.reading(word) }, name, help, Value.allValueStrings)
    }

    public init<Wrapped: ExpressibleByArgument>(name: NameSpecification = .long, help: ArgumentHelp? = nil)
    where Value == Wrapped? {
        self.init(Box(.some(nil)) { word, _ in try Wrapped.reading(word) }, name, help, Wrapped.allValueStrings)
    }

    public init<Element: ExpressibleByArgument>(
        wrappedValue: [Element], name: NameSpecification = .long, parsing strategy: ArrayParsingStrategy = .singleValue,
        help: ArgumentHelp? = nil
    ) where Value == [Element] {
        self.init(
            Box(wrappedValue) { word, given in try (given ?? []) + [Element.reading(word)] }, name, help,
            Element.allValueStrings,
            defaultText: wrappedValue.map(\.defaultValueDescription).joined(separator: ", "), isRepeating: true,
            strategy: strategy)
    }

    public init<Element: ExpressibleByArgument>(
        name: NameSpecification = .long, parsing strategy: ArrayParsingStrategy = .singleValue,
        help: ArgumentHelp? = nil
    ) where Value == [Element] {
        self.init(
            Box(nil) { word, given in try (given ?? []) + [Element.reading(word)] }, name, help,
            Element.allValueStrings, isRepeating: true, strategy: strategy)
    }
}

extension Option: Declared {
    func declarations(property: String) -> [Declaration] { [declare(property)] }
}
