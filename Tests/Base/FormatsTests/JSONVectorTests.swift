import Bytes
import Formats
import Foundation
import TestSupport
import Testing

/// JSONTestSuite: what its authors say must be read, must be refused, and what they leave to the reader.
@Suite("JSON test suite", .enabled(if: Vectors.arePresent))
struct JSONVectorTests {
    private static func files(_ prefix: String) throws -> [String] {
        let folder = Vectors.folder.appending(path: "vectors/json").path(percentEncoded: false)
        return try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.hasPrefix(prefix) }.sorted()
    }

    private static func isRead(_ name: String) throws -> Bool {
        let bytes = try Vectors.bytes("vectors/json/\(name)")
        return (try? JSON(bytes)) != nil
    }

    @Test("Everything that must be read is, but for two texts with a member twice")
    func accepted() throws {
        let files = try Self.files("y_")
        #expect(files.count == 95)
        for name in files {
            let hasMemberTwice = name.hasPrefix("y_object_duplicated_key")
            #expect(try Self.isRead(name) != hasMemberTwice, "\(name)")
        }
    }

    @Test("Everything that must be refused is")
    func refused() throws {
        let files = try Self.files("n_")
        #expect(files.count == 188)
        for name in files { #expect(try !Self.isRead(name), "\(name)") }
    }

    /// What this reader does with the texts on which readers differ.
    private static let decided: [(name: String, isRead: Bool, why: String)] = [
        ("i_number_double_huge_neg_exp.json", false, "it would be read as zero"),
        ("i_number_huge_exp.json", false, "no Double is as large, and it has more than 128 characters"),
        ("i_number_neg_int_huge_exp.json", false, "no Double is as large"),
        ("i_number_pos_double_huge_exp.json", false, "no Double is as large"),
        ("i_number_real_neg_overflow.json", false, "no Double is as large"),
        ("i_number_real_pos_overflow.json", false, "no Double is as large"),
        ("i_number_real_underflow.json", false, "it would be read as zero"),
        ("i_number_too_big_neg_int.json", true, "a number, but no integer: asking for one is an error"),
        ("i_number_too_big_pos_int.json", true, "a number, but no integer: asking for one is an error"),
        ("i_number_very_big_negative_int.json", true, "a number, but no integer: asking for one is an error"),
        ("i_object_key_lone_2nd_surrogate.json", false, "half of a surrogate pair"),
        ("i_string_1st_surrogate_but_2nd_missing.json", false, "half of a surrogate pair"),
        ("i_string_1st_valid_surrogate_2nd_invalid.json", false, "half of a surrogate pair"),
        ("i_string_UTF-16LE_with_BOM.json", false, "not UTF-8"),
        ("i_string_UTF-8_invalid_sequence.json", false, "not UTF-8"),
        ("i_string_UTF8_surrogate_U+D800.json", false, "not UTF-8"),
        ("i_string_incomplete_surrogate_and_escape_valid.json", false, "half of a surrogate pair"),
        ("i_string_incomplete_surrogate_pair.json", false, "half of a surrogate pair"),
        ("i_string_incomplete_surrogates_escape_valid.json", false, "half of a surrogate pair"),
        ("i_string_invalid_lonely_surrogate.json", false, "half of a surrogate pair"),
        ("i_string_invalid_surrogate.json", false, "half of a surrogate pair"),
        ("i_string_invalid_utf-8.json", false, "not UTF-8"),
        ("i_string_inverted_surrogates_U+1D11E.json", false, "half of a surrogate pair"),
        ("i_string_iso_latin_1.json", false, "not UTF-8"),
        ("i_string_lone_second_surrogate.json", false, "half of a surrogate pair"),
        ("i_string_lone_utf8_continuation_byte.json", false, "not UTF-8"),
        ("i_string_not_in_unicode_range.json", false, "not UTF-8"),
        ("i_string_overlong_sequence_2_bytes.json", false, "not UTF-8"),
        ("i_string_overlong_sequence_6_bytes.json", false, "not UTF-8"),
        ("i_string_overlong_sequence_6_bytes_null.json", false, "not UTF-8"),
        ("i_string_truncated-utf-8.json", false, "not UTF-8"),
        ("i_string_utf16BE_no_BOM.json", false, "not UTF-8"),
        ("i_string_utf16LE_no_BOM.json", false, "not UTF-8"),
        ("i_structure_500_nested_arrays.json", false, "nested deeper than 32"),
        ("i_structure_UTF-8_BOM_empty_object.json", false, "a byte order mark"),
    ]

    @Test("What is left to the reader is decided, each for its reason")
    func decided() throws {
        #expect(try Self.files("i_") == Self.decided.map(\.name).sorted())
        for (name, isRead, why) in Self.decided { #expect(try Self.isRead(name) == isRead, "\(name): \(why)") }
        for name in Self.decided.filter(\.isRead).map(\.name) {
            let json = try JSON(Vectors.bytes("vectors/json/\(name)"))
            let number = try #require(try json.array().first)
            #expect(throws: MalformedInput.self) { try number.integer(Int.self) }
            #expect(try abs(number.number()) > 1e18)
        }
    }

    @Test("What is read has the values that Foundation reads")
    func same() throws {
        for name in try Self.files("y_") where try Self.isRead(name) {
            let bytes = try Vectors.bytes("vectors/json/\(name)")
            let theirs = try JSONSerialization.jsonObject(with: Data(bytes), options: .fragmentsAllowed)
            #expect(Self.isSame(try JSON(bytes), theirs), "\(name)")
            let written = JSONValue(try JSON(bytes)).encoded
            let again = try JSONSerialization.jsonObject(with: Data(written), options: .fragmentsAllowed)
            #expect(Self.isSame(try JSON(written), again), "\(name), written")
            #expect(Self.isSame(try JSON(bytes), again), "\(name), written")
        }
    }

    private static func isSame(_ ours: JSON, _ theirs: Any) -> Bool {
        switch ours.kind {
        case .null: theirs is NSNull
        case .bool: (theirs as? Bool) == ours.asBool
        // Foundation goes by decimals, and takes 1e-78 for zero.
        case .number: abs(((theirs as? NSNumber)?.doubleValue ?? .nan) - (ours.asNumber ?? .nan)) < 1e-60
        case .text: (theirs as? String).map { Array($0.utf8) } == ours.asText.map { Array($0.utf8) }
        case .array:
            if let values = ours.asArray, let others = theirs as? [Any], values.count == others.count {
                zip(values, others).allSatisfy { isSame($0, $1) }
            } else {
                false
            }
        case .object:
            if let members = ours.asMembers, let others = theirs as? [String: Any], members.count == others.count {
                members.allSatisfy { name, value in others[name.text].map { isSame(value, $0) } ?? false }
            } else {
                false
            }
        }
    }
}
