import HTTP

/// A request's fields as libcurl's header lines. libcurl sends them unchecked, line ends included.
enum HeaderLine {
    /// - Throws: ``HTTPClientError``, with the character's position and without the value.
    static func check(_ name: HTTPField.Name, _ value: String) throws(HTTPClientError) {
        let bytes = value.utf8
        guard let position = bytes.enumerated().first(where: { !isAllowed($0.element) })?.offset else { return }
        throw HTTPClientError(
            .request,
            "The value of the field \(name) holds an invalid character (at \(position + 1) of \(bytes.count)): is there "
                + "a line end in it?")
    }

    /// Visible ASCII characters, space and tab. Source: RFC 9110, section 5.5, without the obsolete `obs-text`.
    private static func isAllowed(_ byte: UInt8) -> Bool { (0x20...0x7E).contains(byte) || byte == 0x09 }

    /// - Throws: ``HTTPClientError``.
    static func all(of request: HTTPClientRequest) throws(HTTPClientError) -> [String] {
        var lines: [String] = []
        for field in request.headers {
            guard field.name != .host, field.name != .contentLength, field.name != .transferEncoding,
                field.name != .connection
            else {
                throw HTTPClientError(.request, "The field \(field.name) is set by the client itself.")
            }
            try check(field.name, field.value)
            let value = field.value.drop { $0 == " " || $0 == "\t" }
            // With a colon, an empty value removes a field from libcurl's own; with a semicolon it is sent.
            lines.append(value.isEmpty ? "\(field.name);" : "\(field.name): \(value)")
        }
        // Removes the fields that libcurl adds by itself.
        for name in [HTTPField.Name.accept, .contentType, .userAgent, .expect] where !request.headers.contains(name) {
            lines.append("\(name):")
        }
        return lines
    }
}
