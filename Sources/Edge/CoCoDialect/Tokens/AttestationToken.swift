import Broker
import Bytes
import Evidence
import Formats
import FoundationEssentials

/// An attestation result about a guest, for relying parties.
///
/// Source: draft-ietf-rats-ear, in the form of Confidential Containers' verifiers.
struct AttestationToken {
    let members: JSONValue

    static let profile = "tag:github.com,2024:confidential-containers/Trustee"

    /// - Parameters:
    ///   - initDataClaims: the claims of the answer's init data.
    ///   - issuer: `iss`.
    ///   - software: this program and its version.
    ///   - statement: how much of the init data the token contains besides their digest.
    init(
        _ guest: AttestedGuest, _ answer: GuestComponentAnswer, _ initDataClaims: InitDataClaims?,
        vector: TrustworthinessVector, issuer: String,
        software: String, stating statement: Statement, at time: Date
    ) {
        var evidence: JSONValue = [
            "report_data": .text(Hex.encode(answer.answer.reportData)), "runtime_data_claims": answer.binding.claims,
        ]
        if let initData = answer.answer.initData {
            // A sample has no HOST_DATA field that truncates the digest.
            evidence["init_data"] = .text(
                guest.claims.tee == .sample ? initData.wholeDigest.base64 : Hex.encode(initData.digest))
            if statement == .whole { evidence["init_data_claims"] = initDataClaims?.json }
        }
        let claims = guest.claims.evidence
        evidence[claims.tee.rawValue] =
            switch claims.tee {
            case .snp: claims.tokenClaims
            case .sample: Self.sample(claims.text(SampleTerm.svn)?.text ?? "", answer.answer.proof)
            }
        var cpu: JSONValue = [
            "ear.status": .text(vector.status.rawValue),
            "ear.trustworthiness-vector": JSONValue(vector.claims.mapValues { .integer($0) }),
            "ear.appraisal-policy-id": .text("default"),
            "ear.veraison.annotated-evidence": evidence,
        ]
        if statement != .digest { cpu["ear.trustee.identifiers"] = initDataClaims?.identifiers }
        var submodules: JSONValue = ["cpu0": cpu]
        for (index, device) in answer.answer.devices.enumerated() {
            submodules["gpu\(index)"] = Self.device(device, answer.binding)
        }
        members = [
            "eat_profile": .text(Self.profile), "iss": .text(issuer),
            "iat": .number(time.timeIntervalSince1970.rounded(.down)),
            "exp": .number(guest.expires.timeIntervalSince1970.rounded(.down)),
            // The session's id: ending the session makes this server refuse the token.
            "jti": .text(Hex.encode(guest.id)),
            "ear.verifier-id": ["developer": "swift-kbs", "build": .text(software)],
            "submods": submodules,
        ]
    }

    /// How much of the init data a token contains.
    enum Statement: CaseIterable {
        /// The entries, and the identifiers of containers.
        case whole
        case identifiers
        case digest
    }

    /// A sample's claims. Like Trustee's verifier, it adds the constants that the trial policies in Trustee's documents
    /// read.
    private static func sample(_ svn: String, _ proof: Answer.Proof) -> JSONValue {
        guard case .evidence(let evidence) = proof else { return ["svn": .text(svn)] }
        return [
            "svn": .text(svn), "report_data": .text(evidence.reportData.base64), "launch_digest": "abcde",
            "platform_version": ["major": 1, "minor": 4], "debug": false,
        ]
    }

    /// A sample device, which has no hardware: a submodule of its own that vouches for nothing.
    private static func device(_ device: SampleDevice, _ binding: RuntimeBinding) -> JSONValue {
        let vector = TrustworthinessVector.sample
        return [
            "ear.status": .text(vector.status.rawValue),
            "ear.trustworthiness-vector": JSONValue(vector.claims.mapValues { .integer($0) }),
            "ear.appraisal-policy-id": .text("default"),
            "ear.veraison.annotated-evidence": [
                "report_data": .text(Hex.encode(device.expected)),
                "runtime_data_claims": binding.deviceClaims,
                "sampledevice": ["svn": .text(device.svn), "report_data": .text(device.reportData.base64)],
            ],
        ]
    }
}

extension Claims {
    /// The claims under the names of Trustee's policies, followed by those that Trustee does not have.
    fileprivate var tokenClaims: JSONValue {
        func bit(_ isSet: Bool) -> JSONValue { .integer(isSet ? 1 : 0) }
        func number(_ value: some BinaryInteger) -> JSONValue { .integer(Int(clamping: value)) }
        let policy = guestPolicy
        var claims: [JSONValue.Member] = []
        func add(_ name: String, _ value: JSONValue?) {
            if let value { claims.append(JSONValue.Member(name, value)) }
        }
        add("policy_abi_major", number(policy.abiMajor))
        add("policy_abi_minor", number(policy.abiMinor))
        add("policy_smt_allowed", bit(policy.contains(.smtAllowed)))
        add("policy_migrate_ma", bit(policy.contains(.migrationAgentAllowed)))
        add("policy_debug_allowed", bit(policy.contains(.debugAllowed)))
        add("policy_single_socket", bit(policy.contains(.singleSocket)))
        for term in tee.terms where term.isInTokens { add(term.name.text, self[term]?.json) }
        for term in [SNPTerm.reportedTCB, SNPTerm.currentTCB, SNPTerm.committedTCB, SNPTerm.launchTCB] {
            guard let version = tcb(term) else { continue }
            add("\(term.name)_bootloader", number(version.bootLoader))
            add("\(term.name)_tee", number(version.tee))
            add("\(term.name)_snp", number(version.snp))
            add("\(term.name)_microcode", number(version.microcode))
            add("\(term.name)_fmc", version.fmc.map(number))
        }
        if let platformInfo = self.number(SNPTerm.platformInfo) {
            add("platform_smt_enabled", bit(platformInfo & 1 != 0))
            add("platform_tsme_enabled", bit(platformInfo & 2 != 0))
        }
        add("current_mit_vector", self[SNPTerm.currentMitigations]?.json)
        add("launch_mit_vector", self[SNPTerm.launchMitigations]?.json)
        return .object(claims)
    }
}
