import Evidence

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
    public let initData: [String: String]

    public init(_ platform: Platform, initData: [String: String] = [:]) {
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

extension GuestClaims: Codable {
    private enum Member: String, CodingKey {
        case tee, snp, svn
        case initData = "init_data"
    }

    public init(from decoder: any Decoder) throws {
        let members = try decoder.container(keyedBy: Member.self)
        let platform: Platform =
            switch try members.decode(GuestTEE.self, forKey: .tee) {
            case .snp: .snp(try members.decode(SNPClaims.self, forKey: .snp))
            case .sample: .sample(svn: try members.decode(String.self, forKey: .svn))
            }
        self.init(platform, initData: try members.decode([String: String].self, forKey: .initData))
    }

    public func encode(to encoder: any Encoder) throws {
        var members = encoder.container(keyedBy: Member.self)
        try members.encode(tee, forKey: .tee)
        switch platform {
        case .snp(let claims): try members.encode(claims, forKey: .snp)
        case .sample(let svn): try members.encode(svn, forKey: .svn)
        }
        try members.encode(initData, forKey: .initData)
    }
}
