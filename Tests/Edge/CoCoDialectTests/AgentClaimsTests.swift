@testable import Broker
import Bytes
@testable import CoCoDialect
import Evidence
import EvidenceSupport
import Formats
import Foundation
import HTTP
import HTTPEdge
import Logging
import Testing

@Suite("What an agent is told of a guest")
struct AgentClaimsTests {
    private static let path = ["submods", "cpu0", "ear.veraison.annotated-evidence"]

    private static func token(_ json: String) -> String { "e30.\(json.utf8.base64URL).c2ln" }

    private static func guest(initData: [ExactText: ExactText]) -> ResourceReader {
        let snp = SNPClaims(measurement: Array(repeating: 1, count: 48), policy: .unstated)
        let token = token(#"{"jti":"mine","submods":{"cpu0":{"ear.veraison.annotated-evidence":{"init_data":"ab"}}}}"#)
        return .attested(
            AttestedGuest(
                id: [1], claims: GuestClaims(snp.evidence, initData: initData), key: "{}", expires: .distantFuture,
                token: token))
    }

    private static func told(_ reader: ResourceReader, _ token: String?) throws -> JSON {
        try JSON(TokenService.claims(of: reader, token: token))
    }

    @Test("Of our own guests it is told what the database has, whatever token came along")
    func own() throws {
        let told = try Self.told(Self.guest(initData: [:]), Self.token(#"{"jti":"another"}"#))
        #expect(told["jti"]?.asText == "mine")
    }

    @Test("Init data that were too long for the token are among it, beside all that the token says")
    func initData() throws {
        let told = try Self.told(Self.guest(initData: ["policy.rego": "allow"]), nil)
        let evidence = Self.path.reduce(told as JSON?) { $0?[$1] }
        #expect(evidence?["init_data_claims"]?["policy.rego"]?.asText == "allow")
        #expect(evidence?["init_data"]?.asText == "ab" && told["jti"]?.asText == "mine")
    }

    @Test("Of another verifier's guest it is told what the token says")
    func foreign() throws {
        let snp = SNPClaims(measurement: Array(repeating: 1, count: 48), policy: .unstated)
        let guest = ForeignGuest(
            issuer: "as", claims: GuestClaims(snp.evidence), key: "{}", issued: .distantPast, expires: .distantFuture)
        #expect(try Self.told(.foreign(guest), Self.token(#"{"jti":"theirs"}"#))["jti"]?.asText == "theirs")
    }
}

@Suite("What a guest is told when something goes wrong")
struct FailureTests {
    private struct Damaged: Error {}

    @Test("What nobody expected is said in this dialect's form; what it was is for the log alone")
    func unexpected() {
        let response = CoCoFailureForm().told(Damaged())
        #expect(response.refusal?.code == .unavailable && response.status == .serviceUnavailable)
        let text = String(decoding: response.body, as: UTF8.self)
        #expect(text.contains("urn:swift-kbs:problem:unavailable") && !text.contains("Damaged"))
    }
}

extension CoCoFailureForm {
    /// What a guest is told of an error.
    func told(_ error: any Error) -> Response {
        response(
            toThrown: error, of: Request(head: HTTPRequest(method: .get, path: "/"), body: .collected([])),
            logger: Logger(label: "guest") { _ in NoOpLogHandler() })
    }
}
