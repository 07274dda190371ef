public import Bytes

extension JSON {
    public func bool() throws(MalformedInput) -> Bool {
        try expect(.bool, "true or false")
        return node.kind == .isTrue
    }

    public func text() throws(MalformedInput) -> String { String(decoding: try contentOfText(), as: UTF8.self) }

    /// The text as UTF-8.
    public func utf8() throws(MalformedInput) -> [UInt8] { Array(try contentOfText()) }

    /// The text as UTF-8, without another copy.
    public func secret() throws(MalformedInput) -> Secret { Secret(try contentOfText()) }

    private func contentOfText() throws(MalformedInput) -> ArraySlice<UInt8> {
        try expect(.text, "a text")
        return document.content(node)
    }

    /// JSON in this text. Paths in its errors begin with this value's.
    public func embedded(limits: Limits = Limits()) throws(MalformedInput) -> JSON {
        let text = Array(try contentOfText())
        do { return JSON(try JSONReader.read(text, limits, in: self), 0) } catch {
            throw MalformedInput(path, "holds a text that is not JSON: \(error.reason)")
        }
    }

    /// A whole number of this type and range, written without fraction or exponent.
    public func integer<Number: FixedWidthInteger>(
        _ type: Number.Type = Number.self, in range: ClosedRange<Number> = Number.min...Number.max
    ) throws(MalformedInput) -> Number {
        try expect(.number, "a number")
        let number = element.map { Number(exactly: smallNumber($0)) } ?? Self.integer(document.source[node.range])
        guard let number, range.contains(number) else {
            throw unfit("a whole number of \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    private static func integer<Number: FixedWidthInteger>(_ digits: ArraySlice<UInt8>) -> Number? {
        let isNegative = digits.first == UInt8(ascii: "-")
        var number: Number = 0
        for digit in digits.dropFirst(isNegative ? 1 : 0) {
            guard digit.isDigit, let value = Number(exactly: digit - UInt8(ascii: "0")) else { return nil }
            let (tenfold, isTooLarge) = number.multipliedReportingOverflow(by: 10)
            let (next, isTooLargeNow) =
                isNegative ? tenfold.subtractingReportingOverflow(value) : tenfold.addingReportingOverflow(value)
            guard !isTooLarge, !isTooLargeNow else { return nil }
            number = next
        }
        return number
    }

    /// A number, rounded to a finite `Double`.
    public func number() throws(MalformedInput) -> Double {
        try expect(.number, "a number")
        if let element { return Double(smallNumber(element)) }
        guard let number = Double(String(decoding: document.source[node.range], as: UTF8.self)) else {
            throw unfit("a number")
        }
        return number
    }

    /// An array of numbers of 0 to 255, serde's form of bytes.
    ///
    /// - Parameter count: the required count.
    public func bytes(count: Int? = nil) throws(MalformedInput) -> [UInt8] {
        try expect(.array, "an array of numbers of 0 to 255")
        guard node.kind == .smallNumbers || document.nodes[index].next == index + 1 else {
            for value in document.children(of: index) { _ = try JSON(document, value).integer(UInt8.self) }
            // All are, but in another notation (-0).
            throw unfit("an array of numbers of 0 to 255")
        }
        let bytes = Array(document.pool[node.content])
        guard count == nil || count == bytes.count else {
            throw MalformedInput(path, "has \(bytes.count) bytes instead of \(count ?? 0)")
        }
        return bytes
    }
}

// Lenient access: a value of another type counts as absent.
extension JSON {
    public var asText: String? { kind == .text ? String(decoding: document.content(node), as: UTF8.self) : nil }
    public var asBool: Bool? { try? bool() }
    public var asNumber: Double? { try? number() }
    public var asArray: [JSON]? { try? array() }
    public var asMembers: [(name: ExactText, value: JSON)]? { try? members() }
}
