import Bytes
import Formats

/// Reads init data: as much of TOML as they are written in, and nothing more.
///
/// That is texts under bare and quoted keys, and the table `[data]`. Any guest may send init data before anything is known
/// of it: nothing nests, and what is not known is refused. A reader that takes less than others cannot be led to another
/// meaning.
enum InitialDataReader {
    /// A document as it was read.
    struct Document: Hashable {
        /// What stands before `[data]`.
        var head: [ExactText: ExactText] = [:]
        /// The members of `[data]`; `nil` when there is no such table.
        var data: [ExactText: ExactText]?
    }

    /// Of `[data]`. Guests have a handful of files.
    static let mostEntries = 256
    /// Of a key, in bytes.
    static let longestKey = 256

    private static let limits: TOML.Limits = {
        var limits = TOML.Limits()
        // A key in [data]; one more, so that the error is about the table and not about its depth.
        limits.depth = 3
        return limits
    }()

    /// - Throws: ``MalformedInput``, which names the line and repeats nothing of it.
    static func read(_ text: [UInt8]) throws(MalformedInput) -> Document {
        // The digest is over it, and other readers may not see it.
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
