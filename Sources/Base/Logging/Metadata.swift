extension Logger {
    /// How severe an event is.
    public enum Level: String, Sendable, Hashable, CaseIterable, Comparable {
        case trace, debug, info, notice, warning, error, critical

        public static func < (less: Level, more: Level) -> Bool { less.severity < more.severity }

        private var severity: Int {
            switch self {
            case .trace: 0
            case .debug: 1
            case .info: 2
            case .notice: 3
            case .warning: 4
            case .error: 5
            case .critical: 6
            }
        }
    }

    /// What is said of an event.
    public struct Message: Sendable, Hashable, ExpressibleByStringInterpolation, CustomStringConvertible {
        public let description: String

        public init(stringLiteral value: String) { description = value }
    }

    /// Named fields of a line.
    public typealias Metadata = [String: MetadataValue]

    /// A field's value.
    public enum MetadataValue: Sendable, Hashable {
        case string(String)
        case array([MetadataValue])
        /// Written under dotted names.
        case dictionary(Metadata)
    }

    /// Adds to each line what only the moment knows, such as the request that is answered.
    public struct MetadataProvider: Sendable {
        private let provide: @Sendable () -> Metadata

        public init(_ provide: @escaping @Sendable () -> Metadata) { self.provide = provide }

        /// The fields of this moment.
        public func get() -> Metadata { provide() }
    }
}

extension Logger.MetadataValue: CustomStringConvertible {
    public var description: String {
        switch self {
        case .string(let text): text
        case .array(let values): values.description
        case .dictionary(let fields): fields.description
        }
    }
}

extension Logger.MetadataValue: ExpressibleByStringInterpolation, ExpressibleByArrayLiteral,
    ExpressibleByDictionaryLiteral
{
    public init(stringLiteral value: String) { self = .string(value) }

    public init(arrayLiteral elements: Logger.MetadataValue...) { self = .array(elements) }

    public init(dictionaryLiteral elements: (String, Logger.MetadataValue)...) {
        self = .dictionary(Dictionary(elements) { $1 })
    }
}
