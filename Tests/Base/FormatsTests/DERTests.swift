import Bytes
import Foundation
import Testing

@testable import Formats

/// X.690's rules for DER, each with what breaks it.
@Suite("DER")
struct DERTests {
    private func element(_ hex: String) throws -> DERElement {
        try DERElement(#require(Hex.decode(hex.filter { $0 != " " })), subject: "test")
    }

    /// `count` SEQUENCEs in one another, the innermost empty.
    private func nested(_ count: Int) -> [UInt8] {
        var der: [UInt8] = []
        for _ in 0..<count {
            var writer = DERWriter()
            writer.primitive(.sequence, der)
            der = writer.bytes
        }
        return der
    }

    @Test("Elements lie at most 50 deep in one another, and depth costs no stack")
    func nesting() throws {
        _ = try DERElement(nested(50), subject: "test")
        #expect(throws: MalformedInput.self) { try DERElement(nested(51), subject: "test") }
        #expect(throws: MalformedInput.self) { try DERElement(nested(20_000), subject: "test") }
    }

    @Test(
        "A structure that is not DER is refused",
        arguments: [
            ("", "nothing"), ("02", "no length"), ("0201", "no contents"), ("020201", "too few contents"),
            ("020101 00", "a byte behind it"), ("3003 020101 0500", "an element behind it"),
            ("3080 0000", "an indefinite length"), ("308000", "an indefinite length that is cut"),
            ("028101 01", "a long length for a short one"),
            ("0481 7F" + String(repeating: "00", count: 127), "127 in the long form"),
            ("0482 0080" + String(repeating: "00", count: 128), "a length with a zero before it"),
            ("0485 0100000000", "a length of five bytes"), ("04FF", "a length of 127 bytes"),
            ("04847FFFFFFF 00", "a length past the end"), ("3004 020201", "a part that reaches past the whole"),
            ("3003 0202FF 00", "a part that reaches past its whole into what follows"),
            ("3002 0201", "a part that ends early"), ("0000", "type 0"), ("3002 0000", "end of contents"),
            ("1F10 00", "a short tag in the long form"), ("9F8020 00", "a tag with a zero before it"),
            ("9F", "a tag that is cut"), ("9FFFFFFFFF7F 00", "a tag of five bytes"),
            ("2203 020101", "an INTEGER in pieces"), ("2405 0403414243", "an OCTET STRING in pieces"),
            ("1000", "a SEQUENCE in one piece"), ("1100", "a SET in one piece"),
        ])
    func malformed(hex: String, what: String) {
        #expect(throws: MalformedInput.self, "\(what)") { try element(hex) }
    }

    @Test("Tags and lengths of every width are read, as they are written")
    func widths() throws {
        for count in [0, 1, 127, 128, 255, 256, 65_535, 65_536] {
            var writer = DERWriter()
            writer.octetString([UInt8](repeating: 7, count: count))
            let element = try DERElement(writer.bytes, subject: "test")
            #expect(try element.octetString().count == count)
            #expect(element.encoded == writer.bytes)
        }
        for number: UInt32 in [0, 30, 31, 127, 128, 16_383, 16_384, 1 << 28 - 1] {
            var writer = DERWriter()
            writer.primitive(.primitive(number), [1])
            #expect(try DERElement(writer.bytes, subject: "test").tag == .primitive(number))
        }
    }

    @Test("Fields are read in their order, and none may be left")
    func fields() throws {
        var fields = try element("3009 020101 0101FF 040142").fields()
        #expect(try fields.next("a number").integer() == 1)
        #expect(throws: MalformedInput.self) { try fields.finish() }
        #expect(try fields.flag())
        #expect(try fields.optional(.null) == nil)
        #expect(try fields.next("a string").octetString() == [0x42])
        #expect(fields.isAtEnd)
        try fields.finish()
        #expect(throws: MalformedInput("test", "more is missing")) { try fields.next("more") }
        #expect(throws: MalformedInput.self) { try element("020101").fields() }
        #expect(throws: MalformedInput.self) { try element("3000").fields(.set) }
    }

    @Test("An explicit tag holds one element")
    func explicit() throws {
        func version(_ hex: String) throws -> Int? {
            var fields = try element(hex).fields()
            let version = try fields.optionalExplicit(0)?.integer()
            try fields.finish()
            return version
        }
        #expect(try version("3005 A003020102") == 2)
        #expect(try version("3000") == nil)
        #expect(throws: MalformedInput.self, "none") { try version("3002 A000") }
        #expect(throws: MalformedInput.self, "two") { try version("3008 A006020102020102") }
        #expect(throws: MalformedInput.self, "another tag") { try version("3005 A103020102") }
        #expect(throws: MalformedInput.self, "not an element") { try version("3003 800102") }
    }

    @Test("A flag is left out when it is false, and is 00 or FF elsewhere")
    func booleans() throws {
        #expect(try element("0101FF").boolean())
        #expect(try !element("010100").boolean())
        for hex in ["010101", "0101FE", "0100", "0102FFFF"] {
            #expect(throws: MalformedInput.self, "\(hex)") { try element(hex).boolean() }
        }
        var fields = try element("3003 010100").fields()
        #expect(throws: MalformedInput.self) { try fields.flag() }
    }

    @Test("An INTEGER is as short as it can be, and fits or is refused")
    func integers() throws {
        let known: [(String, Int)] = [
            ("020100", 0), ("02017F", 127), ("02020080", 128), ("020180", -128), ("0202FF7F", -129),
            ("02087FFFFFFFFFFFFFFF", .max), ("02088000000000000000", .min), ("0201FF", -1),
        ]
        for (hex, value) in known {
            #expect(try element(hex).integer() == value)
            var writer = DERWriter()
            writer.integer(value)
            #expect(Hex.encode(writer.bytes) == hex.lowercased())
        }
        for hex in ["0200", "02020001", "0202007F", "0202FF80", "0203000080", "0203FFFFFF"] {
            #expect(throws: MalformedInput.self, "\(hex)") { try element(hex).integer() }
            #expect(throws: MalformedInput.self, "\(hex)") { try element(hex).magnitude() }
        }
        #expect(throws: MalformedInput.self, "65 bits") { try element("020900FFFFFFFFFFFFFFFF").integer() }
        #expect(try element("020900FFFFFFFFFFFFFFFF").magnitude() == [UInt8](repeating: 255, count: 8))
        #expect(try element("020100").magnitude() == [])
        #expect(throws: MalformedInput.self, "under zero") { try element("0201FF").magnitude() }
        #expect(throws: MalformedInput.self, "another type") { try element("0A0101").integer() }
        for (magnitude, hex) in [([], "020100"), ([0, 0], "020100"), ([0, 0x80], "02020080"), ([1, 0], "02020100")]
            as [([UInt8], String)]
        {
            var writer = DERWriter()
            writer.integer(magnitude: magnitude)
            #expect(Hex.encode(writer.bytes) == hex)
        }
    }

    @Test("A BIT STRING says how many bits it does not use, and they are zero")
    func bitStrings() throws {
        #expect(try element("030100").bitString() == ([], 0))
        #expect(try element("03020780").bitString() == ([0x80], 7))
        #expect(try element("0303001234").wholeBitString() == [0x12, 0x34])
        for hex in ["0300", "030101", "03020801", "03020781", "0302FF00"] {
            #expect(throws: MalformedInput.self, "\(hex)") { try element(hex).bitString() }
        }
        #expect(throws: MalformedInput.self) { try element("03020780").wholeBitString() }
    }

    @Test("An object identifier's numbers are whole and as short as they can be")
    func objectIdentifiers() throws {
        let known: [(String, OID, String)] = [
            ("0603550403", [2, 5, 4, 3], "2.5.4.3"),
            ("06092A864886F70D01010A", [1, 2, 840, 113549, 1, 1, 10], "1.2.840.113549.1.1.10"),
            ("06028837", [2, 999], "2.999"), ("060100", [0, 0], "0.0"), ("06014F", [1, 39], "1.39"),
            ("060150", [2, 0], "2.0"),
            ("06098837FFFFFFFFFFFF7F", [2, 999, 562_949_953_421_311], "2.999.562949953421311"),
        ]
        for (hex, identifier, text) in known {
            #expect(try element(hex).objectIdentifier() == identifier)
            #expect(identifier.description == text)
            var writer = DERWriter()
            writer.objectIdentifier(identifier)
            #expect(Hex.encode(writer.bytes) == hex.lowercased())
        }
        for hex in ["0600", "060180", "06025580", "0603558003", "060480808001", "060B55FFFFFFFFFFFFFFFFFF7F"] {
            #expect(throws: MalformedInput.self, "\(hex)") { try element(hex).objectIdentifier() }
        }
    }

    @Test("Text has the characters of its type")
    func text() throws {
        #expect(try element("1602 4142").text(.ia5String) == "AB")
        #expect(try element("0C02 C3A9").text(.utf8String) == "é")
        #expect(try element("1303 41203F").text(.printableString) == "A ?")
        #expect(throws: MalformedInput.self) { try element("1602 C3A9").text(.ia5String) }
        #expect(throws: MalformedInput.self) { try element("0C01 C3").text(.utf8String) }
        #expect(throws: MalformedInput.self) { try element("0C03 EDA080").text(.utf8String) }
        #expect(throws: MalformedInput.self) { try element("1301 40").text(.printableString) }
        #expect(throws: MalformedInput.self) { try element("1301 41").text(.utf8String) }
        #expect(throws: MalformedInput.self) { try element("0500").text(.null) }
    }

    @Test("A NULL is empty")
    func null() throws {
        try element("0500").null()
        #expect(throws: MalformedInput.self) { try element("050100").null() }
    }

    private func time(_ tag: DERTag, _ text: String) throws -> Date {
        var writer = DERWriter()
        writer.text(tag, text)
        return try DERElement(writer.bytes, subject: "test").time()
    }

    @Test("UTCTime has the years 1950 to 2049, GeneralizedTime all of four digits, and what is read is written")
    func times() throws {
        let known: [(DERTag, String, Double)] = [
            (.utcTime, "500101000000Z", -631_152_000), (.utcTime, "491231235959Z", 2_524_607_999),
            (.utcTime, "700101000000Z", 0), (.utcTime, "000229120000Z", 951_825_600),
            (.utcTime, "691231235959Z", -1), (.generalizedTime, "20500101000000Z", 2_524_608_000),
            (.generalizedTime, "19491231235959Z", -631_152_001), (.generalizedTime, "99991231235959Z", 253_402_300_799),
            (.generalizedTime, "00000101000000Z", -62_167_219_200),
            (.generalizedTime, "24000229000000Z", 13_574_563_200),
        ]
        for (tag, text, seconds) in known {
            #expect(try time(tag, text).timeIntervalSince1970 == seconds, "\(text)")
            var writer = DERWriter()
            writer.time(Date(timeIntervalSince1970: seconds))
            #expect(try DERElement(writer.bytes, subject: "test").tag == tag)
            #expect(Array(writer.bytes.dropFirst(2)) == Array(text.utf8))
        }
        // A year under 2050 in the long form: RFC 5280 does not want it written, others wrote it.
        #expect(try time(.generalizedTime, "20200101000000Z").timeIntervalSince1970 == 1_577_836_800)
    }

    @Test(
        "A time without a Z, without seconds, with a fraction or on no calendar is refused",
        arguments: [
            "200101000000", "2001010000Z", "200101000000+0000", "200101000000.5Z", "200101000000z", "200001000000Z",
            "201301000000Z", "200132000000Z", "200230000000Z", "210229000000Z", "200100000000Z", "200101240000Z",
            "200101006000Z", "200101000060Z", "20010100000 Z", "2001010000é", "-20101000000Z", "",
        ])
    func wrongTimes(text: String) {
        #expect(throws: MalformedInput.self) { try time(.utcTime, text) }
        #expect(throws: MalformedInput.self) { try time(.generalizedTime, "20" + text) }
    }

    @Test("A fraction and a zone are refused in GeneralizedTime, and it is no other type")
    func wrongGeneralizedTimes() {
        for text in [
            "20200101000000.5Z", "20200101000000.50Z", "20200101000000,5Z", "20200101000000-0100", "19000229000000Z",
        ] {
            #expect(throws: MalformedInput.self, "\(text)") { try time(.generalizedTime, text) }
        }
        #expect(throws: MalformedInput.self) { try time(.ia5String, "200101000000Z") }
    }

    @Test("Every day of 800 years is the calendar's")
    func days() throws {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = try #require(TimeZone(secondsFromGMT: 0))
        // Every 97th day, and a second of it.
        for day in stride(from: -141_000, to: 151_000, by: 97) {
            let date = Date(timeIntervalSince1970: Double(day) * 86_400 + Double(abs(day) % 86_400))
            let parts = calendar.dateComponents([.year, .month, .day, .hour, .minute, .second], from: date)
            let time = CivilTime(date)
            #expect(time.year == parts.year && time.month == parts.month && time.day == parts.day)
            #expect(time.hour == parts.hour && time.minute == parts.minute && time.second == parts.second)
            #expect(time.date == date)
        }
        for seconds in [Double.infinity, -.infinity, .nan, 1e300, -1e300] {
            _ = CivilTime(Date(timeIntervalSince1970: seconds))
        }
    }

    @Test("Cut or changed anywhere, a certificate is read or refused, and never more")
    func damage() throws {
        var writer = DERWriter()
        writer.sequence { outer in
            outer.explicit(0) { $0.integer(2) }
            outer.sequence { $0.objectIdentifier([1, 2, 840, 113549, 1, 1, 10]) }
            outer.set { $0.text(.utf8String, "name") }
            outer.bitString([1, 2, 3])
            outer.time(Date(timeIntervalSince1970: 0))
        }
        func readAll(_ bytes: [UInt8]) throws(MalformedInput) {
            let whole = try DERElement(bytes, subject: "test")
            var open = [whole]
            while let element = open.popLast() {
                _ = (try? element.integer(), try? element.objectIdentifier(), try? element.bitString())
                _ = (try? element.time(), try? element.text(element.tag), try? element.boolean())
                guard element.tag.isConstructed else { continue }
                var fields = try element.fields(element.tag)
                while !fields.isAtEnd { open.append(try fields.next("one")) }
            }
        }
        try readAll(writer.bytes)
        for index in writer.bytes.indices {
            for change: UInt8 in [0x01, 0x02, 0x1F, 0x20, 0x40, 0x7F, 0x80, 0xFF] {
                var bytes = writer.bytes
                bytes[index] ^= change
                try? readAll(bytes)
            }
            #expect(throws: MalformedInput.self) { try readAll(Array(writer.bytes.prefix(index))) }
        }
    }
}
