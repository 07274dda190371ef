/// Shortens a sentence to fit a client's small buffer.
///
/// Long hex numbers are cut first, to the beginning that readers compare. If that is not enough, words are removed
/// before the check in brackets, or at the end: the code and the name of the failed check stay.
enum ShortSentence {
    static func of(_ text: String, upTo limit: Int) -> String {
        guard text.utf8.count > limit else { return text }
        let words = text.split(separator: " ").map(shortened)
        let mark = words.firstIndex { $0.hasPrefix("[") } ?? words.endIndex
        let tail = words[mark...].joined(separator: " ")
        var (head, isWhole) = (words[..<mark].joined(separator: " "), true)
        while !head.isEmpty, size(head, tail, isWhole) > limit {
            head = head.lastIndex(of: " ").map { String(head[..<$0]) } ?? ""
            isWhole = false
        }
        let short = [head, isWhole ? "" : "...", tail].filter { !$0.isEmpty }.joined(separator: " ")
        guard short.utf8.count > limit else { return short }
        // No words to remove: cut at whole characters.
        var cut = text
        while cut.utf8.count > limit { cut.removeLast() }
        return cut
    }

    private static func size(_ head: String, _ tail: String, _ isWhole: Bool) -> Int {
        head.utf8.count + (tail.isEmpty ? 0 : tail.utf8.count + 1) + (isWhole ? 0 : 4)
    }

    /// A run of more than 20 hex digits at a word's beginning keeps eight.
    private static func shortened(_ word: Substring) -> String {
        let run = word.prefix { $0.isHexDigit }
        return run.utf8.count > 20 ? "\(run.prefix(8))...\(word.dropFirst(run.count))" : String(word)
    }
}
