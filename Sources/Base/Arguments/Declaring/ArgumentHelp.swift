/// An argument's help; a string literal is the abstract.
public struct ArgumentHelp: Sendable, ExpressibleByStringInterpolation {
    public var abstract: String
    /// The value's placeholder, without `<` and `>`; by default the argument's name.
    public var valueName: String?

    public init(_ abstract: String = "", valueName: String? = nil) {
        (self.abstract, self.valueName) = (abstract, valueName)
    }

    public init(stringLiteral abstract: String) { self.init(abstract) }
}

/// The name of an option or flag.
public struct NameSpecification: Sendable {
    let custom: String?

    /// The property's name: `--rsa-bits` for `rsaBits`.
    public static let long = NameSpecification(custom: nil)

    /// A name, given without dashes.
    public static func customLong(_ name: String) -> NameSpecification { NameSpecification(custom: name) }
}

/// The number of values after a repeatable option.
public enum ArrayParsingStrategy: Sendable {
    /// One after each mention of the option.
    case singleValue
    /// All up to the next option.
    case upToNextOption
}
