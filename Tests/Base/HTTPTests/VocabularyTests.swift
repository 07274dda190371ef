import HTTP
import Testing

@Suite("Methods, statuses and fields")
struct VocabularyTests {
    @Test("A method is a token, and upper and lower case are two methods")
    func methods() {
        #expect(HTTPRequest.Method("QUERY") == .query)
        #expect(HTTPRequest.Method("get") != .get)
        for wrong in ["", "GE T", "GET\r\n", "GÉT", "A:B"] { #expect(HTTPRequest.Method(wrong) == nil, "\(wrong)") }
        #expect("\(HTTPRequest.Method.patch)" == "PATCH")
    }

    @Test("A status is its code; the phrase is for people, and is RFC 9110's")
    func statuses() {
        #expect(HTTPResponse.Status.contentTooLarge.reasonPhrase == "Content Too Large")
        #expect(HTTPResponse.Status(code: 200, reasonPhrase: "Fine") == .ok)
        #expect("\(HTTPResponse.Status.notFound)" == "404 Not Found" && "\(HTTPResponse.Status(code: 299))" == "299")
        for wrong in [0, 99, 1_000, -1] { #expect(HTTPResponse.Status(code: wrong) == .internalServerError) }
        #expect(HTTPResponse.Status.noContent.hasNoBody && !HTTPResponse.Status.ok.hasNoBody)
    }

    @Test("A field's name is a token, the same in upper and lower case, also as a key")
    func names() throws {
        let name = try #require(HTTPField.Name("content-TYPE"))
        #expect(name == .contentType && name.rawName == "content-TYPE" && name.canonicalName == "content-type")
        #expect(Set([name]).contains(.contentType))
        // Two characters that differ in the bit of case and are no letters.
        #expect(HTTPField.Name("a^") != HTTPField.Name("a~"))
        for wrong in ["", "a b", "a:", "a\r", "é", "a\u{0}"] { #expect(HTTPField.Name(wrong) == nil, "\(wrong)") }
    }

    @Test("Several lines of a name are read as one text, cookies with another mark between, and one by one")
    func lines() {
        var fields: HTTPFields = [.accept: "a", .cookie: "x=1", .accept: "b", .cookie: "y=2"]
        #expect(fields[.accept] == "a, b" && fields[.cookie] == "x=1; y=2" && fields[.host] == nil)
        #expect(fields[values: .cookie] == ["x=1", "y=2"])
        fields[.accept] = "c"
        #expect(fields.map(\.value) == ["c", "x=1", "y=2"])
        fields[.cookie] = nil
        #expect(fields.count == 1 && !fields.contains(.cookie))
        fields[values: .wwwAuthenticate] = ["Bearer", "Basic"]
        fields.append(HTTPField(name: .host, value: "x"))
        #expect(fields.map(\.name.rawName) == ["Accept", "WWW-Authenticate", "WWW-Authenticate", "Host"])
    }

    @Test("A value with a control character is not written, and the error does not repeat it")
    func values() throws {
        var bytes: [UInt8] = []
        try bytes.appendField(.cookie, "a\tb é")
        #expect(String(decoding: bytes, as: UTF8.self) == "Cookie: a\tb é\r\n")
        for wrong in ["a\r\nX: 1", "a\nb", "a\rb", "a\u{0}", "\u{7F}", "a\u{1B}[0m"] {
            #expect(!HTTPField.isValidValue(wrong))
            let error = #expect(throws: UnwritableField.self) { try bytes.append([.cookie: "secret" + wrong]) }
            #expect(error?.description == "The value of the header field Cookie holds a control character.")
        }
        #expect(throws: MalformedMessage.self) { try bytes.appendRequestLine(.get, "/a b") }
        #expect(throws: MalformedMessage.self) { try bytes.appendRequestLine(.get, "") }
        #expect(throws: MalformedMessage.self) { try bytes.appendRequestLine(.get, "/a HTTP/1.1\r\nX: y") }
    }

    @Test("A response's head is written as it is read")
    func writing() throws {
        var bytes: [UInt8] = []
        bytes.appendStatusLine(.ok)
        try bytes.append([.contentType: "text/plain"])
        bytes.appendContentLength(0)
        bytes.appendLineEnd()
        #expect(
            String(decoding: bytes, as: UTF8.self)
                == "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 0\r\n\r\n")
    }
}

@Suite("HTTP's dates")
struct HTTPDateTests {
    @Test(
        "A date is written and read as RFC 9110 has it",
        arguments: [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"), (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (951_782_399, "Mon, 28 Feb 2000 23:59:59 GMT"), (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"), (253_402_300_799, "Fri, 31 Dec 9999 23:59:59 GMT"),
        ] as [(Int64, String)])
    func dates(seconds: Int64, text: String) {
        #expect(HTTPDate.text(seconds) == text)
        #expect(HTTPDate.seconds(text) == seconds)
    }

    @Test("Days of two centuries are read as they are written")
    func days() {
        for day in stride(from: Int64(0), to: 73_000, by: 13) {
            let seconds = day * 86_400 + day
            guard HTTPDate.seconds(HTTPDate.text(seconds)) == seconds else { Issue.record("day \(day)"); return }
        }
    }

    @Test(
        "What is no date is not read",
        arguments: [
            "", "Sun, 06 Nov 1994 08:49:37", "Mon, 06 Nov 1994 08:49:37 GMT", "Thu, 31 Feb 2030 00:00:00 GMT",
            "Sun, 06 Nov 1994 24:00:00 GMT", "Sun, 06 Nov 1994 08:60:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994", "Sun, 06 Nov 1994 08:49:37 UTC", "Wed, 31 Dec 1969 23:59:59 GMT",
            "Sun, 06 Nov 1994 08:49:3x GMT", " un, 06 Nov 1994 08:49:37 GMT",
        ])
    func nonsense(text: String) { #expect(HTTPDate.seconds(text) == nil) }
}
