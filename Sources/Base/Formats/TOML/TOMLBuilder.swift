import Bytes

/// A table under construction, with TOML's rules about adding to it.
///
/// A table is defined once: by a header, by braces, or by dotted keys within one section. Headers may add subtables to an
/// existing one. Source: TOML 1.0.0, "Keys", "Table", "Inline Table", "Array of Tables".
final class TOMLBuilder {
    enum Content {
        case value(TOMLValue)
        case table(TOMLBuilder)
        /// `[[…]]`, of which the last is open.
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

    /// The table of a part of a dotted key, made if missing.
    ///
    /// - Returns: nil when this section must not add to it.
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

    /// - Returns: false when the key exists.
    func set(_ key: TOMLKey, _ value: TOMLValue, at position: TextPosition) -> Bool {
        guard places[key.text] == nil else { return false }
        add(key, position, .value(value))
        return true
    }

    /// The table of a header's part before the last, made if missing.
    ///
    /// - Returns: nil for a value, an array or an inline table.
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

    /// Defines a header's table.
    ///
    /// - Returns: nil when the key is defined.
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

    /// Appends a table to the array of a header in two brackets.
    ///
    /// - Returns: nil when the key is defined as something else.
    func append(_ key: TOMLKey) -> TOMLBuilder? {
        let table = TOMLBuilder(.header)
        guard let place = places[key.text] else {
            add(key, key.position, .tables([table]))
            return table
        }
        guard case .tables(var tables) = entries[place].content else { return nil }
        // So that the array has one reference while it grows.
        entries[place].content = .tables([])
        tables.append(table)
        entries[place].content = .tables(tables)
        return table
    }

    /// The finished table. The recursion is bounded by the reader's limit.
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

/// A part of a dotted key.
struct TOMLKey {
    let text: ExactText
    let position: TextPosition
}
