/// The likely intended word in place of an unknown one.
enum Suggestion {
    /// The nearest candidate, of whose letters at most one in three differs.
    static func nearest(to word: String, among candidates: [String]) -> String? {
        let letters = Array(word.drop { $0 == "-" }.utf8)
        // A longer word is not a typing error.
        guard (2...64).contains(letters.count) else { return nil }
        var best: (text: String, distance: Int)?
        for candidate in candidates {
            let other = Array(candidate.drop { $0 == "-" }.utf8)
            let distance = distance(letters, other)
            guard distance <= max(letters.count, other.count) / 3, distance < best?.distance ?? .max else { continue }
            best = (candidate, distance)
        }
        return best?.text
    }

    /// The end of a sentence about the unknown word.
    static func sentence(_ suggestion: String?) -> String { suggestion.map { ". Did you mean '\($0)'?" } ?? "" }

    /// The number of insertions, deletions, replacements and swaps of neighbours (Damerau-Levenshtein distance).
    private static func distance(_ a: [UInt8], _ b: [UInt8]) -> Int {
        var rows = [[Int]](repeating: [Int](repeating: 0, count: b.count + 1), count: a.count + 1)
        for i in 0...a.count { rows[i][0] = i }
        for j in 0...b.count { rows[0][j] = j }
        for i in a.indices {
            for j in b.indices {
                var least = min(rows[i][j] + (a[i] == b[j] ? 0 : 1), rows[i][j + 1] + 1, rows[i + 1][j] + 1)
                if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { least = min(least, rows[i - 1][j - 1] + 1) }
                rows[i + 1][j + 1] = least
            }
        }
        return rows[a.count][b.count]
    }
}
