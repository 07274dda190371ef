/// A field that cannot be written: its value holds a control character.
public struct UnwritableField: Error, Hashable, Sendable, CustomStringConvertible {
    public let name: HTTPField.Name

    /// Without the value, which may be a secret.
    public var description: String { "The value of the header field \(name) holds a control character." }
}

extension [UInt8] {
    /// Appends `HTTP/1.1 200 OK`.
    public mutating func appendStatusLine(_ status: HTTPResponse.Status) {
        append(contentsOf: "HTTP/1.1 ".utf8)
        appendDecimal(status.code)
        append(.space)
        append(contentsOf: status.reasonPhrase.utf8)
        appendLineEnd()
    }

    /// Appends `GET /path HTTP/1.1`.
    ///
    /// - Throws: when the target holds a space, a control character or one beyond ASCII.
    public mutating func appendRequestLine(_ method: HTTPRequest.Method, _ target: String) throws(MalformedMessage) {
        guard !target.isEmpty, target.utf8.allSatisfy(\.isTargetCharacter) else {
            throw MalformedMessage(.target, "The target holds a character that is not percent-encoded.")
        }
        append(contentsOf: method.rawValue.utf8)
        append(.space)
        append(contentsOf: target.utf8)
        append(contentsOf: " HTTP/1.1".utf8)
        appendLineEnd()
    }

    /// Appends `Name: value`.
    public mutating func appendField(_ name: HTTPField.Name, _ value: String) throws(UnwritableField) {
        guard HTTPField.isValidValue(value) else { throw UnwritableField(name: name) }
        append(contentsOf: name.rawName.utf8)
        append(.colon)
        append(.space)
        append(contentsOf: value.utf8)
        appendLineEnd()
    }

    /// Appends each field on a line of its own.
    public mutating func append(_ fields: HTTPFields) throws(UnwritableField) {
        for field in fields { try appendField(field.name, field.value) }
    }

    /// Appends `Content-Length: 5`.
    public mutating func appendContentLength(_ length: Int) {
        append(contentsOf: "Content-Length: ".utf8)
        appendDecimal(length)
        appendLineEnd()
    }

    /// Ends a line; an empty one ends a head.
    public mutating func appendLineEnd() {
        append(.carriageReturn)
        append(.lineFeed)
    }

    /// - Parameter number: not negative.
    private mutating func appendDecimal(_ number: Int) {
        if number >= 10 { appendDecimal(number / 10) }
        append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: number % 10))
    }
}
