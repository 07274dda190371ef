public import Bytes
public import Evidence
import Formats

/// What evidence that was found genuine says of a guest: the input of every policy, and what a token states.
public struct GuestClaims: Sendable, Hashable {
    public let evidence: Claims
    /// The claims of the guest's init data, whose digest its evidence states; empty when it sent none.
    public let initData: [ExactText: ExactText]

    public init(_ evidence: Claims, initData: [ExactText: ExactText] = [:]) {
        (self.evidence, self.initData) = (evidence, initData)
    }

    public var tee: GuestTEE { evidence.tee }
    public var measurement: [UInt8]? { evidence.measurement }
    /// Names the chip, in hex. Empty when the host hides it, or there is none.
    public var chip: String { evidence.chip.map { Hex.encode($0) } ?? "" }
}

/// As they are kept with a guest, in JSON: `JSONEncoder` and `JSONDecoder` take longer for it than for the rest of a release.
///
/// Init data are apart: they are long, and many guests have the same.
extension GuestClaims {
    /// - Parameter initData: ``initDataJSON``; the empty text for none.
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

    /// The empty text for none.
    package var initDataJSON: String {
        initData.isEmpty ? "" : JSONValue(initData.mapValues { .text($0.text) }).encodedText
    }
}
