public import Bytes
import Formats

/// A verdict as it is stored and shown: text only. It proves nothing, unlike a ``Verdict``.
public struct VerdictRecord: Sendable, Hashable, Codable {
    /// One check of it.
    public struct Check: Sendable, Hashable, Codable {
        /// E.g. `snp.measurement`.
        public let check: String
        public let outcome: Evidence.Check.Outcome
        public let expected: String
        public let found: String
        /// What to do about it; only of a failed check.
        public let advice: String?
    }

    public let genuine: Bool
    public let accepted: Bool
    public let checks: [Check]

    public init(_ verdict: Verdict) {
        genuine = verdict.isGenuine
        accepted = verdict.isAccepted
        checks = verdict.checks.map {
            Check(
                check: $0.name.text, outcome: $0.outcome, expected: $0.expected.description,
                found: $0.found.description, advice: $0.advice)
        }
    }

    /// Reads ``json``, in a fraction of `JSONDecoder`'s time: each release of a resource reads one.
    public init(json: String) throws(MalformedInput) {
        let record = try JSON(Array(json.utf8))
        genuine = try record.member("genuine").bool()
        accepted = try record.member("accepted").bool()
        var checks: [Check] = []
        for check in try record.member("checks").array() {
            let outcome = try check.member("outcome")
            guard let known = Evidence.Check.Outcome(rawValue: try outcome.text()) else {
                throw outcome.unfit("an outcome")
            }
            checks.append(
                Check(
                    check: try check.member("check").text(), outcome: known,
                    expected: try check.member("expected").text(), found: try check.member("found").text(),
                    advice: try check.optional("advice")?.text()))
        }
        self.checks = checks
    }

    public var failures: [Check] { checks.filter { $0.outcome == .failed } }

    /// The output of `JSONEncoder`, in a tenth of its time: each attestation writes one.
    public var json: String {
        var json: [UInt8] = []
        json.reserveCapacity(64 + checks.count * 192)
        json.append(utf8: "{\"accepted\":\(accepted),\"checks\":[")
        for (index, check) in checks.enumerated() {
            json.append(utf8: index == 0 ? "{" : ",{")
            if let advice = check.advice { Self.append("\"advice\":", advice, ",", to: &json) }
            Self.append("\"check\":", check.check, ",\"expected\":", to: &json)
            Self.append("", check.expected, ",\"found\":", to: &json)
            Self.append("", check.found, ",\"outcome\":", to: &json)
            Self.append("", check.outcome.rawValue, "}", to: &json)
        }
        json.append(utf8: "],\"genuine\":\(genuine)}")
        return String(decoding: json, as: UTF8.self)
    }

    private static func append(_ before: String, _ text: String, _ after: String, to json: inout [UInt8]) {
        json.append(utf8: before)
        JSONString.append(text, to: &json)
        json.append(utf8: after)
    }
}
