import Bytes
import Concurrency
public import Evidence
import FoundationEssentials

/// A request for a challenge, by a guest or, for SEV, by its host.
public enum ChallengeRequest: Sendable {
    /// For a guest that names its technology now, and the resources it wants later.
    case guest(GuestTEE)
    /// For a workload's guest, attested by evidence of its own.
    case workload(WorkloadID, GuestTEE)
    /// For a workload's SEV guest, by its host.
    case sev(WorkloadID, build: SEVFirmwareBuild, chain: SEVCertificateChain)
}

/// A challenge as it is sent to the client.
public struct IssuedChallenge: Sendable {
    /// The session id, which names the challenge in later calls: at most 98 characters of base64url.
    public let session: String
    /// 32 bytes. A dialect sends as many of them as its clients expect.
    public let nonce: [UInt8]
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
    /// - Throws: a ``Refusal`` when the technology is not accepted here, the workload is unknown, disabled or
    ///   registered for another technology, or the SEV platform is not genuine.
    public func challenge(_ request: ChallengeRequest) async throws -> IssuedChallenge {
        switch request {
        case .guest(let tee):
            guard policy.rules[tee] != nil else { throw refusing(.notTaken(tee)) }
            return try issue(.guest(tee), for: nil)
        case .workload(let id, let tee):
            let workload = try await traced("kbs.challenge") { _ in try await enabledWorkload(id) }
            guard workload.launch.takes(.evidence(tee)) else { throw await refused(id, .technologyMismatch(workload)) }
            return try issue(.workload(workload.row, tee), for: workload.id)
        case .sev(let id, let build, let chain):
            let workload = try await traced("kbs.challenge") { _ in try await enabledWorkload(id) }
            guard case .sev(_, let policy) = workload.launch else {
                throw await refused(id, .technologyMismatch(workload))
            }
            let challenge = Challenge.randomID()
            guard self.policy.allowsSEV else {
                throw try await refusedPlatform(
                    Attempt(
                        workload: workload.id, tee: .sev, session: challenge, chip: Hex.encode(chain.chipFingerprint),
                        verdict: nil), .sevNotAllowed)
            }
            let denials = store.denyListMark
            try await check(chain, build: build, policy: policy, for: workload, id: challenge)
            return try issue(.sev(workload.row, build, denials: denials), for: workload.id, named: challenge) { keys in
                let (certificate, session) = try keys.transportKeys(for: challenge)
                    .openChannel(to: chain.pdh, policy: policy)
                return SEVChannelOffer(policy: policy, certificate: certificate, session: session)
            }
        }
    }

    private func enabledWorkload(_ id: WorkloadID) async throws -> Workload {
        guard let workload = try await store.workload(id) else {
            throw await refused(
                id,
                Refusal(
                    .workloadUnknown,
                    "The workload \(id) is not registered here: register it, or correct the guest's workload id."))
        }
        guard !workload.isDisabled else { throw await refused(id, .disabled(id)) }
        return workload
    }

    private func refused(_ id: WorkloadID, _ refusal: Refusal) async -> Refusal {
        report(.challengeRefused(id, refusal))
        // It is thrown even if it cannot be recorded.
        try? await recordUnseen(refusal, as: .challenge, of: id)
        return refusal
    }

    private func issue(
        _ subject: Challenge.Subject, for workload: WorkloadID?, named id: [UInt8] = Challenge.randomID(),
        over channel: (ServerKeys) throws -> SEVChannelOffer? = { _ in nil }
    ) throws -> IssuedChallenge {
        let keys = keys.held.active
        let offer = try channel(keys)
        let expires = now().addingTimeInterval(lifetimes.challenge).timeIntervalSince1970.rounded(.down)
        let challenge = Challenge(id: id, expires: Date(timeIntervalSince1970: expires), subject: subject)
        report(.challenged(workload, challenge.tee))
        return IssuedChallenge(session: challenge.sealed(with: keys), nonce: keys.nonce(for: id), channel: offer)
    }

    private func check(
        _ chain: SEVCertificateChain, build: SEVFirmwareBuild, policy launchPolicy: SEVLaunchPolicy,
        for workload: Workload, id: [UInt8]
    ) async throws {
        let fingerprint = chain.fingerprint
        let appraised = platforms[fingerprint] ?? AppraisedSEVChain(chain, anchors: anchors.sev)
        // Refused chains are not cached: strangers could evict those of the hosts in use.
        if appraised.isGenuine { platforms[fingerprint] = appraised }
        let verdict = SEVVerifier.verify(
            appraised, build: build, policy: launchPolicy, allowsDebug: policy.allowsSEVDebug,
            products: policy.sevProducts, denying: store.denies)
        guard verdict.isAccepted else {
            let attempt = Attempt(
                workload: workload.id, tee: .sev, session: id,
                chip: Hex.encode(chain.chipFingerprint), verdict: verdict)
            throw try await refusedPlatform(attempt, Refusal(.evidenceRefused, verdict.sentence))
        }
    }

    private func refusedPlatform(_ attempt: Attempt, _ refusal: Refusal) async throws -> Refusal {
        report(.platformRefused(attempt, refusal))
        // Certificates alone do not show that the platform sent them.
        try await recordRefusal(attempt, refusal, as: .refusePlatform, in: budgets.strangers)
        return refusal
    }
}

extension Refusal {
    static let sevNotAllowed = Refusal(
        .technologyMismatch,
        "This server takes no SEV and SEV-ES guests (sev.enabled is false): launch the guest on SEV-SNP and register its "
            + "measurement there.")

    static func notTaken(_ tee: GuestTEE) -> Refusal { Refusal(.technologyMismatch, Vocabulary.of(tee).advice) }

    fileprivate static func technologyMismatch(_ workload: Workload) -> Refusal {
        guard let measurement = workload.launch.measurement else {
            return Refusal(
                .technologyMismatch,
                "The policy of the workload \(workload.id) takes no guests of this technology: launch it as SEV-SNP, or "
                    + "register the measurement that this technology shows.")
        }
        return Refusal(
            .technologyMismatch,
            "The workload \(workload.id) is registered for \(workload.launch.technology) "
                + "(its measurement has \(measurement.count) bytes): launch it there, or register its measurement for "
                + "this technology.")
    }
}
