import Arguments
import Files
import FoundationEssentials

/// Prints a line. It shadows Swift's own function, which does not report a full disk.
func print(_ items: Any..., separator: String = " ", terminator: String = "\n") {
    Output.print(items.map { "\($0)" }.joined(separator: separator), terminator: terminator)
}

/// Prints lines in one write.
func printLines(_ lines: [String]) {
    if !lines.isEmpty { print(lines.joined(separator: "\n")) }
}

/// Prints a line on standard error. A failure of this cannot be reported.
func tell(_ text: String) { try? StandardStream.errors.write(Array("\(text)\n".utf8)) }

/// JSON: sorted, indented, times in RFC 3339.
func text(ofJSON value: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    encoder.dateEncodingStrategy = .iso8601
    encoder.keyEncodingStrategy = .convertToSnakeCase
    return String(decoding: try encoder.encode(value), as: UTF8.self)
}

func printJSON(_ value: some Encodable) throws { print(try text(ofJSON: value)) }

extension String {
    /// The text, filled with spaces to a width.
    func padding(to width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }
}

/// Prints a list as JSON, or as a table under headings.
///
/// - Parameter none: the sentence for an empty list.
func printList<Element: Encodable>(
    _ all: [Element], json: Bool, orElse none: String, _ headings: [String], row: (Element) -> [String]
) throws {
    if json { return try printJSON(all) }
    all.isEmpty ? print(none) : printTable([headings] + all.map(row))
}

/// Prints aligned columns, without spaces at a line's end.
func printTable(_ rows: [[String]]) {
    let widths = rows.reduce(into: [Int]()) { widths, row in
        for (index, cell) in row.enumerated() {
            if index == widths.count { widths.append(0) }
            widths[index] = max(widths[index], cell.count)
        }
    }
    printLines(
        rows.map { row in
            let cells = row.enumerated().map { index, cell in
                index == row.count - 1 ? cell : cell.padding(to: widths[index])
            }
            return cells.joined(separator: "  ")
        })
}
