/// A positional argument.
///
/// It is optional with a default, or as an `Optional`. An array takes all remaining values.
@propertyWrapper
public struct Argument<Value: Sendable>: Sendable {
    private let box: Box<Value>
    private let declare: @Sendable (_ property: String) -> Declaration

    public var wrappedValue: Value { box.value }

    private init(
        _ box: Box<Value>, _ help: ArgumentHelp?, _ allValues: [String] = [], defaultText: String? = nil,
        isRepeating: Bool = false
    ) {
        self.box = box
        declare = {
            box.declaration(
                .positional, property: $0, help, defaultText: defaultText, allValues: allValues,
                isRepeating: isRepeating)
        }
    }

    public init(wrappedValue: Value, help: ArgumentHelp? = nil) where Value: ExpressibleByArgument {
        self.init(
            Box(wrappedValue) { word, _ in try Value.reading(word) }, help, Value.allValueStrings,
            defaultText: wrappedValue.defaultValueDescription)
    }

    public init(help: ArgumentHelp? = nil) where Value: ExpressibleByArgument {
        self.init(Box(nil) { word, _ in try Value.reading(word) }, help, Value.allValueStrings)
    }

    public init<Wrapped: ExpressibleByArgument>(help: ArgumentHelp? = nil) where Value == Wrapped? {
        self.init(Box(.some(nil)) { word, _ in try Wrapped.reading(word) }, help, Wrapped.allValueStrings)
    }

    public init<Element: ExpressibleByArgument>(wrappedValue: [Element], help: ArgumentHelp? = nil)
    where Value == [Element] {
        self.init(
            Box(wrappedValue) { word, given in try (given ?? []) + [Element.reading(word)] }, help,
            Element.allValueStrings,
            defaultText: wrappedValue.map(\.defaultValueDescription).joined(separator: ", "), isRepeating: true)
    }

    /// - Parameter transform: parses the word; its error is shown to the user.
    public init(help: ArgumentHelp? = nil, transform: @escaping @Sendable (String) throws -> Value) {
        self.init(
            Box(nil) { word, _ in
                do { return try transform(word) } catch { throw UnreadableValue(reason: ": \(error)") }
            }, help)
    }
}

extension Argument: Declared {
    func declarations(property: String) -> [Declaration] { [declare(property)] }
}
