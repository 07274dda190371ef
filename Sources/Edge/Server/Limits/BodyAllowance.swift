import Broker
import CoCoDialect
import Concurrency
import HTTP
import HTTPEdge
import Installation

/// How long a request's body may be, by what is known of the request at its head.
struct BodyAllowance: Sendable {
    static let attest = "/kbs/v0/attest"

    private let usual: Int
    private let resource: Int
    let longestEvidence: Int
    /// Whether a cookie of the guest components is a challenge of this server's.
    private let isChallenge: @Sendable (Request) -> Bool
    /// Evidence that is longer than other bodies takes half of `limits.bodies` at most.
    let long: LongBodies

    init(_ settings: LimitSettings, isChallenge: @escaping @Sendable (Request) -> Bool) {
        usual = settings.body
        resource = max(settings.body, settings.resource)
        longestEvidence = max(settings.body, settings.evidence)
        self.isChallenge = isChallenge
        long = LongBodies(capacity: max(1, settings.bodies / 2 / longestEvidence))
    }

    /// In bytes.
    ///
    /// - Throws: a ``Refusal`` to long evidence that answers no challenge of this server's, so that the guest begins anew.
    func longest(_ request: Request) throws -> Int {
        switch Endpoint(request.uri.path) {
        case .resources, .resource: return resource
        case .attest where request.hasGuestCookie && isLong(request):
            guard isChallenge(request) else {
                throw Refusal(
                    .challengeInvalid,
                    "The cookie kbs-session-id is not from this server: start again at /auth and send it back.")
            }
            return longestEvidence
        default: return usual
        }
    }

    /// Whether the body is longer than others may be, or does not say how long it is.
    func isLong(_ request: Request) -> Bool {
        guard request.hasGuestCookie else { return false }
        guard let length = request.headers[.contentLength].flatMap({ Int($0) }) else {
            return request.headers[.transferEncoding] != nil
        }
        return length > usual
    }
}

/// Keeps long bodies from taking the memory of all others, and one address from taking that of all long ones.
final class LongBodies: Sendable {
    private struct Counts {
        var all = 0
        var byAddress: [IPAddress: Int] = [:]
    }

    private let capacity: Int
    private let counts = Lock(Counts())

    /// - Parameter capacity: at least one. An address may have half of it.
    init(capacity: Int) { self.capacity = capacity }

    /// Runs `body` while the address has one more.
    ///
    /// - Returns: `nil`, at once, when that is one too many.
    func admit<R>(_ address: IPAddress?, _ body: () async throws -> R?) async rethrows -> R? {
        let address = address?.limited
        let isIn = counts.withLock { counts in
            let own = address.flatMap { counts.byAddress[$0] } ?? 0
            guard counts.all < capacity, own < max(1, capacity / 2) else { return false }
            counts.all += 1
            if let address { counts.byAddress[address] = own + 1 }
            return true
        }
        guard isIn else { return nil }
        defer {
            counts.withLock { counts in
                counts.all -= 1
                if let address {
                    let left = counts.byAddress[address, default: 1] - 1
                    counts.byAddress[address] = left > 0 ? left : nil
                }
            }
        }
        return try await body()
    }
}
