extension Collection where Self == ArraySlice<UInt8> {
    /// Whether these bytes stand in it. `firstRange(of:)` takes longer for it than reading them as JSON.
    public func holds(_ bytes: [UInt8]) -> Bool {
        guard let first = bytes.first, count >= bytes.count else { return bytes.isEmpty }
        for start in startIndex...(endIndex - bytes.count)
        where self[start] == first && self[start..<start + bytes.count].elementsEqual(bytes) {
            return true
        }
        return false
    }
}
