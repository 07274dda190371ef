import Arguments
import Files
import FoundationEssentials
import Installation

/// Prints a line. It has the form of Swift's own function, and so takes its place here: that one does not say that the
/// disk is full.
func print(_ items: Any..., separator: String = " ", terminator: String = "\n") {
    Output.print(items.map { "\($0)" }.joined(separator: separator), terminator: terminator)
}

/// Prints lines at once, however many there are.
func printLines(_ lines: [String]) {
    if !lines.isEmpty { print(lines.joined(separator: "\n")) }
}

/// Says something beside the output, on standard error. There is nowhere to tell that this failed.
func tell(_ text: String) { try? StandardStream.errors.write(Array("\(text)\n".utf8)) }

/// JSON for a program: sorted, indented, times in RFC 3339.
func text(ofJSON value: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    encoder.dateEncodingStrategy = .iso8601
    encoder.keyEncodingStrategy = .convertToSnakeCase
    return String(decoding: try encoder.encode(value), as: UTF8.self)
}

func printJSON(_ value: some Encodable) throws { print(try text(ofJSON: value)) }

extension String {
    /// The text with spaces behind it, if it is shorter.
    func padding(to width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }
}

/// Prints a list: JSON for a program, or a table under its headings.
///
/// - Parameter none: what is said of an empty one.
func printList<Element: Encodable>(
    _ all: [Element], json: Bool, orElse none: String, _ headings: [String], row: (Element) -> [String]
) throws {
    if json { return try printJSON(all) }
    all.isEmpty ? print(none) : printTable([headings] + all.map(row))
}

/// Prints a verdict, and ends with 1 when it refuses.
func conclude(_ table: VerdictTable, isAccepted: Bool, json: Bool) throws {
    print(json ? try table.json() : table.text(emphasise: Terminal.emphasise))
    guard isAccepted else { throw ExitCode(1) }
}

/// Columns that line up, without spaces at a line's end.
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
