extension Collection where Self == ArraySlice<UInt8> {
    /// Whether it contains the bytes. `firstRange(of:)` takes longer than parsing them as JSON.
    public func holds(_ bytes: [UInt8]) -> Bool {
        guard let first = bytes.first, count >= bytes.count else { return bytes.isEmpty }
        for start in startIndex...(endIndex - bytes.count)
        where self[start] == first && self[start..<start + bytes.count].elementsEqual(bytes) {
            return true
        }
        return false
    }
}
