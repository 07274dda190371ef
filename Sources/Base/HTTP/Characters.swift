extension UInt8 {
    static var carriageReturn: UInt8 { 0x0D }
    static var lineFeed: UInt8 { 0x0A }
    static var space: UInt8 { 0x20 }
    static var tab: UInt8 { 0x09 }
    static var colon: UInt8 { UInt8(ascii: ":") }

    /// An ASCII letter's lower-case form; others unchanged.
    var lowercased: UInt8 { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(self) ? self | 0x20 : self }

    /// Letters, digits and `!#$%&'*+-.^_`|~`. Source: RFC 9110, section 5.6.2.
    var isTokenCharacter: Bool { isIn(0x03FF_6CFA_0000_0000, 0x57FF_FFFF_C7FF_FFFE) }

    /// Looks an ASCII character up in a bit set: a head is parsed byte by byte, so that this is fast.
    private func isIn(_ low: UInt64, _ high: UInt64) -> Bool {
        self < 64 ? low &>> UInt64(self) & 1 == 1 : self < 128 && high &>> UInt64(self &- 64) & 1 == 1
    }

    /// Allowed in a field's value. Source: RFC 9110, section 5.5.
    var isFieldCharacter: Bool { self >= 0x20 && self != 0x7F || self == .tab }

    /// Allowed in a target: visible ASCII characters except `#`, as clients send no fragment.
    var isTargetCharacter: Bool { self > 0x20 && self < 0x7F && self != UInt8(ascii: "#") }

    /// Allowed in a host with a port: letters, digits and `-._~%!$&'()*+,;=:[]`. Source: RFC 3986, section 3.2.2.
    var isAuthorityCharacter: Bool { isIn(0x2FFF_7FF2_0000_0000, 0x47FF_FFFE_AFFF_FFFE) }

    var isDigit: Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self) }
}

extension ArraySlice<UInt8> {
    /// Compares without regard to ASCII case.
    ///
    /// - Parameter text: ASCII, in lower case.
    func isCaseInsensitively(_ text: String) -> Bool {
        let bytes = span
        let expected = text.utf8.span
        guard bytes.count == expected.count else { return false }
        for index in expected.indices where bytes[index].lowercased != expected[index] { return false }
        return true
    }

    func isExactly(_ text: String) -> Bool {
        let bytes = span
        let expected = text.utf8.span
        guard bytes.count == expected.count else { return false }
        for index in expected.indices where bytes[index] != expected[index] { return false }
        return true
    }

    /// Without leading and trailing spaces and tabs.
    var trimmed: Self {
        var (start, end) = (startIndex, endIndex)
        while start < end, self[start] == .space || self[start] == .tab { start += 1 }
        while end > start, self[end - 1] == .space || self[end - 1] == .tab { end -= 1 }
        return self[start..<end]
    }
}
