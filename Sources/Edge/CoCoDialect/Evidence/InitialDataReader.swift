import Bytes
import Formats

/// Reads init data, which use a small subset of TOML.
///
/// Accepted are texts under bare and quoted keys, and the table `[data]`. Guests send init data before anything about
/// them is verified, so nesting and everything unknown are refused: a strict reader cannot disagree with another reader
/// about the meaning.
enum InitialDataReader {
    /// A parsed document.
    struct Document: Hashable {
        /// The entries before `[data]`.
        var head: [ExactText: ExactText] = [:]
        /// The members of `[data]`; `nil` when there is no such table.
        var data: [ExactText: ExactText]?
    }

    /// Most entries of `[data]`. Guests have a handful of files.
    static let mostEntries = 256
    /// Longest key, in bytes.
    static let longestKey = 256

    private static let limits: TOML.Limits = {
        var limits = TOML.Limits()
        // Depth 2 is a key in [data]. Depth 3 is allowed so that the error names the table and not the depth.
        limits.depth = 3
        limits.values = 4 * mostEntries
        return limits
    }()

    /// - Throws: ``MalformedInput`` with the line, without any of its text.
    static func read(_ text: [UInt8]) throws(MalformedInput) -> Document {
        // The digest covers a byte order mark, and other readers may skip it.
        guard !text.starts(with: [0xEF, 0xBB, 0xBF]) else {
            throw MalformedInput("init data", "it begins with a byte order mark")
        }
        let table: TOMLTable
        do throws(TOMLFault) { table = try TOML.read(text, limits: limits) } catch {
            throw MalformedInput("init data", error.description)
        }
        var document = Document()
        for entry in table.entries {
            if let data = entry.table {
                guard entry.key == "data", data.form == .header else {
                    throw malformed(entry, "has another table than [data]")
                }
                document.data = try texts(data.entries)
            }
        }
        document.head = try texts(table.entries.filter { $0.table == nil })
        return document
    }

    private static func texts(_ entries: [TOMLEntry]) throws(MalformedInput) -> [ExactText: ExactText] {
        if entries.count > mostEntries { throw malformed(entries[mostEntries], "is one key more than \(mostEntries)") }
        var texts: [ExactText: ExactText] = [:]
        for entry in entries {
            guard entry.key.text.utf8.count <= longestKey else {
                throw malformed(entry, "has a key of more than \(longestKey) bytes")
            }
            guard case .text(let text) = entry.value else {
                let isDotted = entry.table?.form == .dottedKey
                throw malformed(
                    entry, isDotted ? "has a dotted key: put it in quotation marks" : "has a value that is no text")
            }
            texts[entry.key] = ExactText(text)
        }
        return texts
    }

    private static func malformed(_ entry: TOMLEntry, _ reason: String) -> MalformedInput {
        MalformedInput("init data", "\(entry.keyPosition), \(reason)")
    }
}
