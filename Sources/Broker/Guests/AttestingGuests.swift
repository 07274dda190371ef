import Evidence
import Foundation

extension Broker {
    /// Challenges a guest that will say what it is, and only later what it wants. Nothing is written.
    ///
    /// - Throws: a ``Refusal`` when the technology is not accepted here.
    public func challengeGuest(_ tee: GuestTEE) throws(Refusal) -> GuestChallenge {
        guard tee != .sample || policy.allowsSample else { throw .sampleNotAllowed }
        let keys = keys.held.active
        let expires = now().addingTimeInterval(lifetimes.challenge).timeIntervalSince1970.rounded(.down)
        let body = GuestChallengeBody(
            id: Challenge.randomID(), expires: Date(timeIntervalSince1970: expires), tee: tee)
        return GuestChallenge(
            sealed: body.sealed(with: keys), nonce: keys.guestNonce(for: body.id), tee: tee, expires: body.expires)
    }

    /// Verifies a guest's evidence and opens its session.
    ///
    /// A guest that is attested already, and answers again with the same key, is given what it was given.
    ///
    /// - Parameters:
    ///   - candidates: every session cookie that came with the answer; the one whose nonce was answered counts.
    ///   - token: makes what the dialect states of the guest; ``AttestedGuest/token`` is `nil` in what it is given.
    /// - Throws: a ``Refusal``, or what `token` throws.
    public func attestGuest(
        _ answer: GuestAnswer, session candidates: [some StringProtocol],
        token: (AttestedGuest) async throws -> String
    ) async throws -> AttestedGuest {
        throw Refusal.beingBuilt
    }

    /// The attested guest of a session.
    ///
    /// - Throws: a ``Refusal`` (`sessionInvalid`) when there is none, or it has ended.
    public func guest(session candidates: [some StringProtocol]) async throws -> AttestedGuest {
        throw Refusal.beingBuilt
    }

    /// The attested guest with an id, 16 bytes. For the server's own tokens: when the session ends, so do they.
    ///
    /// - Throws: a ``Refusal`` (`sessionInvalid`).
    public func guest(id: [UInt8]) async throws -> AttestedGuest { throw Refusal.beingBuilt }
}

extension Refusal {
    static let beingBuilt = Refusal(.unavailable, "This is being built.")

    static let sampleNotAllowed = Refusal(
        .technologyMismatch,
        "This server takes no sample evidence, behind which there is no hardware: run the guest on SEV-SNP.")
}
