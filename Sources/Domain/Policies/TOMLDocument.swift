import Broker
import Bytes
import Formats

/// A TOML document of which every key is taken, or is an error.
struct TOMLDocument {
    /// More than any policy has.
    static let longest = 65_536

    /// What it is, for sentences: `The policy web`.
    private let subject: String
    private let root: TOMLTable
    /// Those that were asked for, in this order.
    private var known: [ExactText] = []

    /// - Throws: a ``Refusal`` when the text is not TOML.
    init(_ text: String, subject: String) throws(Refusal) {
        guard text.utf8.count <= Self.longest else {
            throw Refusal(.invalidField, "\(subject) has \(text.utf8.count) bytes and may have \(Self.longest).")
        }
        self.subject = subject
        do throws(TOMLFault) { root = try TOML.read(Array(text.utf8)) } catch {
            throw Refusal(
                .invalidField,
                "\(subject), line \(error.position.line), \(error.reason) (column \(error.position.column)).")
        }
    }

    // MARK: Taking

    mutating func text(_ key: String) throws(Refusal) -> String? {
        guard let value = take(key) else { return nil }
        switch value {
        case .text(let text): return text
        // As it is written: what it means is the caller's to say.
        case .time(let time) where time.kind != .timeOfDay: return time.text
        default: throw refuse(key, "must be text in quotation marks")
        }
    }

    mutating func bool(_ key: String) throws(Refusal) -> Bool? {
        guard let value = take(key) else { return nil }
        guard case .bool(let bool) = value else { throw refuse(key, "must be true or false") }
        return bool
    }

    mutating func number(_ key: String) throws(Refusal) -> UInt32? {
        guard let value = take(key) else { return nil }
        guard case .integer(let number) = value, let small = UInt32(exactly: number) else {
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
        case .array(let elements):
            guard mayBeEmpty || !elements.isEmpty else {
                throw refuse(key, "is an empty list, which nobody can meet: give a value, or leave it out")
            }
            var texts: [String] = []
            for element in elements {
                guard case .text(let text) = element.value else { throw refuse(key, wanted) }
                guard !texts.contains(where: { ExactText($0) == ExactText(text) }) else {
                    throw refuse(key, "holds \"\(text.prefix(100))\" twice")
                }
                texts.append(text)
            }
            return texts
        default: throw refuse(key, wanted)
        }
    }

    /// A list of texts, whole numbers or truth values, as they are written. One alone is a list of one.
    mutating func scalars(_ key: String) throws(Refusal) -> [String]? {
        let wanted = "must be a list of texts, whole numbers or truth values"
        func text(_ value: TOMLValue) throws(Refusal) -> String {
            switch value {
            case .text(let text): text
            case .integer(let number): "\(number)"
            case .bool(let bool): "\(bool)"
            default: throw refuse(key, wanted)
            }
        }
        switch root[key]?.value {
        case .array(let elements)? where elements.contains { if case .text = $0.value { false } else { true } }:
            known.append(ExactText(key))
            var texts: [String] = []
            for element in elements { texts.append(try text(element.value)) }
            return texts
        case .integer(let number)?:
            known.append(ExactText(key))
            return ["\(number)"]
        case .bool(let bool)?:
            known.append(ExactText(key))
            return ["\(bool)"]
        default: return try list(key)
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

    /// A table of texts; empty when there is none.
    mutating func table(_ key: String) throws(Refusal) -> [ExactText: ExactText] {
        guard let value = take(key) else { return [:] }
        guard case .table(let table) = value, !table.entries.isEmpty else {
            throw refuse(key, "must be a table that is not empty: [\(key)], and under it lines such as name = \"text\"")
        }
        var texts: [ExactText: ExactText] = [:]
        for entry in table.entries {
            guard case .text(let text) = entry.value else {
                throw refuse(key, "has \"\(entry.key.text.prefix(64))\", which must be text in quotation marks")
            }
            texts[entry.key] = ExactText(text)
        }
        return texts
    }

    private mutating func take(_ key: String) -> TOMLValue? {
        known.append(ExactText(key))
        return root[key]?.value
    }

    /// - Throws: a ``Refusal`` when something was not taken.
    func finish() throws(Refusal) {
        guard let key = root.entries.map(\.key).filter({ !known.contains($0) }).sorted().first else { return }
        throw refuse(key.text, "is not known. What there is: \(known.map(\.text).joined(separator: ", "))")
    }

    /// An error about a key, with its line if it is there.
    func refuse(_ key: String, _ problem: String) -> Refusal {
        let line = root[key].map { ", line \($0.keyPosition.line)" } ?? ""
        let end = problem.hasSuffix(".") ? "" : "."
        return Refusal(.invalidField, "\(subject)\(line): `\(key.prefix(64))` \(problem)\(end)")
    }
}
