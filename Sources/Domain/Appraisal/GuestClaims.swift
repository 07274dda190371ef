public import Bytes
public import Evidence
import Formats

/// The claims of genuine evidence and of its init data: the input of policies and of attestation tokens.
public struct GuestClaims: Sendable, Hashable {
    public let evidence: Claims
    /// The guest's init data, whose digest the evidence states; empty when it sent none.
    public let initData: [ExactText: ExactText]
    /// The names of further entries, which another verifier's token states in another form than the guest's text, e.g.
    /// `cdh.toml` as an object. No policy lists such an entry.
    public let reshapedInitData: Set<ExactText>

    public init(
        _ evidence: Claims, initData: [ExactText: ExactText] = [:], reshapedInitData: Set<ExactText> = []
    ) {
        (self.evidence, self.initData, self.reshapedInitData) = (evidence, initData, reshapedInitData)
    }

    public var tee: GuestTEE { evidence.tee }
    public var measurement: [UInt8]? { evidence.measurement }
    /// The chip's id in hex; empty when the host hides it, or the technology has none.
    public var chip: String { evidence.chip.map { Hex.encode($0) } ?? "" }
}

/// The stored form, in JSON. Not by `JSONEncoder` and `JSONDecoder`, which take longer for it than the rest of a
/// release.
///
/// Init data are separate: they are long, and many guests have the same.
extension GuestClaims {
    /// - Parameter initData: ``initDataJSON``; empty for none.
    package init(json text: String, initData entries: String = "") throws(MalformedInput) {
        let json = try JSON(Array(text.utf8))
        let member = try json.member("tee")
        guard let tee = GuestTEE(exactly: try member.text()) else { throw member.unfit("a technology") }
        var initData: [ExactText: ExactText] = [:]
        if !entries.isEmpty {
            for (name, value) in try JSON(Array(entries.utf8)).members() {
                initData[name] = ExactText(try value.text())
            }
        }
        self.init(try Claims(tee, json.member("claims")), initData: initData)
    }

    package var json: String {
        JSONValue(["claims": evidence.json, "tee": .text(tee.rawValue)] as [ExactText: JSONValue]).encodedText
    }

    /// Empty when there are no init data.
    package var initDataJSON: String {
        initData.isEmpty ? "" : JSONValue(initData.mapValues { .text($0.text) }).encodedText
    }
}
