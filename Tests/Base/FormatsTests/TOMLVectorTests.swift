import Bytes
import Formats
import Foundation
import TestSupport
import Testing

/// toml-test: every document of TOML 1.0, valid ones with what they mean.
@Suite("TOML test suite", .enabled(if: Vectors.arePresent))
struct TOMLVectorTests {
    private static func files(_ folder: String) throws -> [String] {
        String(decoding: try Vectors.bytes("vectors/toml/files-toml-1.0.0"), as: UTF8.self).split(separator: "\n")
            .map(String.init).filter { $0.hasPrefix(folder) && $0.hasSuffix(".toml") }
    }

    private static let limits: TOML.Limits = {
        var limits = TOML.Limits()
        // Which this reader refuses unless it is told otherwise.
        limits.allowsNUL = true
        return limits
    }()

    @Test("Every valid document is read, and means what it should")
    func valid() throws {
        let files = try Self.files("valid/")
        #expect(files.count > 200)
        for name in files {
            let text = try Vectors.bytes("vectors/toml/\(name)")
            do {
                let table = try TOML.read(text, limits: Self.limits)
                let meaning = try Vectors.bytes("vectors/toml/\(name.dropLast(5)).json")
                let difference = Self.difference(.table(table), try JSON(meaning), "")
                #expect(difference == nil, "\(name): \(difference ?? "")")
            } catch { Issue.record("\(name): \(error)") }
        }
    }

    @Test("Every invalid document is refused, with a line that it has")
    func invalid() throws {
        let files = try Self.files("invalid/")
        #expect(files.count > 400)
        for name in files {
            let text = try Vectors.bytes("vectors/toml/\(name)")
            let fault = #expect(throws: TOMLFault.self, "\(name)") { try TOML.read(text, limits: Self.limits) }
            let lines = text.count { $0 == UInt8(ascii: "\n") } + 1
            #expect((1...lines).contains(fault?.position.line ?? 0), "\(name): \(fault?.description ?? "")")
        }
    }

    /// Where a value is not what it should mean; nil when it is.
    private static func difference(_ value: TOMLValue, _ meaning: JSON, _ path: String) -> String? {
        switch value {
        case .table(let table):
            guard let members = meaning.asMembers, members.count == table.entries.count else {
                return "\(path) has \(table.entries.count) keys"
            }
            for (name, value) in members {
                guard let entry = table[name.text] else { return "\(path).\(name) is missing" }
                if let found = difference(entry.value, value, "\(path).\(name)") { return found }
            }
            return nil
        case .array(let elements):
            guard let values = meaning.asArray, values.count == elements.count else {
                return "\(path) has \(elements.count) elements"
            }
            for (index, (element, value)) in zip(elements, values).enumerated() {
                if let found = difference(element.value, value, "\(path).\(index)") { return found }
            }
            return nil
        default:
            guard let type = meaning["type"]?.asText, let text = meaning["value"]?.asText else {
                return "\(path) should be no \(value)"
            }
            return isSame(value, type, text) ? nil : "\(path) is \(value), not \(type) \(text)"
        }
    }

    private static func isSame(_ value: TOMLValue, _ type: String, _ text: String) -> Bool {
        switch (value, type) {
        case (.text(let found), "string"): return Array(found.utf8) == Array(text.utf8)
        case (.integer(let found), "integer"): return "\(found)" == text
        case (.bool(let found), "bool"): return "\(found)" == text
        case (.number(let found), "float"):
            guard let number = Double(text) else { return false }
            return found == number || found.isNaN && number.isNaN
        case (.time(let found), _):
            let types: [TOMLTime.Kind: String] = [
                .offset: "datetime", .local: "datetime-local", .date: "date-local", .timeOfDay: "time-local",
            ]
            return types[found.kind] == type && withoutZeros(found.text) == withoutZeros(text)
        default: return false
        }
    }

    /// A fraction of a second may be written with zeros at its end, or without.
    private static func withoutZeros(_ text: String) -> String {
        guard let dot = text.firstIndex(of: ".") else { return text }
        let fraction = text[text.index(after: dot)...].prefix { $0.isNumber }
        let rest = text[fraction.endIndex...]
        var digits = fraction
        while digits.last == "0" { digits = digits.dropLast() }
        return text[..<dot] + (digits.isEmpty ? "" : "." + digits) + rest
    }
}
