public import Broker
import Bytes
import Crypto
public import Evidence
import Foundation

/// An answer of a workload's guest, before it is known which challenge it answers: as virtee's protocol binds it.
public enum PlainAnswer: Sendable {
    case snp(SNPEvidence, modulus: String, exponent: String)
    case sev(measurement: [UInt8], nonce: [UInt8])

    public static func binding(_ nonce: [UInt8], modulus: String, exponent: String) -> [UInt8] {
        Array(SHA512.hash(data: Array("\(Hex.encode(nonce.prefix(16)))\(modulus)\(exponent)".utf8)))
    }

    fileprivate func answer(to challenge: OpenedChallenge) -> Answer {
        switch self {
        case .snp(let evidence, let modulus, let exponent):
            Answer(
                evidence, boundTo: Self.binding(challenge.nonce, modulus: modulus, exponent: exponent),
                key: "\(modulus) \(exponent)")
        case .sev(let measurement, let nonce): Answer(sevMeasurement: measurement, nonce: nonce)
        }
    }

    fileprivate func answers(_ challenge: OpenedChallenge) -> Bool {
        guard case .snp(let evidence, let modulus, let exponent) = self else { return false }
        return evidence.reportData == Self.binding(challenge.nonce, modulus: modulus, exponent: exponent)
    }
}

/// An answer of a guest that names no workload, and the nonce that it says it answers.
public struct GuestAnswer: Sendable {
    public let answer: Answer
    public let nonce: [UInt8]

    public init(
        _ evidence: any Attestation, nonce: [UInt8], reportData: [UInt8], key: String,
        initData: Answer.InitData? = nil
    ) {
        answer = Answer(evidence, boundTo: reportData, key: key, initData: initData)
        self.nonce = nonce
    }
}

/// What dialects do with a broker, without a wire format.
extension Broker {
    public func attest(_ answer: PlainAnswer, session candidates: [String]) async throws {
        let challenges = challenges(among: candidates).filter(\.isWorkloads)
        let open = challenges.filter(isOpen)
        guard let first = open.first else {
            throw challenges.isEmpty ? Refusal(.challengeInvalid, "There is none.") : .challengeExpired
        }
        let challenge = open.first(where: answer.answers) ?? first
        try await attest(answer.answer(to: challenge), to: challenge)
    }

    public func attestGuest(
        _ answer: GuestAnswer, session candidates: [String], token: @escaping (AttestedGuest) async throws -> String
    ) async throws -> AttestedGuest {
        let challenges = challenges(among: candidates).filter { !$0.isWorkloads && $0.nonce == answer.nonce }
        guard let challenge = challenges.first else { throw Refusal(.challengeInvalid, "There is none.") }
        let session = try await attest(answer.answer, to: challenge, stating: token)
        guard let guest = session.guest else { throw Refusal(.unavailable, "It is no guest's.") }
        return guest
    }

    /// Encrypted to an RSA key, as virtee's guests want it.
    public func release(_ key: String, session candidates: [String]) async throws -> WrappedSecret<[UInt8]> {
        try await release(key, session: candidates) { secret, text in
            let parts = text.split(separator: " ").compactMap { Base64.decode($0) }
            let key = try RSA.Encryption.PublicKey(n: parts[0], e: parts[1])
            return try secret.withBytes { try key.encrypt($0, padding: .insecurePKCS1v1_5) }
        }
    }
}
