import Bytes

/// Puts tables together while a document is read, and knows which may still be written to.
///
/// A table is defined once: by a header, by braces, or by dotted keys within one section. Headers may add tables to those that
/// are there. Source: TOML 1.0.0, "Keys", "Table", "Inline Table", "Array of Tables".
final class TOMLBuilder {
    enum Content {
        case value(TOMLValue)
        case table(TOMLBuilder)
        /// `[[…]]`: the last one is written to.
        case tables([TOMLBuilder])
    }

    struct Entry {
        let key: ExactText
        let keyPosition: TextPosition
        let position: TextPosition
        var content: Content
    }

    private(set) var form: TOMLTable.Form
    /// The section whose dotted keys define this table.
    private var section: Int?
    private var entries: [Entry] = []
    private var places: [ExactText: Int] = [:]

    init(_ form: TOMLTable.Form, section: Int? = nil) { (self.form, self.section) = (form, section) }

    private func add(_ key: TOMLKey, _ position: TextPosition, _ content: Content) {
        places[key.text] = entries.count
        entries.append(Entry(key: key.text, keyPosition: key.position, position: position, content: content))
    }

    /// The table that a part of a dotted key leads to, made if it is not there.
    ///
    /// - Returns: nil when there is one that this section must not write to.
    func dotted(_ key: TOMLKey, section: Int) -> TOMLBuilder? {
        guard let place = places[key.text] else {
            let table = TOMLBuilder(.dottedKey, section: section)
            add(key, key.position, .table(table))
            return table
        }
        guard case .table(let table) = entries[place].content else { return nil }
        if table.form == .longerHeader { (table.form, table.section) = (.dottedKey, section) }
        return table.section == section ? table : nil
    }

    /// - Returns: false when the key is there.
    func set(_ key: TOMLKey, _ value: TOMLValue, at position: TextPosition) -> Bool {
        guard places[key.text] == nil else { return false }
        add(key, position, .value(value))
        return true
    }

    /// The table that a header leads through.
    ///
    /// - Returns: nil when there is a value, an array or a table in braces.
    func through(_ key: TOMLKey) -> TOMLBuilder? {
        guard let place = places[key.text] else {
            let table = TOMLBuilder(.longerHeader)
            add(key, key.position, .table(table))
            return table
        }
        return switch entries[place].content {
        case .value: nil
        case .table(let table): table
        case .tables(let tables): tables.last
        }
    }

    /// The table that a header defines.
    ///
    /// - Returns: nil when it is defined, or something else is there.
    func header(_ key: TOMLKey) -> TOMLBuilder? {
        guard let place = places[key.text] else {
            let table = TOMLBuilder(.header)
            add(key, key.position, .table(table))
            return table
        }
        guard case .table(let table) = entries[place].content, table.form == .longerHeader else { return nil }
        table.form = .header
        return table
    }

    /// The table that a header in two brackets adds.
    ///
    /// - Returns: nil when something else is there.
    func append(_ key: TOMLKey) -> TOMLBuilder? {
        let table = TOMLBuilder(.header)
        guard let place = places[key.text] else {
            add(key, key.position, .tables([table]))
            return table
        }
        guard case .tables(var tables) = entries[place].content else { return nil }
        // The list must not be held twice while it grows.
        entries[place].content = .tables([])
        tables.append(table)
        entries[place].content = .tables(tables)
        return table
    }

    /// What was put together. No deeper than the reader goes.
    var table: TOMLTable {
        let made = entries.map { entry in
            let value: TOMLValue =
                switch entry.content {
                case .value(let value): value
                case .table(let table): .table(table.table)
                case .tables(let tables):
                    .array(tables.map { TOMLElement(value: .table($0.table), position: entry.position) })
                }
            return TOMLEntry(
                key: entry.key, keyPosition: entry.keyPosition, value: value, position: entry.position)
        }
        return TOMLTable(form, made, places)
    }
}

/// A part of a key: between two dots.
struct TOMLKey {
    let text: ExactText
    let position: TextPosition
}
