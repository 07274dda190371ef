public import AsyncHTTPClient
public import Broker
public import Evidence
import Foundation
import NIOCore
import NIOHTTP1

/// AMD's Key Distribution Service (KDS), or a mirror of it.
///
/// Source: AMD 57230, chapter 4. It limits the rate, so each certificate is asked for once at a
/// time however many guests wait for it, and not again soon when it could not be had.
public struct KeyDistributionService: Sendable {
    public struct Configuration: Sendable {
        /// Without a path, e.g. `https://kdsintf.amd.com`.
        public var baseURL = "https://kdsintf.amd.com"
        /// For one request.
        public var requestTimeout: Duration = .seconds(10)
        /// For a certificate, with all retries: a guest is waiting.
        public var deadline: Duration = .seconds(25)
        /// For how many chips it is asked at a time. Strangers can make chips up, and the service limits its rate.
        public var mostRequests = 8
        /// For how many chips' keys it is asked for one caller in a minute, and at once after a pause.
        public var mostPerCaller = 60
        /// How long a failure is remembered.
        public var pauseAfterFailure: Duration = .seconds(60)

        public init() {}
    }

    private let client: HTTPClient
    private let configuration: Configuration
    private let report: @Sendable (KeyDistributionExchange) -> Void
    private let time: Time
    private let flights = Flights()
    private let failures = BoundedCache<String, Failure>(capacity: 4_096)
    private let callers = BoundedCache<String, ContinuousClock.Instant>(capacity: 4_096)

    private struct Failure: Sendable {
        let reason: String
        let until: ContinuousClock.Instant
    }

    /// Between one request and the next.
    struct Time: Sendable {
        var now: @Sendable () -> ContinuousClock.Instant = { .now }
        var sleep: @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) }
    }

    /// - Parameter report: is told of each request that the service was sent.
    public init(
        client: HTTPClient, configuration: Configuration,
        reportingTo report: @escaping @Sendable (KeyDistributionExchange) -> Void = { _ in }
    ) {
        self.init(client: client, configuration: configuration, time: Time(), reportingTo: report)
    }

    init(
        client: HTTPClient, configuration: Configuration, time: Time,
        reportingTo report: @escaping @Sendable (KeyDistributionExchange) -> Void = { _ in }
    ) {
        self.report = report
        self.client = client
        self.configuration = configuration
        self.time = time
    }

    /// How many callers wait for a certificate that is being fetched.
    var waiting: Int { get async { await flights.waiting } }

    /// A client as this service wants it: it follows no redirects.
    public static func makeClient() -> HTTPClient {
        var settings = HTTPClient.Configuration()
        settings.redirectConfiguration = .disallow
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: settings)
    }

    /// The VCEK of a chip at a TCB.
    ///
    /// - Throws: ``EndorsementUnavailable``.
    public func key(_ identity: EndorsementIdentity) async throws -> Certificate {
        guard identity.kind == .vcek, let chip = identity.hardwareID else {
            throw EndorsementUnavailable(
                "AMD gives no VLEK to third parties: the cloud provider has it, and the guest can send it along")
        }
        let tcb = identity.tcb
        let levels =
            (tcb.fmc.map { [("fmcSPL", $0)] } ?? []) + [
                ("blSPL", tcb.bootLoader), ("teeSPL", tcb.tee), ("snpSPL", tcb.snp), ("ucodeSPL", tcb.microcode),
            ]
        let query = levels.map { "\($0)=\($1 < 10 ? "0" : "")\($1)" }.joined(separator: "&")
        let certificates = try await get(
            isKey: true, "/vcek/v1/\(identity.product.rawValue)/\(Hex.encode(chip))?\(query)")
        guard let certificate = certificates.first else {
            throw EndorsementUnavailable("\(configuration.baseURL) sent no certificate")
        }
        return certificate
    }

    /// ASK and ARK, or ASVK and ARK.
    ///
    /// - Throws: ``EndorsementUnavailable``.
    public func authorities(_ product: Product, _ kind: EndorsementKey.Kind) async throws -> [Certificate] {
        try await get("/\(kind.rawValue)/v1/\(product.rawValue)/cert_chain")
    }

    /// - Parameter isKey: whether strangers can make up what is asked for. Then one caller can take neither more than its
    ///   share of the requests that are under way, nor more than its allowance.
    private func get(isKey: Bool = false, _ path: String) async throws -> [Certificate] {
        if let failure = failures[path], failure.until > time.now() {
            throw EndorsementUnavailable(failure.reason, retryAfter: seconds(until: failure.until))
        }
        let caller = isKey ? EndorsementCaller.current : nil
        let limit = isKey ? configuration.mostRequests : .max
        return try await flights.join(path, limit: limit, for: caller, admitting: { try spend(caller) }) {
            do {
                return try await fetch(path)
            } catch let error as EndorsementUnavailable {
                let pause = max(configuration.pauseAfterFailure, .seconds(error.retryAfter ?? 0))
                let until = time.now().advanced(by: pause)
                failures[path] = Failure(reason: error.reason, until: until)
                throw EndorsementUnavailable(error.reason, retryAfter: seconds(until: until))
            }
        }
    }

    /// Takes a request's share of what a caller may have asked for.
    private func spend(_ caller: String?) throws(EndorsementUnavailable) {
        guard let caller else { return }
        let now = time.now()
        let allowance = Allowance(every: .seconds(60) / configuration.mostPerCaller, burst: configuration.mostPerCaller)
        guard let wait = callers.update(caller, default: now, { allowance.take(from: &$0, at: now) }) else { return }
        throw EndorsementUnavailable(
            "this address has had too many chips' certificates asked for", retryAfter: Int(wait.components.seconds) + 1)
    }

    /// Asks until there is an answer that will not change, or no time is left.
    private func fetch(_ path: String) async throws -> [Certificate] {
        let start = time.now()
        var pause = Duration.seconds(1)
        while true {
            let left = configuration.deadline - start.duration(to: time.now())
            let outcome = await attempt(path, within: min(configuration.requestTimeout, left))
            let failure: EndorsementUnavailable
            switch outcome {
            case .certificates(let certificates): return certificates
            case .refused(let reason): throw reason
            case .again(let reason): failure = reason
            }
            let wait = failure.retryAfter.map { Duration.seconds($0) } ?? pause
            guard start.duration(to: time.now()) + wait < configuration.deadline else { throw failure }
            try await time.sleep(wait)
            pause *= 2
        }
    }

    private enum Outcome {
        case certificates([Certificate])
        case refused(EndorsementUnavailable)
        case again(EndorsementUnavailable)
    }

    private func attempt(_ path: String, within time: Duration) async -> Outcome {
        let start = ContinuousClock.now
        let (outcome, label) = await exchange(path, within: time)
        report(KeyDistributionExchange(outcome: label, duration: start.duration(to: .now)))
        return outcome
    }

    private func exchange(
        _ path: String, within time: Duration
    ) async -> (Outcome, KeyDistributionExchange.Outcome) {
        let host = configuration.baseURL
        do {
            let (response, body) = try await withTimeLimit(time) {
                let response = try await client.execute(HTTPClientRequest(url: host + path), timeout: TimeAmount(time))
                return (response, try await response.body.collect(upTo: 256 * 1_024))
            }
            switch response.status.code {
            case 200:
                return (.certificates(try Certificate.read(file: Array(body.readableBytesView))), .fetched)
            case 404:
                return (.refused(EndorsementUnavailable("\(host) does not know it", retryAfter: 600)), .unknown)
            case 429, 500...599:
                let reason = EndorsementUnavailable(
                    "\(host) answered \(response.status.code)", retryAfter: Self.retryAfter(response.headers))
                return (.again(reason), response.status.code == 429 ? .limited : .failed)
            default:
                return (.refused(EndorsementUnavailable("\(host) answered \(response.status.code)")), .failed)
            }
        } catch let error as MalformedInput {
            return (
                .refused(EndorsementUnavailable("\(host) sent something else than a certificate: \(error)")), .malformed
            )
        } catch {
            return (.again(EndorsementUnavailable("\(host) cannot be reached: \(error)")), .unreachable)
        }
    }

    /// Seconds, or a date. Source: RFC 9110, section 10.2.3.
    private static func retryAfter(_ headers: HTTPHeaders) -> Int? {
        guard let text = headers.first(name: "Retry-After") else { return nil }
        if let seconds = Int(text) { return min(max(seconds, 0), 86_400) }
        let style = Date.VerbatimFormatStyle(
            format:
                "\(weekday: .abbreviated), \(day: .twoDigits) \(month: .abbreviated) \(year: .padded(4)) \(hour: .twoDigits(clock: .twentyFourHour, hourCycle: .zeroBased)):\(minute: .twoDigits):\(second: .twoDigits) GMT",
            locale: Locale(identifier: "en_US_POSIX"), timeZone: .gmt, calendar: Calendar(identifier: .gregorian))
        guard let date = try? style.parseStrategy.parse(text) else { return nil }
        return min(max(Int(date.timeIntervalSinceNow.rounded(.up)), 0), 86_400)
    }

    private func seconds(until instant: ContinuousClock.Instant) -> Int {
        max(1, Int(time.now().duration(to: instant).components.seconds))
    }
}

/// A request that the vendor was sent, and how it went.
public struct KeyDistributionExchange: Sendable, Hashable {
    public enum Outcome: String, Sendable, Hashable, CaseIterable {
        case fetched
        /// It has no such certificate.
        case unknown
        /// It was asked too often.
        case limited
        case failed
        case malformed
        case unreachable
    }

    public let outcome: Outcome
    public let duration: Duration
}

/// Whose request has a certificate asked for. A caller whose address is not known shares with nobody.
public enum EndorsementCaller {
    @TaskLocal public static var current: String?
}

/// One request for each path at a time: whoever comes later waits for it too.
private actor Flights {
    private struct Flight {
        let task: Task<[Certificate], any Error>
        let caller: String?
    }

    private var flights: [String: Flight] = [:]
    private(set) var waiting = 0

    /// - Parameters:
    ///   - limit: gives up at once when so many others are under way, or half as many of one caller.
    ///   - admit: is asked before one begins.
    func join(
        _ path: String, limit: Int, for caller: String?, admitting admit: @Sendable () throws -> Void,
        _ fetch: @escaping @Sendable () async throws -> [Certificate]
    ) async throws -> [Certificate] {
        waiting += 1
        defer { waiting -= 1 }
        if let flight = flights[path] { return try await flight.task.value }
        let own = caller == nil ? 0 : flights.values.count { $0.caller == caller }
        guard flights.count < limit, own < max(1, limit / 2) else {
            throw EndorsementUnavailable("too many certificates are being fetched", retryAfter: 5)
        }
        try admit()
        // A task of its own: the first guest may hang up while others wait.
        let task = Task { try await fetch() }
        flights[path] = Flight(task: task, caller: caller)
        defer { flights[path] = nil }
        return try await task.value
    }
}
