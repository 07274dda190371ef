/// A value that is read from one word of the command line.
public protocol ExpressibleByArgument: Sendable {
    /// - Returns: nil for a word that is no such value.
    init?(argument: String)

    /// As a default is shown in help.
    var defaultValueDescription: String { get }

    /// Every word that is read, when there are few; they are shown in help and offered by shells.
    static var allValueStrings: [String] { get }
}

extension ExpressibleByArgument {
    public var defaultValueDescription: String { "\(self)" }
    public static var allValueStrings: [String] { [] }
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
