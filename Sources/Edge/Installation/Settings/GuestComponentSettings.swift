package import Bytes
package import Broker
import Evidence
package import FoundationEssentials
package import JOSE

/// What concerns guests that run Confidential Containers' components.
package struct GuestComponentSettings: Sendable {
    package var keys = RecipientKey.Rules()
    /// `iss` of the tokens.
    package var tokenIssuer = "swift-kbs"
    /// With their key, what an operator's authority says of this server; `nil`: the server makes its own keys.
    package var tokenCertificate: URL?
    package var tokenKey: URL?
    /// How long a key signs tokens, in seconds.
    package var keyRotation: TimeInterval = 30 * 86_400
    /// Other verifiers whose tokens are taken, and where their keys are.
    package var trustedIssuers: [(issuer: ExactText, keys: String)] = []
    /// By issuer.
    package var trustedAssumptions: [ExactText: ForeignAssumptions] = [:]
    /// What must be in those tokens' `aud`.
    package var trustedAudience: ExactText = ""
    /// How long after their making those tokens are taken, in seconds; `nil`: as long as a session.
    package var trustedAge: TimeInterval?

    package init() {}
}

extension SettingKey {
    static let guestComponents = [
        tokenIssuer, tokenKeyRotation, tokenCertificate, tokenKey, tokenTrusted, tokenTrustedAudience,
        tokenTrustedAge, tokenTrustedAssume, cocoAllowRSA1_5,
    ]

    package static let tokenIssuer = SettingKey(
        "token.issuer", "iss of the tokens that attested guests get: best this server's URL", default: "swift-kbs"
    ) { $1.guestComponents.tokenIssuer = try $0.nonEmpty("a name or URL") }

    package static let tokenKeyRotation = SettingKey(
        "token.key_rotation", "How long a key signs tokens until the next is made", default: "30d"
    ) { $1.guestComponents.keyRotation = try $0.duration() }

    package static let tokenCertificate = SettingKey(
        "token.certificate",
        "PEM chain of a certificate for the key that tokens are signed with: their x5c, and if it is long that of the JWKS only "
            + "(default: keys of the server's own, without certificates)"
    ) { $1.guestComponents.tokenCertificate = $0.file() }

    package static let tokenKey = SettingKey(
        "token.key", "The certificate's private key on P-256, in PEM; it stands with token.certificate"
    ) { $1.guestComponents.tokenKey = $0.file() }

    package static let tokenTrusted = SettingKey(
        "token.trusted",
        "Other verifiers whose tokens guests may come with, e.g. https://as.example.org=/etc/kbs/as.jwks; the keys are a "
            + "JWKS in a file or at an https URL"
    ) {
        for entry in $0.list() {
            let parts = entry.split(separator: "=", maxSplits: 1).map(String.init)
            guard parts.count == 2 else { throw $0.invalid("a list of ISSUER=KEYS") }
            let keys = SettingValue(name: $0.name, text: parts[1])
            $1.guestComponents.trustedIssuers.append((ExactText(parts[0]), try keys.keySetPlace()))
        }
    }

    package static let tokenTrustedAudience = SettingKey(
        "token.trusted_audience", "What must be in the aud of other verifiers' tokens; it stands with token.trusted"
    ) { $1.guestComponents.trustedAudience = ExactText($0.text) }

    package static let tokenTrustedAge = SettingKey(
        "token.trusted_age",
        "How long after its making (iat) another verifier's token is taken (default: session.lifetime)"
    ) { $1.guestComponents.trustedAge = $0.text.isEmpty ? nil : try $0.duration() }

    package static let tokenTrustedAssume = SettingKey(
        "token.trusted_assume",
        "What holds of all guests of other verifiers though their tokens do not say so, e.g. "
            + "https://as.example.org=vmpl:0+cxl:off+firmware:committed+tcb:reported+product:Genoa"
    ) {
        for entry in $0.list() {
            let parts = entry.split(separator: "=", maxSplits: 1).map(String.init)
            var assumptions = ForeignAssumptions()
            guard parts.count == 2, parts[1].split(separator: "+").allSatisfy({ assumptions.take($0) }) else {
                throw $0.invalid(
                    "a list of ISSUER=CLAIM+CLAIM of vmpl:0 to 3, cxl:off, firmware:committed, tcb:reported, product:NAME"
                )
            }
            $1.guestComponents.trustedAssumptions[ExactText(parts[0])] = assumptions
        }
    }

    package static let cocoAllowRSA1_5 = SettingKey(
        "coco.allow_rsa1_5", "Encrypt to guests' keys with RSA1_5 too, for old guest components", default: "false"
    ) { $1.guestComponents.keys.allowsRSA1_5 = try $0.bool() }
}

extension ForeignAssumptions {
    /// - Parameter word: a claim and its value.
    /// - Returns: `false` when it is none.
    fileprivate mutating func take(_ word: some StringProtocol) -> Bool {
        let parts = word.split(separator: ":", maxSplits: 1)
        guard parts.count == 2 else { return false }
        switch (parts[0], parts[1]) {
        case ("vmpl", let text):
            vmpl = UInt32(text).flatMap { (0...3).contains($0) ? $0 : nil }
            return vmpl != nil
        case ("product", let text):
            product = Product(name: text)
            return product != nil
        case ("cxl", "off"): forbidsCXL = true
        case ("firmware", "committed"): hasCommittedFirmware = true
        case ("tcb", "reported"): hasReportedTCB = true
        default: return false
        }
        return true
    }
}

extension GuestComponentSettings {
    /// - Throws: ``InvalidSetting`` when tokens are taken that may be for others, or something is assumed of an issuer whose
    ///   tokens are not taken: its name is mistyped.
    package func checkTrusted() throws {
        guard trustedIssuers.isEmpty || !trustedAudience.isEmpty else {
            throw InvalidSetting(
                "token.trusted needs token.trusted_audience: without it a token that was made for another service opens "
                    + "what is here")
        }
        let known = Set(trustedIssuers.map(\.issuer))
        if let stranger = trustedAssumptions.keys.sorted().first(where: { !known.contains($0) }) {
            throw InvalidSetting("token.trusted_assume is for \(stranger), which token.trusted does not have")
        }
    }

    /// - Throws: ``InvalidSetting``, also when one is set without the other.
    package func identity() throws -> TokenCertificate? {
        switch (tokenCertificate, tokenKey) {
        case (let certificate?, let key?): try TokenCertificate(certificate, key: key)
        case (nil, nil): nil
        default: throw InvalidSetting("token.certificate and token.key stand together: set both, or neither")
        }
    }
}
