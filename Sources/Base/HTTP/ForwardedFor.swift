/// The caller's address of a request through proxies, from `X-Forwarded-For`.
///
/// Each proxy appends the address that connected to it. Only entries of trusted proxies are reliable, so that the list is
/// read from its end: the last address that is not a trusted proxy's is the caller's. Entries before it, and the field of
/// an untrusted peer, are ignored.
public enum ForwardedFor {
    /// - Parameters:
    ///   - peer: the other end of the connection.
    ///   - trusted: the networks of the proxies.
    /// - Returns: the caller's address; the peer's, unless it is a trusted proxy that sent the field.
    /// - Throws: when a trusted proxy sent a malformed list: the caller is unknown then.
    public static func caller(
        of fields: HTTPFields, from peer: IPAddress?, trusting trusted: NetworkList
    ) throws(MalformedMessage) -> IPAddress? {
        guard trusted.contains(peer), let text = fields[.xForwardedFor] else { return peer }
        var caller = peer
        for hop in text.split(separator: ",", omittingEmptySubsequences: false).reversed() {
            guard let address = address(hop) else {
                throw MalformedMessage(.field, "X-Forwarded-For is not a list of addresses.")
            }
            caller = address
            guard trusted.contains(address) else { break }
        }
        return caller
    }

    /// Reads `192.0.2.1`, `192.0.2.1:4711`, `2001:db8::1`, `[2001:db8::1]` or `[2001:db8::1]:4711`, in quotation marks or
    /// without.
    private static func address(_ hop: Substring) -> IPAddress? {
        var text = Array(hop.utf8)[...].trimmed
        if text.count >= 2, text.first == UInt8(ascii: "\""), text.last == UInt8(ascii: "\"") {
            text = text.dropFirst().dropLast()
        }
        if text.first == UInt8(ascii: "[") {
            guard let end = text.firstIndex(of: UInt8(ascii: "]")) else { return nil }
            guard isPort(text[(end + 1)...]) else { return nil }
            let address = IPAddress(String(decoding: text[(text.startIndex + 1)..<end], as: UTF8.self))
            return text[..<end].contains(.colon) ? address : nil
        }
        let colons = text.count { $0 == .colon }
        guard colons == 1, let colon = text.firstIndex(of: .colon) else {
            return IPAddress(String(decoding: text, as: UTF8.self))
        }
        guard isPort(text[colon...]) else { return nil }
        return IPAddress(String(decoding: text[..<colon], as: UTF8.self))
    }

    /// Whether it is empty, or a colon and a port.
    private static func isPort(_ text: ArraySlice<UInt8>) -> Bool {
        guard let first = text.first else { return true }
        let digits = text.dropFirst()
        return first == .colon && (1...5).contains(digits.count) && digits.allSatisfy(\.isDigit)
    }
}
