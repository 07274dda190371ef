import Broker
import Evidence
import TOMLKit

/// A TOML document of which every key is taken, or is an error.
struct TOMLDocument {
    /// More than any policy has.
    static let longest = 65_536

    private enum Value {
        case text(String)
        case number(Int)
        case bool(Bool)
        case list([Value])
        case table([String: Value])
        case other(String)
    }

    /// What it is, for sentences: `The policy web`.
    private let subject: String
    private let text: String
    private var values: [String: Value]
    /// Those that were asked for, in this order.
    private var known: [String] = []

    /// - Throws: a ``Refusal`` when the text is not TOML.
    init(_ text: String, subject: String) throws(Refusal) {
        guard text.utf8.count <= Self.longest else {
            throw Refusal(.invalidField, "\(subject) has \(text.utf8.count) bytes and may have \(Self.longest).")
        }
        do throws(TOMLShape.Fault) { try TOMLShape.check(text) } catch {
            throw Refusal(.invalidField, "\(subject), line \(error.line), \(error.problem).")
        }
        do { try CombiningMarks.check(text.utf8) } catch {
            throw Refusal(.invalidField, "\(subject) is not text that can be used: \(error.reason).")
        }
        self.subject = subject
        self.text = text
        do {
            let table = try TOMLTable(string: text)
            // What it gives out lives only as long as the table.
            values = withExtendedLifetime(table) { Self.read(table) }
        } catch let error as TOMLParseError {
            throw Refusal(.invalidField, "\(subject), line \(error.source.begin.line): \(error.description).")
        } catch {
            throw Refusal(.invalidField, "\(subject) is not TOML.")
        }
    }

    private static func read(_ table: TOMLTable) -> [String: Value] {
        var values: [String: Value] = [:]
        for key in table.keys {
            // What cannot be read is known to be there, so that it is refused.
            values[key] = table[key].map { read($0) } ?? .other("unreadable")
        }
        return values
    }

    private static func read(_ value: any TOMLValueConvertible) -> Value {
        if let text = value.string { return .text(text) }
        if let number = value.int { return .number(number) }
        if let bool = value.bool { return .bool(bool) }
        if let array = value.array { return .list(array.map { read($0) }) }
        if let table = value.table { return .table(read(table)) }
        if let date = value.date { return .text(text(of: date)) }
        if let time = value.dateTime { return .text(text(of: time)) }
        return .other(value.type.description)
    }

    /// Times as they are written: the library would read them in the zone of the machine, and writes one without a zone as
    /// if it had one.
    private static func text(of time: TOMLDateTime) -> String {
        let clock = [time.time.hour, time.time.minute, time.time.second].map { pad($0) }.joined(separator: ":")
        let zone = time.offset.map { zone in
            let minutes = abs(zone.offset)
            return "\(zone.offset < 0 ? "-" : "+")\(pad(minutes / 60)):\(pad(minutes % 60))"
        }
        return "\(text(of: time.date))T\(clock)\(zone ?? "")"
    }

    private static func text(of date: TOMLDate) -> String {
        "\(pad(date.year, 4))-\(pad(date.month))-\(pad(date.day))"
    }

    private static func pad(_ number: Int, _ width: Int = 2) -> String {
        let digits = "\(number)"
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }

    // MARK: Taking

    mutating func text(_ key: String) throws(Refusal) -> String? {
        guard let value = take(key) else { return nil }
        guard case .text(let text) = value else { throw refuse(key, "must be text in quotation marks") }
        return text
    }

    mutating func bool(_ key: String) throws(Refusal) -> Bool? {
        guard let value = take(key) else { return nil }
        guard case .bool(let bool) = value else { throw refuse(key, "must be true or false") }
        return bool
    }

    mutating func number(_ key: String) throws(Refusal) -> UInt32? {
        guard let value = take(key) else { return nil }
        guard case .number(let number) = value, let small = UInt32(exactly: number) else {
            throw refuse(key, "must be a whole number from 0 to \(UInt32.max)")
        }
        return small
    }

    /// A list of texts. One text alone is a list of one.
    ///
    /// - Parameter mayBeEmpty: whether an empty list means something.
    mutating func list(_ key: String, mayBeEmpty: Bool = false) throws(Refusal) -> [String]? {
        guard let value = take(key) else { return nil }
        let wanted = "must be a list of texts, such as \(key) = [\"…\"]"
        switch value {
        case .text(let text): return [text]
        case .list(let values):
            guard mayBeEmpty || !values.isEmpty else {
                throw refuse(key, "is an empty list, which nobody can meet: give a value, or leave it out")
            }
            var texts: [String] = []
            for value in values {
                guard case .text(let text) = value else { throw refuse(key, wanted) }
                guard !texts.contains(text) else { throw refuse(key, "holds \"\(text.prefix(100))\" twice") }
                texts.append(text)
            }
            return texts
        default: throw refuse(key, wanted)
        }
    }

    /// A list of texts, each of which means something.
    mutating func list<T>(
        _ key: String, of wanted: String, mayBeEmpty: Bool = false, _ read: (String) throws(Refusal) -> T?
    ) throws(Refusal) -> [T]? {
        guard let texts = try list(key, mayBeEmpty: mayBeEmpty) else { return nil }
        var values: [T] = []
        for text in texts {
            let value: T?
            do throws(Refusal) { value = try read(text) } catch {
                throw refuse(key, "holds what it cannot: \(error.sentence)")
            }
            guard let value else { throw refuse(key, "holds \"\(text.prefix(100))\", and \(wanted)") }
            values.append(value)
        }
        return values
    }

    /// A table of texts.
    mutating func table(_ key: String) throws(Refusal) -> [String: String]? {
        guard let value = take(key) else { return nil }
        guard case .table(let table) = value, !table.isEmpty else {
            throw refuse(key, "must be a table that is not empty: [\(key)], and under it lines such as name = \"text\"")
        }
        var texts: [String: String] = [:]
        for (name, value) in table {
            guard case .text(let text) = value else {
                throw refuse(key, "has \"\(name.prefix(64))\", which must be text in quotation marks")
            }
            texts[name] = text
        }
        return texts
    }

    private mutating func take(_ key: String) -> Value? {
        known.append(key)
        return values.removeValue(forKey: key)
    }

    /// - Throws: a ``Refusal`` when something was not taken.
    func finish() throws(Refusal) {
        guard let key = values.keys.sorted().first else { return }
        throw refuse(key, "is not known. What there is: \(known.joined(separator: ", "))")
    }

    /// An error about a key, with its line if that is found.
    func refuse(_ key: String, _ problem: String) -> Refusal {
        let line = line(of: key).map { ", line \($0)" } ?? ""
        let end = problem.hasSuffix(".") ? "" : "."
        return Refusal(.invalidField, "\(subject)\(line): `\(key.prefix(64))` \(problem)\(end)")
    }

    /// The library does not say where a value stands, so the key is looked for at the beginning of a line.
    private func line(of key: String) -> Int? {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        return lines.firstIndex { line in
            let trimmed = line.drop { $0 == " " || $0 == "\t" || $0 == "[" || $0 == "\"" }
            guard trimmed.hasPrefix(key) else { return false }
            return trimmed.dropFirst(key.count).first.map { " \t=].\"".contains($0) } ?? false
        }.map { $0 + 1 }
    }
}
