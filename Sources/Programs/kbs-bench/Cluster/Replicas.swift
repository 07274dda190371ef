import HTTPClient
import SimulatedHardware

/// Servers, over which a client spreads its requests.
struct Replicas: Sendable {
    let servers: [ServerProcess]
    private let client: HTTP1Client
    let transports: [GuestTransport]

    static func start(_ count: Int, _ plan: ServerProcess.Plan) async throws -> Replicas {
        var servers: [ServerProcess] = []
        for _ in 0..<count { servers.append(try await ServerProcess.start(plan)) }
        let client = HTTP1Client()
        return Replicas(
            servers: servers, client: client,
            transports: servers.map { GuestTransport(base: $0.base, client: client) })
    }

    func stop() async {
        for server in servers { await server.stop() }
    }

    /// In seconds, of all servers.
    var cpuTime: Double { servers.reduce(0) { $0 + $1.statistics.cpuTime } }

    /// How often each limit was reached, of all servers.
    func limitsReached() async throws -> [String] {
        var counts: [String: Int] = [:]
        for server in servers {
            let request = HTTPClientRequest(url: "\(server.base)/metrics")
            let page = try await client.execute(request, timeout: .seconds(30), upTo: 1 << 22)
            for match in page.text.matches(of: /kbs_limits_reached\{limit="(\w+)"\} ([0-9]+)/) {
                counts[String(match.output.1), default: 0] += Int(match.output.2) ?? 0
            }
        }
        return counts.filter { $0.value > 0 }.sorted { $0.key < $1.key }.map { "\($0.value) × \($0.key)" }
    }

    /// Three replicas in turn, for a guest's three requests: the same one if there is no other.
    func route() -> (challenge: GuestTransport, attest: GuestTransport, key: GuestTransport) {
        let start = Int.random(in: 0..<transports.count)
        func transport(_ step: Int) -> GuestTransport { transports[(start + step) % transports.count] }
        return (transport(0), transport(1), transport(2))
    }

    /// One handshake, of which each request goes to another replica.
    func boot(_ guest: SimulatedSNPGuest, expecting secret: String) async throws {
        let (first, second, third) = route()
        let challenge = try await guest.challenge(over: first)
        try await guest.attest(challenge, over: second)
        guard try await guest.fetchKey(cookie: challenge.cookie, over: third) == Array(secret.utf8) else {
            throw Crowd.WrongSecret()
        }
    }
}
