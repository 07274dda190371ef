import BrokerSupport
import SimulatedHardware

/// What each call of a handshake takes of the server's CPU. The guests go in step: all are challenged, then all attest,
/// then all fetch what they may have.
struct CallTimes {
    private static let atOnce = 8

    private var cpu = [0.0, 0.0, 0.0]
    private var handshakes = 0

    /// - Parameter steps: of a guest; each is given what the one before it returned.
    static func measure<Challenge: Sendable>(
        _ server: ServerProcess, guests: Int, seconds: Int,
        challenge: @escaping @Sendable (Int) async throws -> Challenge,
        attest: @escaping @Sendable (Int, Challenge) async throws -> Void,
        fetch: @escaping @Sendable (Int, Challenge) async throws -> Void
    ) async throws -> String {
        var times = CallTimes()
        let end = ContinuousClock.now.advanced(by: .seconds(seconds))
        while ContinuousClock.now < end {
            let challenges = try await times.step(0, server, guests) { try await challenge($0) }
            _ = try await times.step(1, server, guests) { try await attest($0, challenges[$0]) }
            _ = try await times.step(2, server, guests) { try await fetch($0, challenges[$0]) }
            times.handshakes += guests
        }
        return times.cpu.map { micro($0 / Double(times.handshakes)) }.joined(separator: ", ")
    }

    /// - Returns: what each guest has, in their order.
    private mutating func step<Result: Sendable>(
        _ index: Int, _ server: ServerProcess, _ guests: Int, _ call: @escaping @Sendable (Int) async throws -> Result
    ) async throws -> [Result] {
        let before = server.statistics.cpuTime
        let results = try await withThrowingTaskGroup(of: [(Int, Result)].self) { group in
            for worker in 0..<min(Self.atOnce, guests) {
                group.addTask {
                    var results: [(Int, Result)] = []
                    for guest in stride(from: worker, to: guests, by: Self.atOnce) {
                        results.append((guest, try await call(guest)))
                    }
                    return results
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        cpu[index] += server.statistics.cpuTime - before
        return results.sorted { $0.0 < $1.0 }.map(\.1)
    }
}

extension Crowd {
    /// - Returns: for challenge, attestation and secret.
    func callTimes(_ dialect: Dialect, _ server: ServerProcess, seconds: Int) async throws -> String {
        switch dialect {
        case .virtee:
            return try await CallTimes.measure(server, guests: virtee.count, seconds: seconds) { [self] in
                try await virtee[$0].challenge(over: transport)
            } attest: { [self] in
                try await virtee[$0].attest($1, over: transport)
            } fetch: { [self] in
                guard try await virtee[$0].fetchKey(cookie: $1.cookie, over: transport) == secret($0) else {
                    throw WrongSecret()
                }
            }
        case .coco:
            return try await callTimes(of: coco, server, seconds: seconds)
        }
    }

    /// The same for guests that run Confidential Containers' components.
    func callTimes(
        of guests: [GuestComponents], _ server: ServerProcess, seconds: Int
    ) async throws -> String {
        try await CallTimes.measure(server, guests: guests.count, seconds: seconds) {
            try await guests[$0].challenge()
        } attest: {
            _ = try await guests[$0].attest($1)
        } fetch: {
            guard try await guests[$0].fetch(Self.resource, cookie: $1.cookie) == Array(Self.resourceText.utf8) else {
                throw WrongSecret()
            }
        }
    }
}
