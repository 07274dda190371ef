public import Bytes
import Evidence
import Formats

/// What a guest that sends claims of its own runs on. (``TEE`` is what a workload is registered for.)
public enum GuestTEE: String, Sendable, Hashable, CaseIterable, Codable {
    /// SEV-SNP.
    case snp
    /// No hardware at all: for trying things out, where an operator allows it.
    case sample
}

/// What evidence that was found genuine says of a guest: the input of every policy, and what a token states.
public struct GuestClaims: Sendable, Hashable {
    /// What each technology says.
    public enum Platform: Sendable, Hashable {
        case snp(SNPClaims)
        /// - Parameter svn: as the guest wrote it.
        case sample(svn: String)
    }

    public let platform: Platform
    /// The claims of the guest's init data, whose digest was found equal to HOST_DATA; empty when it sent none.
    public let initData: [ExactText: ExactText]

    public init(_ platform: Platform, initData: [ExactText: ExactText] = [:]) {
        self.platform = platform
        self.initData = initData
    }

    public var tee: GuestTEE {
        switch platform {
        case .snp: .snp
        case .sample: .sample
        }
    }

    public var snp: SNPClaims? { if case .snp(let claims) = platform { claims } else { nil } }
}

/// As they are kept with a guest, in JSON: `JSONEncoder` and `JSONDecoder` take longer for it than for the rest of a release.
///
/// Init data are apart: they are long, and many guests have the same.
extension GuestClaims {
    /// - Parameter initData: ``initDataJSON``; the empty text for none.
    package init(json text: String, initData entries: String = "") throws(MalformedInput) {
        let json = try JSON(Array(text.utf8))
        let tee = try json.member("tee")
        let platform: Platform =
            switch GuestTEE(exactly: try tee.text()) {
            case .snp: .snp(try SNPClaims(json.member("snp")))
            case .sample: .sample(svn: try json.member("svn").text())
            case nil: throw tee.unfit("a technology")
            }
        var initData: [ExactText: ExactText] = [:]
        if !entries.isEmpty {
            for (name, value) in try JSON(Array(entries.utf8)).members() {
                initData[name] = ExactText(try value.text())
            }
        }
        self.init(platform, initData: initData)
    }

    package var json: String {
        var members: [ExactText: JSONValue] = ["tee": .text(tee.rawValue)]
        switch platform {
        case .snp(let claims): members["snp"] = claims.json
        case .sample(let svn): members["svn"] = .text(svn)
        }
        return JSONValue(members).encodedText
    }

    /// The empty text for none.
    package var initDataJSON: String {
        initData.isEmpty ? "" : JSONValue(initData.mapValues { .text($0.text) }).encodedText
    }
}
