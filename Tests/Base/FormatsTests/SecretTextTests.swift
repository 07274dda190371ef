import Bytes
import Formats
import Testing

@Suite("JSON that holds a secret")
struct SecretTextTests {
    @Test("The text is taken over and wiped, and its values are those of a copy")
    func takenOver() throws {
        var text = Array(#"{"a":"seal\u0065d","b":[1,2]}"#.utf8)
        let other = text
        let json = try JSON(wiping: &text)
        #expect(text.isEmpty)
        #expect(try json.member("a").secret().withBytes { Array($0) } == Array("sealed".utf8))
        #expect(try json.member("b").bytes() == [1, 2])
        #expect(other.count == 29 && other.first == UInt8(ascii: "{"), "another holder keeps what it has")
    }

    @Test("What is no JSON is wiped too")
    func malformed() {
        var text = Array("sealed".utf8)
        #expect(throws: MalformedInput.self) { try JSON(wiping: &text) }
        #expect(text.isEmpty)
    }

    @Test("A value keeps the text as long as it is used")
    func kept() throws {
        func value() throws -> JSON {
            var text = Array(#"{"a":"sealed"}"#.utf8)
            return try JSON(wiping: &text).member("a")
        }
        #expect(try value().text() == "sealed")
    }
}

@Suite("JSON of many values")
struct ManyValueTests {
    @Test("More values than any honest text has are refused, and certificates as numbers are one each")
    func values() throws {
        let most = JSON.Limits().values
        func list(_ count: Int) -> [UInt8] {
            Array("[\(Array(repeating: "[]", count: count).joined(separator: ","))]".utf8)
        }
        _ = try JSON(list(most - 1))
        let error = #expect(throws: MalformedInput.self) { try JSON(list(most)) }
        #expect(error?.reason.contains("more than \(most) values") == true)
        let numbers = Array("{\"data\":[\(Array(repeating: "1", count: 200_000).joined(separator: ","))]}".utf8)
        #expect(try JSON(numbers).member("data").bytes().count == 200_000)
    }
}
