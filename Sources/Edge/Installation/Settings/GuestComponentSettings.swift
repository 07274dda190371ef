package import Broker
package import Bytes
import Evidence
package import FoundationEssentials
package import JOSE

/// Settings for guests that run Confidential Containers' components.
package struct GuestComponentSettings: Sendable {
    package var keys = RecipientKey.Rules()
    /// `iss` of the tokens.
    package var tokenIssuer = "swift-kbs"
    /// The PEM chain for ``tokenKey``; `nil`: the server makes its own signing keys.
    package var tokenCertificate: URL?
    package var tokenKey: URL?
    /// How long a key signs tokens, in seconds.
    package var keyRotation: TimeInterval = 30 * 86_400
    /// Other verifiers whose tokens are accepted, and the locations of their keys.
    package var trustedIssuers: [(issuer: ExactText, keys: String)] = []
    /// By issuer.
    package var trustedAssumptions: [ExactText: ForeignAssumptions] = [:]
    /// Required in the `aud` of those tokens.
    package var trustedAudience: ExactText = ""
    /// Greatest age (`iat`) of those tokens, in seconds; `nil`: a session's lifetime.
    package var trustedAge: TimeInterval?

    package init() {}
}

extension SettingKey {
    static let guestComponents = [
        tokenIssuer, tokenKeyRotation, tokenCertificate, tokenKey, tokenTrusted, tokenTrustedAudience,
        tokenTrustedAge, tokenTrustedAssume, cocoAllowRSA1_5,
    ]

    package static let tokenIssuer = SettingKey(
        "token.issuer", "iss of attested guests' tokens, ideally this server's URL", default: "swift-kbs"
    ) { $1.guestComponents.tokenIssuer = try $0.nonEmpty("a name or URL") }

    package static let tokenKeyRotation = duration(
        "token.key_rotation", "How long a key signs tokens until the next is made", default: "30d",
        \.guestComponents.keyRotation)

    package static let tokenCertificate = file(
        "token.certificate",
        "PEM chain of the certificate for the tokens' signing key: x5c of the tokens, or of the JWKS only if it is "
            + "long (default: keys of the server's own, without certificates)", \.guestComponents.tokenCertificate)

    package static let tokenKey = file(
        "token.key", "The certificate's private key on P-256, in PEM; needed with token.certificate",
        \.guestComponents.tokenKey)

    package static let tokenTrusted = SettingKey(
        "token.trusted",
        "Other verifiers whose tokens guests may present, e.g. https://as.example.org=/etc/kbs/as.jwks; the keys are a "
            + "JWKS in a file or at an https URL"
    ) {
        for entry in $0.list() {
            let parts = entry.split(separator: "=", maxSplits: 1).map(String.init)
            guard parts.count == 2 else { throw $0.invalid("a list of ISSUER=KEYS") }
            let keys = SettingValue(name: $0.name, text: parts[1])
            $1.guestComponents.trustedIssuers.append((ExactText(parts[0]), try keys.keySetLocation()))
        }
    }

    package static let tokenTrustedAudience = SettingKey(
        "token.trusted_audience", "Required in the aud of other verifiers' tokens; needed with token.trusted"
    ) { $1.guestComponents.trustedAudience = ExactText($0.text) }

    package static let tokenTrustedAge = SettingKey(
        "token.trusted_age",
        "Greatest age (iat) of another verifier's token (default: session.lifetime)"
    ) { $1.guestComponents.trustedAge = $0.text.isEmpty ? nil : try $0.duration() }

    package static let tokenTrustedAssume = SettingKey(
        "token.trusted_assume",
        "Claims that hold for all guests of other verifiers though their tokens omit them, e.g. "
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

    package static let cocoAllowRSA1_5 = bool(
        "coco.allow_rsa1_5", "Encrypt to guests' keys with RSA1_5 too, for old guest components",
        \.guestComponents.keys.allowsRSA1_5)
}

extension ForeignAssumptions {
    /// - Parameter word: a claim and its value, e.g. `vmpl:0`.
    /// - Returns: whether the claim is known and the value valid.
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
    /// - Throws: ``InvalidSetting`` without an audience, which would accept tokens for other services, or for
    ///   assumptions about an issuer that is not trusted: its name is mistyped.
    package func checkTrusted() throws {
        guard trustedIssuers.isEmpty || !trustedAudience.isEmpty else {
            throw InvalidSetting(
                "token.trusted needs token.trusted_audience: without it a token for another service gets resources here"
            )
        }
        let known = Set(trustedIssuers.map(\.issuer))
        if let stranger = trustedAssumptions.keys.sorted().first(where: { !known.contains($0) }) {
            throw InvalidSetting("token.trusted_assume is for \(stranger), which token.trusted does not have")
        }
    }

    /// - Throws: ``InvalidSetting``, also if only one of the two is set.
    package func identity() throws -> TokenCertificate? {
        switch (tokenCertificate, tokenKey) {
        case (let certificate?, let key?): try TokenCertificate(certificate, key: key)
        case (nil, nil): nil
        default: throw InvalidSetting("token.certificate and token.key belong together: set both, or neither")
        }
    }
}
