extension UInt8 {
    static var carriageReturn: UInt8 { 0x0D }
    static var lineFeed: UInt8 { 0x0A }
    static var space: UInt8 { 0x20 }
    static var tab: UInt8 { 0x09 }
    static var colon: UInt8 { UInt8(ascii: ":") }

    /// The same in lower case, if it is a letter of ASCII.
    var lowercased: UInt8 { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(self) ? self | 0x20 : self }

    /// Letters, digits and `!#$%&'*+-.^_`|~`. Source: RFC 9110, section 5.6.2.
    var isTokenCharacter: Bool { isIn(0x03FF_6CFA_0000_0000, 0x57FF_FFFF_C7FF_FFFE) }

    /// Whether the bit of an ASCII character is set: a head is read character by character, and this is quick.
    private func isIn(_ low: UInt64, _ high: UInt64) -> Bool {
        self < 64 ? low &>> UInt64(self) & 1 == 1 : self < 128 && high &>> UInt64(self &- 64) & 1 == 1
    }

    /// What may stand in a field's value. Source: RFC 9110, section 5.5.
    var isFieldCharacter: Bool { self >= 0x20 && self != 0x7F || self == .tab }

    /// What may stand in a target. Non-ASCII characters are percent-encoded there; a fragment is the client's own.
    var isTargetCharacter: Bool { self > 0x20 && self < 0x7F && self != UInt8(ascii: "#") }

    /// What may stand in a host with its port: letters, digits and `-._~%!$&'()*+,;=:[]`. Source: RFC 3986, section 3.2.2.
    var isAuthorityCharacter: Bool { isIn(0x2FFF_7FF2_0000_0000, 0x47FF_FFFE_AFFF_FFFE) }

    var isDigit: Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self) }

    /// The value of a hexadecimal digit.
    var hexValue: UInt8? {
        switch self {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): self - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): self - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): self - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}

extension ArraySlice<UInt8> {
    /// Whether it is this text, in upper or lower case.
    ///
    /// - Parameter text: ASCII, in lower case.
    func isCaseInsensitively(_ text: String) -> Bool {
        let bytes = span
        let expected = text.utf8.span
        guard bytes.count == expected.count else { return false }
        for index in expected.indices where bytes[index].lowercased != expected[index] { return false }
        return true
    }

    /// Whether it is this text.
    func isExactly(_ text: String) -> Bool {
        let bytes = span
        let expected = text.utf8.span
        guard bytes.count == expected.count else { return false }
        for index in expected.indices where bytes[index] != expected[index] { return false }
        return true
    }

    /// Without spaces and tabs at its ends.
    var trimmed: Self {
        var (start, end) = (startIndex, endIndex)
        while start < end, self[start] == .space || self[start] == .tab { start += 1 }
        while end > start, self[end - 1] == .space || self[end - 1] == .tab { end -= 1 }
        return self[start..<end]
    }
}
