import Appraisal
import Bytes
import Evidence
import EvidenceSupport
import Foundation
import Testing

@Suite("The index of a policy's digests")
struct DigestIndexTests {
    private let scene: PolicyEvaluationTests.Scene
    private let index: DigestIndex

    init() throws {
        scene = try PolicyEvaluationTests.Scene()
        index = DigestIndex(scene.policy, scene.references)
    }

    @Test("It has a guest that the policy accepts, also by a value that has expired, and by one of its own")
    func accepted() throws {
        #expect(index.has(scene.claims.evidence))
        var expired = scene
        try expired.keep(["app"], expires: PolicyEvaluationTests.time - 1)
        #expect(!expired.verdict.isAccepted)
        #expect(DigestIndex(expired.policy, expired.references).has(scene.claims.evidence))
        var other = scene.claims
        other.measurement = Simulated.measurement("other")
        #expect(index.has(other.evidence))
        #expect(!DigestIndex(scene.policy, [:]).has(scene.claims.evidence), "a missing set has no values")
    }

    @Test(
        "A guest that claims another digest, or none, is not in it",
        arguments: [
            { $0.measurement = Simulated.measurement("changed") }, { $0.hostData[31] ^= 1 },
            { $0.idKeyDigest[47] ^= 1 }, { $0.idKeyDigest = [] }, { $0.authorKeyDigest[0] ^= 1 },
        ] as [@Sendable (inout SNPClaims) -> Void])
    func stranger(_ change: @Sendable (inout SNPClaims) -> Void) {
        var claims = scene.claims
        change(&claims)
        #expect(!index.has(claims.evidence))
    }

    @Test("A policy without digests has every guest of its technologies, and no other")
    func unpinned() throws {
        var policy = Policy(name: try PolicyName("any"))
        policy.rules = [.snp: Rules(["accepts_any_measurement": .bool(true)])]
        let index = DigestIndex(policy, [:])
        #expect(index.has(scene.claims.evidence))
        #expect(!index.has(Claims(.sample, [SampleTerm.svn: .text("1")])))
    }
}
