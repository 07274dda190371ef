import Bytes
import Formats
import Testing

@Suite("TOML")
struct TOMLTests {
    private func read(_ text: String, _ limits: TOML.Limits = TOML.Limits()) throws(TOMLFault) -> TOMLTable {
        try TOML.read(Array(text.utf8), limits: limits)
    }

    private func fault(_ text: String) -> String {
        do throws(TOMLFault) { _ = try read(text) } catch { return error.description }
        return "read"
    }

    @Test("Keys and values know their lines and columns")
    func places() throws {
        let table = try read("# é\na = 'é' # x\n\n [ b . c ]\r\n\"d\" = [ 1,\n  'x' ]\ne.f = '''\n\n'''\ng = 1")
        let a = try #require(table["a"])
        #expect("\(a.keyPosition)" == "line 2, column 1" && "\(a.position)" == "line 2, column 5")
        let b = try #require(table["b"])
        #expect("\(b.keyPosition)" == "line 4, column 4" && b.table?.form == .longerHeader)
        let c = try #require(b.table?["c"])
        #expect("\(c.keyPosition)" == "line 4, column 8" && c.table?.form == .header)
        let d = try #require(c.table?["d"])
        guard case .array(let elements) = d.value else {
            Issue.record("it is no array")
            return
        }
        #expect("\(d.position)" == "line 5, column 7")
        #expect(elements.map { "\($0.position)" } == ["line 5, column 9", "line 6, column 3"])
        let e = try #require(c.table?["e"])
        #expect(e.table?.form == .dottedKey && "\(e.keyPosition)" == "line 7, column 1")
        #expect("\(try #require(e.table?["f"]).position)" == "line 7, column 7")
        #expect("\(try #require(c.table?["g"]).keyPosition)" == "line 10, column 1")
    }

    @Test(
        "An error names its line and column, and what is wrong there",
        arguments: [
            ("a = ", "line 1, column 5, ends where a value is expected"),
            ("a = 9223372036854775808", "line 1, column 5, has a whole number that 64 bits cannot hold"),
            ("a = 0x1_0000_0000_0000_0000", "line 1, column 5, has a whole number that 64 bits cannot hold"),
            ("\n a b = 1", "line 2, column 4, needs a = after the key"),
            ("a = 1\na = 2", "line 2, column 1, has a key that exists already"),
            ("a = 1 b", "line 1, column 7, has something where the line's end is expected"),
            ("a = [1, 2", "line 1, column 10, needs a comma or the array's end"),
            ("a = { b = 1\n}", "line 1, column 12, needs a comma or the brace"),
            ("[a]\n[a]", "line 2, column 1, has a table that exists already"),
            ("a.b = 1\n[a]", "line 2, column 1, has a table that exists already"),
            ("[a.b]\n[a]\nb.c = 1", "line 3, column 1, adds to a table that is defined elsewhere"),
            ("a = 1\n[a.b]", "line 2, column 2, names a table, but has another value"),
            ("a = 'é\u{1}'", "line 1, column 7, holds a control character"),
            ("a = 'x\n'", "line 1, column 5, holds a text that does not end in its line"),
            ("a = '''x\n", "line 1, column 5, holds a text that does not end"),
            ("a = \"\\x\"", "line 1, column 6, has an escape"), ("a = x", "line 1, column 5, has a value that is not"),
            ("a = 1\n\u{0}", "line 2, column 1, holds a NUL"), ("# \u{0}", "line 1, column 3, holds a NUL"),
            ("a = \"\\u0000\"", "line 1, column 6, holds an escaped NUL"),
            ("é = 1", "line 1, column 1, has something where a key is expected"),
        ])
    func faults(text: String, says: String) { #expect(fault(text).hasPrefix(says), "\(fault(text))") }

    @Test("An error repeats nothing of the document")
    func discreet() {
        for text in [
            "hush = hush", "hush = 1\nhush = 2", "hush hush", "a = \"hush\\z\"", "[hush", "hush.hush = 1\nhush = 1",
        ] {
            #expect(!fault(text).contains("hush"), "\(fault(text))")
        }
    }

    @Test("Numbers that fit are exact, and others are refused")
    func numbers() throws {
        #expect(try read("a = 9223372036854775807")["a"]?.value == .integer(.max))
        #expect(try read("a = -9223372036854775808")["a"]?.value == .integer(.min))
        #expect(try read("a = 0x7fff_ffff_ffff_ffff")["a"]?.value == .integer(.max))
        for text in [
            "9223372036854775808", "-9223372036854775809", "0x8000000000000000", "1e999", "-0x1", "1__0", "_1", "1_",
        ] {
            #expect(throws: TOMLFault.self, "\(text)") { try read("a = \(text)") }
        }
    }

    @Test("Depth is bounded, whatever it is made of", arguments: 0..<8)
    func depth(shape: Int) throws {
        func document(_ depth: Int) -> String {
            func row(_ text: String, _ count: Int) -> String { String(repeating: text, count: count) }
            return switch shape {
            case 0: row("a.", depth - 1) + "a = 1"
            case 1: "[" + row("a.", depth - 1) + "a]"
            case 2: "[" + row("a.", depth - 2) + "a]\nb = 1"
            case 3: "[[" + row("a.", depth - 2) + "a]]"
            case 4: "a = " + row("[", depth - 1) + row("]", depth - 1)
            case 5: row("a = {", 1) + row("a = {", depth - 2) + "a = 1" + row("}", depth - 1)
            case 6: "[a.a]\nb = [{ " + row("c.", depth - 5) + "c = 1 }]"
            default: "a = [\n" + row("[\n", depth - 2) + row("]", depth - 1)
            }
        }
        _ = try read(document(16))
        for depth in [17, 5_000] {
            #expect(fault(document(depth)).hasSuffix("is nested deeper than 16 levels"), "\(fault(document(depth)))")
        }
    }

    @Test("Size is bounded, and many keys cost no more than their bytes")
    func size() throws {
        var limits = TOML.Limits()
        limits.bytes = 10
        #expect(throws: Never.self) { try read("a = 123456", limits) }
        #expect(throws: TOMLFault.self) { try read("a = 1234567", limits) }
        let many = (0..<50_000).map { "k\($0)=0\n" }.joined()
        #expect(try read(many).entries.count == 50_000)
        #expect(throws: TOMLFault.self) { try read(many + "k7=1") }
        let tables = String(repeating: "[[a.b]]\n", count: 50_000)
        #expect(try read(tables)["a"]?.table?.entries.count == 1)
    }

    @Test("Values on one line know their columns, and each byte of the line is looked at once")
    func longLine() throws {
        // Looked at once for each value, this line would take minutes.
        let count = 60_000
        let numbers = try read("a = [" + String(repeating: "'é', ", count: count) + "]")
        guard case .array(let elements)? = numbers["a"]?.value else {
            Issue.record("it is no array")
            return
        }
        #expect(elements.count == count)
        for index in [0, 1, count - 1] { #expect("\(elements[index].position)" == "line 1, column \(6 + 5 * index)") }
        let table = try read("a = {" + (0..<count).map { " k\($0) = 1" }.joined(separator: ",") + " }")["a"]?.table
        let last = try #require(table?.entries.last)
        #expect(last.position.column == last.keyPosition.column + "k59999 = ".count)
        #expect(
            fault("a = [" + String(repeating: "1, ", count: count) + "x").hasSuffix(
                "column \(6 + 3 * count), "
                    + "has a value that is not a text in quotation marks, number, date, true or false"))
    }

    @Test("The number of values is bounded: of keys, elements and tables together")
    func values() throws {
        var limits = TOML.Limits()
        limits.values = 6
        #expect(throws: Never.self) { try read("a = [1, [2]]\n[b]\n[[c]]", limits) }
        for text in ["a = [1, [2]]\n[b]\n[[c]]\nd = 1", "a = [1, [2], 3, {}, 5]", "[a]\n[b]\n[c]\n[d]\n[e]\n[f]\n[g]"] {
            do throws(TOMLFault) { _ = try read(text, limits) } catch {
                #expect(error.reason == "has more than 6 values")
                continue
            }
            Issue.record("it was read: \(text)")
        }
    }

    @Test("Rows of combining marks are refused in keys, texts and comments")
    func marks() throws {
        func row(_ count: Int) -> String { String(repeating: "\u{301}\\u0316", count: count / 2) }
        _ = try read("\"a\(row(32))\" = \"\(row(32))\"\n# \(String(repeating: "\u{301}", count: 32))")
        for text in [
            "\"a\(row(34))\" = 1", "a = \"\(row(34))\"", "a = \"\"\"\(row(34))\"\"\"",
            "# \(String(repeating: "\u{301}", count: 33))",
        ] {
            #expect(fault(text).contains("combining marks"), "\(fault(text))")
        }
    }

    @Test("Keys are the same when their bytes are")
    func keys() throws {
        let table = try read("\"\u{E9}\" = 1\n\"e\u{301}\" = 2\n'a.b' = 3")
        #expect(table["\u{E9}"]?.value == .integer(1) && table["e\u{301}"]?.value == .integer(2))
        #expect(table["a.b"]?.value == .integer(3) && table["a"] == nil)
        #expect(throws: TOMLFault.self) { try read("\"\\u00e9\" = 1\n\"é\" = 2") }
    }

    @Test("A byte order mark may begin a document, and stands nowhere else")
    func byteOrderMark() throws {
        let table = try read("\u{FEFF}a = 1")
        #expect("\(try #require(table["a"]).keyPosition)" == "line 1, column 1")
        for text in ["a = 1\n\u{FEFF}b = 2", "\u{FEFF}\u{FEFF}a = 1"] {
            #expect(throws: TOMLFault.self) { try read(text) }
        }
    }

    @Test("Cut or changed anywhere, a document is read or refused, and never more")
    func damage() {
        let text = Array(
            "a.b = [1, 0x1F, -1.5e3, { c = 'd' }]\n[e.\"f\"]\ng = \"\"\"\\u00e9\\\n \"\"\"\n[[h]]\ni = 1979-05-27T07:32:00.5Z\r\n"
                .utf8)
        for index in text.indices {
            _ = try? TOML.read(Array(text.prefix(index)))
            for change: UInt8 in [0x01, 0x02, 0x04, 0x08, 0x20, 0x40, 0x80, 0xFF] {
                var changed = text
                changed[index] ^= change
                _ = try? TOML.read(changed)
            }
        }
        #expect(throws: Never.self) { try TOML.read(text) }
    }
}
