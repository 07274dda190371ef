import Broker
import Bytes
@testable import CoCoDialect
import BrokerSupport
import Crypto
import Evidence
import EvidenceSupport
import Formats
import Foundation
import HTTPEdge
import JOSE
import SimulatedHardware
import TestSupport
import Testing

@Suite("What guest components send, decoded")
struct AnswerTests {
    private static func report(_ fields: [String: Any]) throws -> AttestationReport {
        let json = try JSON(Array(JSONSerialization.data(withJSONObject: fields)))
        return try AttestationReport(fields: json)
    }

    @Test("A real report's fields give the bytes that its processor signed", .enabled(if: Vectors.arePresent))
    func genoa() throws {
        let folder = "vectors/snp/genoa-v3"
        let evidence = try SNPEvidenceMessage(JSON(Vectors.bytes("\(folder)/coco-evidence.json")))
        #expect(try evidence.report.bytes == Vectors.bytes("\(folder)/report.bin"))
        #expect(try evidence.certificates.first == Vectors.bytes("\(folder)/vcek.der"))
    }

    @Test("Real reports of version 2 and of a VLEK do so too", .enabled(if: Vectors.arePresent))
    func others() throws {
        for name in ["milan-v2-a", "milan-v2-b", "milan-v3-vlek"] {
            let bytes = try Vectors.bytes("vectors/snp/\(name)/report.bin")
            #expect(try Self.report(ReportFields.json(of: bytes)).bytes == bytes)
        }
    }

    @Test("A report of version 5, and Turin's TCBs, which lie differently, do so too")
    func turin() throws {
        var bytes = (0..<AttestationReport.size).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        bytes.replaceSubrange(0..<4, with: [5, 0, 0, 0])
        // What is reserved is zero, in Turin's TCBs too.
        for range in [
            0x4C..<0x50, 0x18B..<0x1A0, 0x1EB..<0x1EC, 0x1EF..<0x1F0, 0x208..<0x2A0, 0x330..<0x4A0, 0x3C..<0x3F,
            0x184..<0x187,
            0x1E4..<0x1E7, 0x1F4..<0x1F7,
        ] { for index in range { bytes[index] = 0 } }
        #expect(try Self.report(ReportFields.json(of: bytes, isTurin: true)).bytes == bytes)
    }

    @Test(
        "A field of another length than the report has room for is refused",
        arguments: ["family_id", "report_data", "measurement", "host_data", "chip_id", "report_id_ma"])
    func lengths(_ field: String) throws {
        var fields = ReportFields.json(of: [UInt8](repeating: 0, count: AttestationReport.size))
        fields[field] = [1, 2, 3]
        #expect(throws: MalformedInput.self) { try Self.report(fields) }
    }

    // MARK: The whole answer

    private static let key = P256.KeyAgreement.PrivateKey().publicKey.rawRepresentation
    private static let jwk = [
        "kty": "EC", "crv": "P-256", "alg": "ECDH-ES+A256KW", "x": key.prefix(32).base64URL,
        "y": key.suffix(32).base64URL,
    ]
    private static let nonce = Data(repeating: 9, count: 32).base64EncodedString()

    private static func body(
        initData: [String: String]? = nil, additional: String = "", reportData: [UInt8] = [1],
        _ change: (inout [String: Any]) -> Void = { _ in }
    ) throws -> Data {
        var message: [String: Any] = [
            "init-data": initData ?? NSNull(), "runtime-data": ["nonce": nonce, "tee-pubkey": jwk],
            "tee-evidence": [
                "primary_evidence": ["svn": "1", "report_data": Data(reportData).base64EncodedString()],
                "additional_evidence": additional,
            ],
        ]
        change(&message)
        return try JSONSerialization.data(withJSONObject: message)
    }

    private static func answer(_ body: Data, allowsSample: Bool = true) throws -> GuestComponentAnswer {
        try GuestComponentAnswer(AttestationBody(Array(body)), keys: RecipientKey.Rules(), allowsSample: allowsSample)
    }

    private static func bound(additional: String = "") throws -> Data {
        let bound: [String: Any] = ["tee-pubkey": jwk, "nonce": nonce, "additional-evidence": additional]
        return try JSONSerialization.data(withJSONObject: bound, options: [.sortedKeys, .withoutEscapingSlashes])
    }

    @Test("Evidence must be bound to nonce, key and other evidence with SHA-384, and zeros after it")
    func binding() throws {
        let expected = Array(SHA384.hash(data: try Self.bound())) + Array(repeating: 0, count: 16)
        #expect(try Self.answer(Self.body()).answer.reportData == expected)
    }

    @Test("Evidence that is bound with another digest that was offered is taken as such")
    func otherDigest() throws {
        let digest = Array(SHA512.hash(data: try Self.bound()))
        #expect(try Self.answer(Self.body(reportData: digest)).answer.reportData == digest)
    }

    @Test("An empty set of other evidence is part of the binding as it was sent")
    func emptyAdditional() throws {
        let digest = Array(SHA256.hash(data: try Self.bound(additional: "{ }"))) + Array(repeating: 0, count: 32)
        #expect(try Self.answer(Self.body(additional: "{ }", reportData: digest)).answer.reportData == digest)
    }

    @Test("Evidence of a device that is not known is refused, with the device's name")
    func device() throws {
        let body = try Self.body(additional: #"{"nvidia":{}}"#)
        let refusal = #expect(throws: Refusal.self) { try Self.answer(body) }
        #expect(refusal?.sentence.contains("nvidia") == true)
    }

    @Test("A member that comes twice is refused, wherever it is")
    func twice() throws {
        let text = String(decoding: try Self.body(), as: UTF8.self)
        let doubled = text.replacing("\"runtime-data\":", with: "\"runtime-data\":{},\"runtime-data\":")
        #expect(throws: Refusal.self) { try Self.answer(Data(doubled.utf8)) }
    }

    @Test("A nonce of another length is refused")
    func shortNonce() throws {
        let body = try Self.body { $0["runtime-data"] = ["nonce": "AAAA", "tee-pubkey": Self.jwk] as [String: Any] }
        #expect(throws: Refusal.self) { try Self.answer(body) }
    }

    @Test("Evidence of another technology is refused")
    func otherTechnology() throws {
        let body = try Self.body { $0["tee-evidence"] = ["primary_evidence": ["quote": "AA=="]] }
        #expect(throws: Refusal.self) { try Self.answer(body) }
    }

    // MARK: Init data

    private static func document(_ algorithm: String, data: String = "\"aa.toml\" = \"x\"") -> String {
        "version = \"0.1.0\"\nalgorithm = \"\(algorithm)\"\n[data]\n\(data)\n"
    }

    private static func initialData(_ document: String) throws -> Answer.InitData? {
        try answer(body(initData: ["format": "toml", "body": document])).answer.initData
    }

    @Test("Init data is digested as it was sent, and the digest is cut to what HOST_DATA holds")
    func initData() throws {
        let digests: [(String, [UInt8])] = [
            ("sha256", Array(SHA256.hash(data: Data(Self.document("sha256").utf8)))),
            ("sha384", Array(SHA384.hash(data: Data(Self.document("sha384").utf8)))),
            ("sha512", Array(SHA512.hash(data: Data(Self.document("sha512").utf8)))),
        ]
        for (algorithm, digest) in digests {
            let found = try #require(try Self.initialData(Self.document(algorithm)))
            #expect(found.digest == Array(digest.prefix(32)))
            #expect(found.claims == ["aa.toml": "x"])
        }
    }

    @Test(
        "Init data that is not as it should be is refused",
        arguments: [
            document("sm3"), document("sha256", data: "a = 1"), "version = \"0.1.0\"\nalgorithm = \"sha256\"",
            "= no toml",
            "algorithm = \"sha256\"\n[data]\n", "other = \"x\"\n" + document("sha256"),
        ])
    func badInitData(_ document: String) {
        #expect(throws: Refusal.self) { try Self.initialData(document) }
    }

    @Test("White space in place of devices is bounded: it goes into the token")
    func longAdditional() throws {
        let body = try Self.body(additional: "{" + String(repeating: " ", count: 100) + "}")
        #expect(throws: Refusal.self) { try Self.answer(body) }
    }

    @Test("A sample's security version is bounded: it goes into the token")
    func longSVN() throws {
        let body = try Self.body {
            $0["tee-evidence"] = [
                "primary_evidence": ["svn": String(repeating: "1", count: 65), "report_data": "AQ=="]
            ]
        }
        #expect(throws: Refusal.self) { try Self.answer(body) }
    }

    @Test("A key with NUL in it, which ends a C string, is refused and ends nothing else")
    func nulKey() {
        #expect(throws: Refusal.self) {
            try Self.initialData(Self.document("sha256", data: #""a\u0000b" = "x""#))
        }
    }

    @Test("A key of very many dots is refused and ends nothing")
    func dottedKey() {
        let dotted = String(repeating: "a.", count: 60_000) + "a = 1"
        #expect(throws: Refusal.self) { try Self.initialData(Self.document("sha256", data: dotted + "\n!")) }
    }

    @Test("Init data in another format is refused")
    func otherFormat() {
        #expect(throws: Refusal.self) { try Self.answer(Self.body(initData: ["format": "json", "body": "{}"])) }
    }

    @Test("Init data that is nested very deeply is refused and ends nothing")
    func deepInitData() {
        let nested = String(repeating: "[", count: 50_000) + String(repeating: "]", count: 50_000)
        #expect(throws: Refusal.self) { try Self.initialData(Self.document("sha256", data: "a = \(nested)")) }
    }

    // MARK: The place of a fault

    private static func sentence(_ body: Data) -> String {
        do throws(Refusal) {
            _ = try GuestComponentAnswer(AttestationBody(Array(body)), keys: .init(), allowsSample: false)
        } catch {
            return error.sentence
        }
        return "taken"
    }

    @Test("An error names the member, what stood there and what may")
    func place() throws {
        var fields: [String: Any] = ReportFields.json(of: [UInt8](repeating: 0, count: AttestationReport.size))
        func body(_ change: (inout [String: Any]) -> Void) throws -> Data {
            change(&fields)
            return try Self.body {
                $0["tee-evidence"] = [
                    "primary_evidence": [
                        "attestation_report": fields, "cert_chain": [["data": [1, 2]], ["data": [3, 256]]],
                    ], "additional_evidence": "",
                ]
            }
        }
        let path = "tee-evidence.primary_evidence"
        #expect(
            Self.sentence(try body { _ in }).contains(
                "The field \(path).cert_chain.1.data.1 has a value that cannot be used: 256 where a whole number of 0 to 255"
            ))
        #expect(
            Self.sentence(try body { $0["vmpl"] = "0" }).contains(
                "The field \(path).attestation_report.vmpl has a value of the wrong type: a text where a number may"))
        #expect(
            Self.sentence(try body { $0["vmpl"] = nil }) == "The field \(path).attestation_report.vmpl is missing.")
    }

    @Test("Other evidence that is left out, or comes in another form than a text, is not taken for none")
    func additionalForm() throws {
        func body(_ additional: Any?) throws -> Data {
            try Self.body {
                var evidence: [String: Any] = ["primary_evidence": ["svn": "1", "report_data": "AQ=="]]
                evidence["additional_evidence"] = additional
                $0["tee-evidence"] = evidence
            }
        }
        #expect(Self.sentence(try body(nil)) == "The field tee-evidence.additional_evidence is missing.")
        #expect(Self.sentence(try body(["nvidia": [:] as [String: Any]])).contains("an object where a text may stand"))
        #expect(Self.sentence(try body("")) == "taken")
    }

    @Test("A body with a comma too many, a byte order mark or something behind its end is refused")
    func oneReading() throws {
        let text = String(decoding: try Self.body(), as: UTF8.self)
        #expect(Self.sentence(Data(text.utf8)) == "taken")
        for wrong in ["\(text.dropLast()),}", "\u{FEFF}\(text)", "\(text){}"] {
            #expect(Self.sentence(Data(wrong.utf8)).hasPrefix("The body is not JSON that can be used: "))
        }
    }

    @Test("Which dialect a body speaks is told by its version, or by what only this one has")
    func dialect() {
        func speaks(_ text: String) -> Bool { CoCoDialect.greeting(in: Array(text.utf8)) != nil }
        #expect(speaks(#"{"version":"0.4.0","tee":"snp"}"#) && speaks(#"{"version":"1"}"#))
        for text in [#"{"version":"0.0.0"}"#, #"{"tee":"snp"}"#, #"{"version":4}"#, "[]", "", #"{"version":"0.4.0",}"#]
        {
            #expect(!speaks(text), "\(text)")
        }
        func attests(_ text: String) -> Bool { CoCoDialect.attests(Array(text.utf8)) }
        #expect(attests(#"{"tee-evidence":{"primary_evidence":{}}}"#))
        for text in [#"{"tee-evidence":"{}"}"#, #"{"tee-evidence":{}}"#, "[]", ""] {
            #expect(!attests(text), "\(text)")
        }
    }
}
