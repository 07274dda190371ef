import Bytes
import Formats
import Testing

/// What a value is asked for, and what the errors say.
@Suite("JSON")
struct JSONTests {
    private func read(_ text: String) throws -> JSON { try JSON(Array(text.utf8)) }

    private func reason(_ body: () throws -> Void) -> String {
        do { try body() } catch { return "\(error)" }
        return "nothing"
    }

    @Test("Members, elements and values are read, each as what it is")
    func values() throws {
        let json = try read(
            #" { "a" : [ 1 , 2 , 255 ] , "b" : { "c" : "d\n\u00e9" , "e" : null } , "f" : true , "g" : -1.5e2 , "h":[] } "#
        )
        #expect(try json.member("a").bytes() == [1, 2, 255])
        #expect(try json.member("a").array().map { try $0.integer() } == [1, 2, 255])
        #expect(try json.member("b").member("c").text() == "d\né")
        #expect(try json.member("b").member("c").utf8() == Array("d\né".utf8))
        #expect(try json.member("b").optional("e") == nil)
        #expect(try json.optional("x") == nil)
        #expect(json["b"]?["c"]?.asText == "d\né")
        #expect(json["b"]?["x"]?["y"] == nil)
        #expect(try json.member("f").bool())
        #expect(try json.member("g").number() == -150)
        #expect(try json.member("h").bytes() == [])
        #expect(try json.member("h").array().isEmpty)
        #expect(try json.members().map(\.name) == ["a", "b", "f", "g", "h"])
    }

    @Test("An array of small numbers is bytes, and an array all the same")
    func smallNumbers() throws {
        let json = try read(
            "[[0,10,255],[0,256],[1,-1],[1.0],[00],[1,[2]],[\"1\"],[1,2,null]]".replacing("[00],", with: ""))
        let arrays = try json.array()
        #expect(try arrays[0].bytes() == [0, 10, 255])
        #expect(try arrays[0].bytes(count: 3) == [0, 10, 255])
        #expect(throws: MalformedInput("0", "has 3 bytes instead of 4")) { try arrays[0].bytes(count: 4) }
        #expect(try arrays[0].array().map(\.raw) == [[0x30], [0x31, 0x30], [0x32, 0x35, 0x35]])
        #expect(try arrays[0].array().map { try $0.number() } == [0, 10, 255])
        for array in arrays.dropFirst() { #expect(throws: MalformedInput.self) { try array.bytes() } }
        #expect(try arrays[1].array().map { try $0.integer() } == [0, 256])
        for text in ["[00]", "[01]", "[1,]", "[,1]", "[1 2]", "[1,2", "[1000", "[+1]"] {
            #expect(throws: MalformedInput.self, "\(text)") { try read(text) }
        }
        // Not only the first one: each has a place of its own among the bytes.
        let several = try read("[[1,2],[3,4],\"\\u0041\",[5,6]]").array()
        #expect(try several[1].array().map { try $0.integer() } == [3, 4])
        #expect(try several[3].array().map(\.raw) == [[0x35], [0x36]])
        #expect(try several[3].array().map(\.path) == ["3.0", "3.1"])
        #expect(JSONValue(several[3]) == .bytes([5, 6]))
        let certificate = (0..<4_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        #expect(try read("[" + certificate.map { "\($0)" }.joined(separator: ", ") + "\n]").bytes() == certificate)
    }

    @Test(
        "A text in UTF-16 is told that it is not UTF-8",
        arguments: [[0xFF, 0xFE, 0x7B, 0x00], [0xFE, 0xFF, 0x00, 0x7B]])
    func otherEncoding(bytes: [UInt8]) {
        #expect(reason { _ = try JSON(bytes) } == "JSON: it is not UTF-8 (line 1, column 1)")
    }

    @Test("An error names the place, what stood there and what may")
    func errors() throws {
        let json = try read(
            #"{"chain":[{"data":[1,2,256]},{"data":"x"},{"data":[1,-1]}],"n":3000000000,"s":"secret","f":1.5,"o":{}}"#)
        let chain = try json.member("chain").array()
        #expect(
            reason { _ = try chain[0].member("data").bytes() }
                == "chain.0.data.2: has a value that cannot be used: 256 where a whole number of 0 to 255 may stand")
        #expect(
            reason { _ = try chain[1].member("data").bytes() }
                == "chain.1.data: has a value of the wrong type: a text where an array of numbers of 0 to 255 may stand"
        )
        #expect(
            reason { _ = try chain[2].member("data").array()[1].integer(UInt8.self) }
                == "chain.2.data.1: has a value that cannot be used: -1 where a whole number of 0 to 255 may stand")
        #expect(reason { _ = try json.member("o").member("x") } == "o.x: is missing")
        #expect(reason { _ = try json.member("x") } == "x: is missing")
        #expect(reason { _ = try json.array() }.hasPrefix("at the top: has a value of the wrong type: an object"))
        #expect(
            reason { _ = try json.member("n").integer(Int32.self) }
                == "n: has a value that cannot be used: 3000000000 where a whole number of -2147483648 to 2147483647 may stand"
        )
        #expect(reason { _ = try json.member("f").integer(Int.self) }.contains("1.5 where a whole number"))
        #expect(!reason { _ = try json.member("s").integer(Int.self) }.contains("secret"))
        #expect(!"\(try json.member("s").unfit("a time"))".contains("secret"))
        #expect("\(try json.member("s").unfit("a time", quoting: true))".contains("\"secret\" where a time may stand"))
    }

    @Test("Names that a stranger made up are shown as far as they can be")
    func printableNames() throws {
        let json = try read(#"{"\u001b[31m\u202e":[1,[2]]}"#)
        let value = try #require(try json.members().first?.value)
        #expect(value.path == "?[31m???")
    }

    @Test("A whole number fits its type or is refused")
    func integers() throws {
        func number<N: FixedWidthInteger>(_ text: String, _ type: N.Type) throws -> N { try read(text).integer() }
        #expect(try number("255", UInt8.self) == 255)
        #expect(try number("-128", Int8.self) == -128)
        #expect(try number("-0", Int8.self) == 0)
        #expect(try number("18446744073709551615", UInt64.self) == .max)
        #expect(try number("-9223372036854775808", Int64.self) == .min)
        #expect(throws: MalformedInput.self) { try number("256", UInt8.self) }
        #expect(throws: MalformedInput.self) { try number("-1", UInt8.self) }
        #expect(throws: MalformedInput.self) { try number("128", Int8.self) }
        #expect(throws: MalformedInput.self) { try number("-129", Int8.self) }
        #expect(throws: MalformedInput.self) { try number("18446744073709551616", UInt64.self) }
        #expect(throws: MalformedInput.self) { try number("9223372036854775808", Int64.self) }
        for text in ["1.0", "1e2", "1E0", "\"1\"", "true", "null", "[1]"] {
            #expect(throws: MalformedInput.self, "\(text)") { try number(text, Int.self) }
        }
        #expect(throws: MalformedInput.self) { try read("5").integer(Int.self, in: 0...4) }
        #expect(throws: MalformedInput.self) { try read("[5]").array()[0].integer(Int.self, in: 0...4) }
        #expect(throws: MalformedInput.self) { try read("[200]").array()[0].integer(Int8.self) }
    }

    @Test("What is signed or hashed as it was sent is had as it was sent")
    func raw() throws {
        let json = try read(#"{ "a" : { "b" : [1, 2] , "c":"\u0041" } , "d" : 1.50 }"#)
        #expect(try json.member("a").raw == Array(#"{ "b" : [1, 2] , "c":"\u0041" }"#.utf8))
        #expect(try json.member("a").member("b").raw == Array("[1, 2]".utf8))
        #expect(try json.member("a").member("c").raw == Array(#""\u0041""#.utf8))
        #expect(try json.member("d").raw == Array("1.50".utf8))
    }

    @Test("A text that holds JSON is read with paths that lead through it")
    func embedded() throws {
        let json = try read(#"{"evidence":"{\"report\":{\"n\":\"x\"}}","none":"{"}"#)
        let evidence = try json.member("evidence").embedded()
        #expect(
            reason { _ = try evidence.member("report").member("n").integer(Int.self) }
                .hasPrefix("evidence.report.n: has a value of the wrong type"))
        #expect(reason { _ = try evidence.member("x") } == "evidence.x: is missing")
        #expect(reason { _ = try evidence.array() }.hasPrefix("evidence: has a value of the wrong type"))
        #expect(reason { _ = try json.member("none").embedded() }.hasPrefix("none: holds a text that is not JSON"))
    }

    @Test(
        "A comma too many, a byte order mark and a member twice are refused in bodies of every call",
        arguments: [
            #"{"workload_id":"web",}"#, "\u{FEFF}{\"workload_id\":\"web\"}",
            #"{"workload_id":"web","workload_id":"x"}"#,
            #"{"workload_id":"web","\u0077orkload_id":"x"}"#, "[1,2,]", #"{"a":{"b":1,"b":1}}"#,
        ])
    func oneReading(text: String) {
        #expect(throws: MalformedInput.self) { try read(text) }
    }

    @Test("Members are the same when their bytes are, and not when Unicode holds them for the same")
    func names() throws {
        let json = try read("{\"\u{E9}\":1,\"e\u{301}\":2}")
        #expect(try json.member("\u{E9}").integer() == 1)
        #expect(try json.member("e\u{301}").integer() == 2)
        #expect(try json.members().count == 2)
    }

    @Test("Many members, and long names of marks, take no longer than their bytes")
    func manyMembers() throws {
        let many = "{" + (0..<20_000).map { "\"n\($0)\":\($0)" }.joined(separator: ",") + "}"
        #expect(try read(many).member("n19999").integer() == 19_999)
        #expect(throws: MalformedInput.self) { try read(many.dropLast() + ",\"n7\":1}") }
    }

    @Test("Size, depth, names and numbers have limits, and an array's depth counts as an object's")
    func limits() throws {
        var limits = JSON.Limits()
        (limits.bytes, limits.depth, limits.name, limits.number) = (20, 2, 3, 4)
        func read(_ text: String) throws { _ = try JSON(Array(text.utf8), limits: limits) }
        try read("\"" + String(repeating: "x", count: 18) + "\"")
        #expect(throws: MalformedInput.self) { try read("\"" + String(repeating: "x", count: 19) + "\"") }
        try read("[{\"a\":1}]")
        #expect(throws: MalformedInput.self) { try read("[{\"a\":{}}]") }
        #expect(throws: MalformedInput.self) { try read("[[[\"x\"]]]") }
        try read("{\"abc\":1}")
        #expect(throws: MalformedInput.self) { try read("{\"abcd\":1}") }
        try read("1234")
        #expect(throws: MalformedInput.self) { try read("12345") }
    }

    @Test("Rows of combining marks are refused in every text, written or escaped")
    func marks() throws {
        func text(_ count: Int) -> String { String(repeating: "\u{301}\\u0316", count: count / 2) }
        _ = try read("[\"a\(text(32))\",\"\(text(32))\"]")
        #expect(throws: MalformedInput.self) { try read("[\"a\(text(34))\"]") }
        #expect(throws: MalformedInput.self) { try read("{\"a\(text(34))\":1}") }
    }

    @Test("Cut or changed anywhere, a text is read or refused, and never more")
    func damage() throws {
        let text = Array(#"{"a":[1,22,333,-4.5e6],"b":"\u00e9\ud83d\ude00é\n","c":{"d":[true,false,null,[],{}]}}"#.utf8)
        func readAll(_ bytes: [UInt8]) {
            guard let json = try? JSON(bytes) else { return }
            var open = [json]
            while let value = open.popLast() {
                _ = (value.path, value.raw, value.asText, value.asNumber, try? value.bytes(), JSONValue(value).encoded)
                open += (value.asArray ?? []) + (value.asMembers ?? []).map(\.value)
            }
        }
        readAll(text)
        for index in text.indices {
            for change: UInt8 in [0x01, 0x02, 0x04, 0x20, 0x40, 0x80, 0xFF] {
                var bytes = text
                bytes[index] ^= change
                readAll(bytes)
            }
            let prefix = Array(text.prefix(index))
            #expect(throws: MalformedInput.self) { try JSON(prefix) }
        }
    }
}

@Suite("JSON that is put together")
struct JSONValueTests {
    @Test("Members stay in their order, and everything is written as it is read")
    func writing() throws {
        var value: JSONValue = [
            "z": 1, "a": [true, .null, .number(1.5), -20], "bytes": .bytes([0, 255]), "t": "\"\\\n\u{7F}\u{85}é",
        ]
        value["z"] = "new"
        value["last"] = .object([])
        value["a"]?["x"] = nil
        value["z"]?["x"] = nil
        #expect(
            value.encodedText
                == #"{"z":"new","a":[true,null,1.5,-20],"bytes":[0,255],"t":"\"\\\u000a\u007f\u0085é","last":{}}"#)
        #expect(JSONValue(try JSON(value.encoded)) == value)
        value["last"] = nil
        #expect(value["last"] == nil)
        #expect(JSONValue(["b": 1, "a": 2]).encodedText == #"{"a":2,"b":1}"#)
        #expect(JSONValue.number(.infinity).encodedText == "null")
        #expect(JSONValue.number(1e20).encodedText == "1e+20")
        #expect(JSONValue.number(3).encodedText == "3")
    }
}
