/// A message's header fields, in their order.
public struct HTTPFields: Sendable, Hashable {
    private var fields: [HTTPField] = []

    public init() {}

    /// The field's value; several lines of one name are joined with ", " (RFC 9110, section 5.3), cookies with "; ".
    /// Setting it replaces all lines of the name; nil removes them.
    public subscript(name: HTTPField.Name) -> String? {
        get {
            var joined: String?
            for field in fields where field.name == name {
                guard let first = joined else {
                    joined = field.value
                    continue
                }
                joined = first + (name == .cookie ? "; " : ", ") + field.value
            }
            return joined
        }
        set { self[values: name] = newValue.map { [$0] } ?? [] }
    }

    /// The values of a name, line by line.
    public subscript(values name: HTTPField.Name) -> [String] {
        get { fields.compactMap { $0.name == name ? $0.value : nil } }
        set {
            if let first = fields.firstIndex(where: { $0.name == name }) {
                if newValue.count == 1 {
                    fields[first].value = newValue[0]
                    let rest = first + 1
                    if fields[rest...].contains(where: { $0.name == name }) {
                        fields = fields[..<rest] + fields[rest...].filter { $0.name != name }
                    }
                    return
                }
                fields.removeAll { $0.name == name }
            }
            fields += newValue.map { HTTPField(name: name, value: $0) }
        }
    }

    public func contains(_ name: HTTPField.Name) -> Bool { fields.contains { $0.name == name } }

    public mutating func append(_ field: HTTPField) { fields.append(field) }

    mutating func reserveCapacity(_ count: Int) { fields.reserveCapacity(count) }
}

extension HTTPFields: RandomAccessCollection {
    public var startIndex: Int { fields.startIndex }
    public var endIndex: Int { fields.endIndex }
    public subscript(position: Int) -> HTTPField { fields[position] }
}

extension HTTPFields: ExpressibleByDictionaryLiteral {
    public init(dictionaryLiteral elements: (HTTPField.Name, String)...) {
        fields = elements.map { HTTPField(name: $0, value: $1) }
    }
}
