import HTTP

/// The fields of a request, as libcurl takes them. It sends whatever it is given, a second field behind a line end too,
/// so they are checked here.
enum HeaderLine {
    /// - Throws: ``HTTPClientError``, which says where the character is and never what the value is.
    static func check(_ name: HTTPField.Name, _ value: String) throws(HTTPClientError) {
        let bytes = value.utf8
        guard let position = bytes.enumerated().first(where: { !isAllowed($0.element) })?.offset else { return }
        throw HTTPClientError(
            .request,
            "The field \(name) would hold a character that no field may have (at \(position + 1) of \(bytes.count)): "
                + "is there a line end in it?")
    }

    /// Visible characters of ASCII, space and tab. Source: RFC 9110, section 5.5, which knows others as obsolete.
    private static func isAllowed(_ byte: UInt8) -> Bool { (0x20...0x7E).contains(byte) || byte == 0x09 }

    /// - Throws: ``HTTPClientError``.
    static func all(of request: HTTPClientRequest) throws(HTTPClientError) -> [String] {
        var lines: [String] = []
        for field in request.headers {
            guard field.name != .host, field.name != .contentLength, field.name != .transferEncoding,
                field.name != .connection
            else {
                throw HTTPClientError(.request, "The field \(field.name) is the client's own to set.")
            }
            try check(field.name, field.value)
            let value = field.value.drop { $0 == " " || $0 == "\t" }
            // An empty value is how libcurl is told to leave a field out; this is how it sends one.
            lines.append(value.isEmpty ? "\(field.name);" : "\(field.name): \(value)")
        }
        // What libcurl would add on its own.
        for name in [HTTPField.Name.accept, .contentType, .userAgent, .expect] where !request.headers.contains(name) {
            lines.append("\(name):")
        }
        return lines
    }
}
