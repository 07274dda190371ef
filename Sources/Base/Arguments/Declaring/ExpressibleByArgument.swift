/// A type whose values are parsed from a word of the command line.
public protocol ExpressibleByArgument: Sendable {
    /// - Returns: nil for an invalid word.
    init?(argument: String)

    /// A default's text in help.
    var defaultValueDescription: String { get }

    /// What is wrong with an invalid word, as a sentence; nil if its form says enough.
    static func reason(against word: String) -> String?

    /// All valid words, for help and completion, if they are few; otherwise empty.
    static var allValueStrings: [String] { get }
}

extension ExpressibleByArgument {
    public var defaultValueDescription: String { "\(self)" }
    public static var allValueStrings: [String] { [] }
    public static func reason(against word: String) -> String? { nil }
}

extension ExpressibleByArgument where Self: CaseIterable & RawRepresentable, RawValue == String {
    public static var allValueStrings: [String] { allCases.map(\.rawValue) }
}

extension RawRepresentable where Self: ExpressibleByArgument, RawValue: ExpressibleByArgument {
    public init?(argument: String) {
        guard let value = RawValue(argument: argument) else { return nil }
        self.init(rawValue: value)
    }

    public var defaultValueDescription: String { rawValue.defaultValueDescription }
}

extension String: ExpressibleByArgument {
    public init?(argument: String) { self = argument }
}

extension FixedWidthInteger where Self: ExpressibleByArgument {
    /// Decimal digits.
    public init?(argument: String) { self.init(argument, radix: 10) }
}

extension Int: ExpressibleByArgument {}
extension Int64: ExpressibleByArgument {}
extension UInt32: ExpressibleByArgument {}
