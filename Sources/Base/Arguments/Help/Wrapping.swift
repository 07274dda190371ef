extension String {
    /// Breaks lines between words, at fewer than `width` characters; the last may have `width`. Line ends are kept, and a
    /// longer word has a line of its own.
    func wrapped(to width: Int) -> [String] {
        let paragraphs = split(separator: "\n", omittingEmptySubsequences: false)
        return paragraphs.enumerated().flatMap { number, paragraph -> [String] in
            let words = paragraph.split(separator: " ")
            var (lines, current) = ([String](), "")
            for (index, word) in words.enumerated() {
                let isLast = number == paragraphs.count - 1 && index == words.count - 1
                if !current.isEmpty, current.count + 1 + word.count > (isLast ? width : width - 1) {
                    lines.append(current)
                    current = ""
                }
                current += (current.isEmpty ? "" : " ") + word
            }
            return lines + [current]
        }
    }
}
