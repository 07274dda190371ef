import Broker
import BrokerSupport
import Bytes
@testable import CoCoDialect
import Evidence
import Formats
import Foundation
import HTTPClient
import JOSE
import JSONWebTokens
import Logging
import Testing

@Suite("Claims of another verifier's token")
struct ForeignClaimsTests {
    private static let time = Date(timeIntervalSince1970: 1_760_000_000)

    /// The guest of a verified token.
    ///
    /// - Parameters:
    ///   - initData: `init_data_claims`, JSON.
    ///   - more: further members of `snp`.
    private static func guest(initData: String = "null", _ more: [String: JSONValue] = [:]) throws -> ForeignGuest {
        var snp: JSONValue = [
            "measurement": .text(String(repeating: "ab", count: 48)), "policy_abi_major": 0, "policy_abi_minor": 31,
            "policy_smt_allowed": 1, "policy_migrate_ma": 0, "policy_debug_allowed": 0, "policy_single_socket": 0,
        ]
        for (name, value) in more { snp[name] = value }
        let key = JSONValue.object(try GuestComponentKey.elliptic.jwk.map { JSONValue.Member($0.key, .text($0.value)) })
        let evidence: JSONValue = [
            "runtime_data_claims": ["tee-pubkey": key], "snp": snp,
            "init_data_claims": JSONValue(try JSON(Array(initData.utf8))),
        ]
        let claims: JSONValue = [
            "iat": 1_760_000_000, "exp": 1_760_000_300,
            "submods": ["cpu0": ["ear.status": "affirming", "ear.veraison.annotated-evidence": evidence]],
        ]
        var assumptions = ForeignAssumptions()
        assumptions.hasCommittedFirmware = true
        let tokens = TokenVerifier(
            TokenVerifier.Rules(issuer: "https://as.example.org", audience: "kbs"),
            keys: JWTKeySource(
                "/keys", of: .guests, client: HTTP1Client(),
                logger: Logger(label: "tokens") { _ in NoOpLogHandler() }))
        return try ForeignGuest(
            JWTClaims(claims.encoded), of: ForeignVerifier(tokens, assuming: assumptions, greatestAge: 600),
            keys: RecipientKey.Rules(), under: AppraisalPolicy(), at: time)
    }

    private static func verdict(on guest: ForeignGuest, listing initData: [ExactText: ExactText]) throws -> Verdict {
        var policy = Policy(name: try PolicyName("web"))
        policy.rules[.snp] = Vocabulary.of(.snp).usual
        policy.initData = initData
        return policy.evaluate(guest.claims, references: [:], under: AppraisalPolicy(), at: time)
    }

    @Test(
        "An entry of init data that is no text is not among those that a policy lists, nor is it nothing",
        arguments: [#"{"url":"http://broker.example"}"#, #"["x"]"#, "7", "true", "null"])
    func initData(_ value: String) throws {
        let guest = try Self.guest(initData: #"{"aa.toml":"x","cdh.toml":\#(value)}"#)
        let failed = { try Self.verdict(on: guest, listing: $0).failures.contains { $0.name == .policyInitData } }
        #expect(try failed(["aa.toml": "x"]), "beside those that are listed")
        #expect(try failed(["aa.toml": "x", "cdh.toml": ExactText(value)]), "though its JSON is listed")
        let text = try Self.guest(initData: #"{"aa.toml":"x","cdh.toml":"y"}"#)
        #expect(
            try Self.verdict(on: text, listing: ["aa.toml": "x", "cdh.toml": "y"]).failures
                .allSatisfy { $0.name != .policyInitData })
    }

    @Test("A TCB with a component that cannot be read is not stated")
    func fmc() throws {
        func committed(_ fmc: JSONValue?) throws -> TCBVersion? {
            var members: [String: JSONValue] = [:]
            for prefix in ["committed_tcb", "current_tcb"] {
                for name in ["bootloader", "tee", "snp", "microcode"] { members["\(prefix)_\(name)"] = 4 }
            }
            members["committed_tcb_fmc"] = fmc
            return try Self.guest(members).claims.evidence.tcb(SNPTerm.committedTCB)
        }
        #expect(try committed(nil) == TCBVersion("04.04.04.04") && committed(.null) == TCBVersion("04.04.04.04"))
        #expect(try committed("1") == TCBVersion("01.04.04.04.04"))
        #expect(throws: Refusal.self) { try committed("new") }
    }
}
