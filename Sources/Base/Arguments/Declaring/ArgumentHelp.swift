/// What help says about an argument. A text alone will do.
public struct ArgumentHelp: Sendable, ExpressibleByStringInterpolation {
    public var abstract: String
    /// What stands for the value, between `<` and `>`; otherwise the argument's name.
    public var valueName: String?

    public init(_ abstract: String = "", valueName: String? = nil) {
        (self.abstract, self.valueName) = (abstract, valueName)
    }

    public init(stringLiteral abstract: String) { self.init(abstract) }
}

/// How an option or a flag is typed.
public struct NameSpecification: Sendable {
    let custom: String?

    /// The property's name: `--rsa-bits` for `rsaBits`.
    public static let long = NameSpecification(custom: nil)

    /// This one, which is written without the dashes.
    public static func customLong(_ name: String) -> NameSpecification { NameSpecification(custom: name) }
}

/// How many words the values of a repeatable option are.
public enum ArrayParsingStrategy: Sendable {
    /// One behind each mention of the option.
    case singleValue
    /// All until the next option.
    case upToNextOption
}
