import Bytes
import Formats
import FoundationEssentials

/// The column of the values.
extension ReferenceValueSet {
    /// Digests one after the other, followed by a byte 1 for a value that was set alone; values of other kinds as JSON.
    package var valuesColumn: [UInt8] {
        guard kind.isRead else { return json.encoded }
        return values.flatMap(\.bytes) + (isSingle ? [1] : [])
    }

    /// - Returns: `nil` for bytes that are no such column.
    package static func values(column: [UInt8], kind: Kind) -> (values: [[UInt8]], isSingle: Bool)? {
        if let length = kind.length {
            let (count, rest) = column.count.quotientAndRemainder(dividingBy: length)
            guard rest == 0 || rest == 1 && count == 1 && column.last == 1 else { return nil }
            return ((0..<count).map { Array(column[$0 * length..<($0 + 1) * length]) }, rest == 1)
        }
        guard let json = try? JSON(column) else { return nil }
        func value(_ json: JSON) -> [UInt8]? {
            switch (kind, json.kind) {
            case (.number, .number), (.boolean, .bool): json.raw
            case (.text, .text): try? json.utf8()
            default: nil
            }
        }
        guard let list = json.asArray else { return value(json).map { ([$0], true) } }
        let values = list.compactMap(value)
        return values.count == list.count ? (values, false) : nil
    }
}

/// The columns of periods and provenance, with an element for each value, in the same order.
extension ReferenceValueSet {
    /// Both ends of each value's period, as seconds since 1970 in 8 bytes; empty when no value has any.
    package var periodsColumn: [UInt8] {
        guard values.contains(where: { $0.period != .always }) else { return [] }
        return values.flatMap { value in
            Self.bytes(value.period.from, or: .min) + Self.bytes(value.period.expires, or: .max)
        }
    }

    private static func bytes(_ date: Date?, or none: Int64) -> [UInt8] {
        UInt64(bitPattern: date.map { Int64(exactly: $0.timeIntervalSince1970.rounded(.down)) ?? none } ?? none)
            .bigEndianBytes
    }

    /// - Returns: `nil` for bytes that are no such column.
    package static func periods(column: [UInt8], count: Int) -> [ValidityPeriod]? {
        guard !column.isEmpty else { return Array(repeating: .always, count: count) }
        guard column.count == count * 16 else { return nil }
        func date(_ index: Int, none: Int64) -> Date? {
            let number = Int64(bitPattern: column[index..<index + 8].reduce(0) { $0 << 8 | UInt64($1) })
            return number == none ? nil : Date(timeIntervalSince1970: Double(number))
        }
        return (0..<count).map {
            ValidityPeriod(from: date($0 * 16, none: .min), expires: date($0 * 16 + 8, none: .max))
        }
    }

    /// The entry and the provenance of each value: JSON.
    package var provenanceColumn: String { JSONValue.array(values.map(\.details)).encodedText }

    /// The set with the entries and provenances of a column.
    ///
    /// - Throws: ``MalformedInput`` for text that is no such column.
    package func reading(provenance column: String) throws -> ReferenceValueSet {
        var limits = JSON.Limits()
        limits.values = 1 << 22
        let details = try JSON(Array(column.utf8), limits: limits).array()
        guard details.count == values.count else {
            throw MalformedInput("provenance", "has \(details.count) entries for \(values.count) values")
        }
        var values = values
        for (index, json) in details.enumerated() { try values[index].read(json) }
        return try ReferenceValueSet(
            name: name, kind: kind, values: values, source: source, supersededBy: supersededBy, isSingle: isSingle)
    }
}

extension ReferenceValue {
    fileprivate var details: JSONValue {
        var json: JSONValue = .object([])
        json["by"] = entry.map { .text($0.actor) }
        json["added"] = entry.map { .text(RFC3339.text($0.time)) }
        json["provenance"] = provenance.map(\.json)
        return json
    }

    fileprivate mutating func read(_ json: JSON) throws(MalformedInput) {
        if let member = try json.optional("added") {
            guard let time = RFC3339.date(try member.text()) else { throw member.unfit("a time as RFC 3339 has it") }
            entry = Entry(by: try json.member("by").text(), at: time)
        }
        if let member = try json.optional("provenance") { provenance = try Provenance(member) }
    }
}
