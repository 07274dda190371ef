import Bytes
import Formats
import Foundation
import JOSE
import Testing

@Suite("What claims must be like: JWT")
struct ClaimsTests {
    private static let now = Date(timeIntervalSince1970: 1_800_000_000)

    private func check(_ json: String, audience: ExactText? = "kbs") throws {
        let rules = JWTClaims.Rules(issuer: "https://id.example.org", audience: audience)
        try JWTClaims(Array(json.utf8)).check(rules, at: Self.now)
    }

    private func claims(
        iss: String = #""https://id.example.org""#, aud: String = #""kbs""#, exp: String = "1800000300",
        more: String = ""
    ) -> String { #"{"iss":\#(iss),"aud":\#(aud),"exp":\#(exp)\#(more)}"# }

    @Test("Good claims are taken, with an audience among others, and fractions of seconds")
    func good() throws {
        try check(claims())
        try check(claims(aud: #"["other","kbs"]"#))
        try check(claims(exp: "1800000300.5", more: #","nbf":1799999999.5"#))
        try check(claims(aud: "5"), audience: nil)
    }

    @Test("Another issuer or audience is refused, also one that only looks the same")
    func others() {
        for json in [
            claims(iss: #""https://id.example.com""#), claims(iss: #""https://id.example.org/""#),
            claims(iss: #"["https://id.example.org"]"#), claims(iss: "null"), #"{"aud":"kbs","exp":1800000300}"#,
            claims(aud: #""kbs2""#), claims(aud: #""KBS""#), claims(aud: "[]"), claims(aud: "null"),
            #"{"iss":"https://id.example.org","exp":1800000300}"#,
        ] {
            #expect(throws: JOSEError.self, "\(json)") { try check(json) }
        }
        // é in two forms: Swift's == takes them for one.
        let rules = JWTClaims.Rules(issuer: "caf\u{E9}", audience: nil)
        #expect(throws: JOSEError.self) {
            try JWTClaims(Array(#"{"iss":"cafe\u0301","exp":1800000300}"#.utf8)).check(rules, at: Self.now)
        }
    }

    @Test("What has expired, never expires or is not valid yet is refused, but for thirty seconds of other clocks")
    func times() throws {
        try check(claims(exp: "1799999971"))
        try check(claims(more: #","nbf":1800000029"#))
        for json in [
            claims(exp: "1799999970"), claims(exp: "0"), claims(exp: "-1"), claims(exp: "null"),
            claims(exp: #""1800000300""#), #"{"iss":"https://id.example.org","aud":"kbs"}"#,
            claims(more: #","nbf":1800000030"#), claims(more: #","nbf":"soon""#), claims(more: #","nbf":null"#),
        ] {
            #expect(throws: JOSEError.self, "\(json)") { try check(json) }
        }
        let error = #expect(throws: JOSEError.self) { try check(claims(exp: "1")) }
        #expect(error?.description == "The JWT has expired.")
    }

    @Test("A claim is one text or several, at a path, or under a name with dots of its own")
    func lists() throws {
        let json = #"{"a":"x","b":["y",5,"z"],"c":{"d":["w"]},"https://e.org/r":"v","n":5}"#
        let claims = try JWTClaims(Array(json.utf8))
        #expect(claims.list("a") == ["x"] && claims.list("b") == ["y", "z"] && claims.list("c.d") == ["w"])
        #expect(claims.list("https://e.org/r") == ["v"])
        #expect(claims.list("n").isEmpty && claims.list("c").isEmpty && claims.list("c.x").isEmpty)
        #expect(claims.list("").isEmpty && claims["a"]?.asText == "x")
    }

    @Test("Claims are a JSON object, read strictly")
    func strict() {
        for json in ["", "[]", "5", #"{"a":1,"a":2}"#, #"{"a":1}x"#, String(repeating: "[", count: 400)] {
            #expect(throws: JOSEError.self) { try JWTClaims(Array(json.utf8)) }
        }
    }
}
