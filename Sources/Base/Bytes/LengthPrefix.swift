extension [UInt8] {
    /// Appends bytes after their number, in four bytes, big-endian: joined so, no two lists of parts give the same bytes.
    public mutating func append(lengthPrefixed bytes: [UInt8]) {
        self += UInt32(clamping: bytes.count).bigEndianBytes
        self += bytes
    }

    /// The bytes after their number, as ``append(lengthPrefixed:)`` writes them.
    public var lengthPrefixed: [UInt8] {
        var prefixed: [UInt8] = []
        prefixed.append(lengthPrefixed: self)
        return prefixed
    }
}
