import Concurrency
import FoundationEssentials
import Bytes
public import Evidence

/// A guest's, or for SEV its host's, wish to be challenged.
public struct ChallengeRequest: Sendable {
    public enum Platform: Sendable {
        case snp
        case sev(build: SEVFirmwareBuild, chain: SEVCertificateChain)
    }

    public let workload: WorkloadID
    public let platform: Platform

    public init(workload: WorkloadID, platform: Platform) {
        self.workload = workload
        self.platform = platform
    }
}

/// What the asker needs to answer.
public struct IssuedChallenge: Sendable {
    /// Names the challenge in the calls that follow: at most 99 characters of base64url.
    public let session: String
    /// 32 hex digits.
    public let nonce: String
    /// SEV only.
    public let channel: SEVChannelOffer?
}

/// The broker's end of a channel to the platform's processor, for LAUNCH_START.
public struct SEVChannelOffer: Sendable {
    public let policy: SEVLaunchPolicy
    public let certificate: SEVCertificate
    public let session: SEVLaunchSession
}

extension Broker {
    /// Challenges a guest. Nothing is written.
    ///
    /// - Throws: a ``Refusal`` when the workload is unknown, is registered for another technology, or
    ///   the SEV platform is not genuine.
    public func challenge(_ request: ChallengeRequest) async throws -> IssuedChallenge {
        try await traced("kbs.challenge") { _ in try await issueChallenge(request) }
    }

    private func issueChallenge(_ request: ChallengeRequest) async throws -> IssuedChallenge {
        guard let workload = try await store.workload(request.workload) else {
            throw Refusal(
                .workloadUnknown,
                "The workload \(request.workload) is not registered here: register it, or correct the guest's "
                    + "workload id.")
        }
        guard !workload.isDisabled else { throw Refusal.disabled(workload.id) }
        let keys = keys.held.active
        let id = Challenge.randomID()
        let expires = now().addingTimeInterval(lifetimes.challenge)
        func issue(_ detail: Challenge.Detail, _ channel: SEVChannelOffer? = nil) -> IssuedChallenge {
            let challenge = Challenge(id: id, expires: expires, workload: workload.row, detail: detail)
            report(.challenged(workload.id, challenge.tee))
            return IssuedChallenge(
                session: challenge.sealed(with: keys), nonce: Hex.encode(keys.nonce(for: id)), channel: channel)
        }
        switch (request.platform, workload.launch) {
        case (.snp, .snp):
            return issue(.snp)
        case (.sev(let build, let chain), .sev(_, let policy)):
            guard self.policy.allowsSEV else {
                throw try await refusedPlatform(
                    Attempt(
                        workload: workload.id, tee: .sev, challenge: id, chip: Hex.encode(chain.chipFingerprint),
                        verdict: nil), .sevNotAllowed)
            }
            let denials = store.denyListMark
            try await check(chain, build: build, policy: policy, for: workload, id: id)
            let (certificate, session) = try keys.transportKeys(for: id).openChannel(to: chain.pdh, policy: policy)
            return issue(
                .sev(build, denials: denials),
                SEVChannelOffer(policy: policy, certificate: certificate, session: session))
        case (.snp, .sev), (.sev, .snp):
            throw Refusal(
                .technologyMismatch,
                "The workload \(workload.id) is registered for \(workload.launch.tee.rawValue.uppercased()) "
                    + "(its measurement has \(workload.launch.measurement.count) bytes): launch it there, "
                    + "or register its measurement for this technology.")
        }
    }

    private func check(
        _ chain: SEVCertificateChain, build: SEVFirmwareBuild, policy launchPolicy: SEVLaunchPolicy,
        for workload: Workload, id: [UInt8]
    ) async throws {
        let fingerprint = chain.fingerprint
        let appraised = platforms[fingerprint] ?? AppraisedSEVChain(chain, anchors: anchors.sev)
        // What was refused is not remembered: strangers could push the hosts that are in use out.
        if appraised.isGenuine { platforms[fingerprint] = appraised }
        let verdict = SEVVerifier.verify(
            appraised, build: build, policy: launchPolicy, allowsDebug: policy.allowsSEVDebug,
            products: policy.sevProducts, denying: store.denies)
        guard verdict.isAccepted else {
            let attempt = Attempt(
                workload: workload.id, tee: .sev, challenge: id,
                chip: Hex.encode(chain.chipFingerprint), verdict: verdict)
            throw try await refusedPlatform(attempt, Refusal(.evidenceRefused, verdict.sentence))
        }
    }

    private func refusedPlatform(_ attempt: Attempt, _ refusal: Refusal) async throws -> Refusal {
        report(.platformRefused(attempt, refusal))
        try await recordRefusal(attempt, refusal, as: .refusePlatform)
        return refusal
    }
}

extension Refusal {
    static let sevNotAllowed = Refusal(
        .technologyMismatch,
        "This server takes no SEV and SEV-ES guests (sev.enabled is false): launch the guest on SEV-SNP and register its "
            + "measurement there.")
}
