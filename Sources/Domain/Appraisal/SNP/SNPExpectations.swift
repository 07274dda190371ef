import Bytes
public import Evidence
public import FoundationEssentials

/// What a report must be: bound to an exchange, and acceptable to the server and to a registration.
public struct SNPExpectations: Sendable, Hashable {
    public var binding: SNPBinding
    /// The server's settings.
    public var server: Rules
    /// ``Rules/registration(measurement:policy:)``; no rules where nobody registered: `kbs verify`, and guests that name no
    /// workload.
    public var registration: Rules

    public init(_ binding: SNPBinding = SNPBinding(), server: Rules = Rules(), registration: Rules = Rules()) {
        (self.binding, self.server, self.registration) = (binding, server, registration)
    }
}

extension SNPVerifier {
    /// Evaluates every check: whether the report is genuine, this exchange's, and acceptable.
    public static func verify(
        _ report: AttestationReport, endorsement: AppraisedChain?, offered: [EndorsementKey] = [],
        expecting expectations: SNPExpectations, denying denies: DenyList? = nil, at time: Date
    ) -> Verdict {
        let claims = report.claims(provenBy: endorsement)
        let question = Question(
            claims, origin: .registration, own: expectations.registration,
            server: expectations.server.known(of: claims, isProven: endorsement != nil), at: time)
        return verify(
            report, endorsement: endorsement, offered: offered, boundTo: expectations.binding, denying: denies, at: time
        ).holding(to: question.requirements)
    }
}

extension Rules {
    /// Those that can be decided. Without a certificate it is not known yet whose VLEK signed, and of version 2 which
    /// product: the certificate that is missing is what the verdict is about.
    fileprivate func known(of claims: Claims, isProven: Bool) -> Rules {
        guard !isProven else { return self }
        var rules = self
        if claims.text(SNPTerm.endorsement) == "vlek" { rules.cspIDs = nil }
        if claims.product == nil {
            (rules.products, rules.minimumTCB, rules.minimumMitigations) = (nil, [:], 0)
            rules.allowsProvisionalFirmware = true
        }
        return rules
    }
}
