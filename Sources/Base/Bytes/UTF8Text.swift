extension [UInt8] {
    /// Appends a text's UTF-8 in one piece; `+= text.utf8` would go through it byte by byte.
    public mutating func append(utf8 text: String) { append(utf8: text) { _ in true } }

    /// Appends a text's UTF-8 if each of its bytes passes. All are looked at, without a branch for each.
    ///
    /// - Returns: whether it was appended.
    @inlinable @discardableResult
    public mutating func append(utf8 text: String, if passes: (UInt8) -> Bool) -> Bool {
        var text = text
        return text.withUTF8 { bytes in
            var doAll = true
            for byte in bytes { doAll = passes(byte) && doAll }
            if doAll { append(contentsOf: bytes) }
            return doAll
        }
    }
}
