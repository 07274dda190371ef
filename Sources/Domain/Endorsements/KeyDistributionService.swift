public import Broker
import Bytes
import Concurrency
public import Evidence
import Glibc
public import HTTP
public import HTTPClient
import Tracing

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

    private let client: HTTP1Client
    private let configuration: Configuration
    private let report: @Sendable (KeyDistributionExchange) -> Void
    private let time: Time
    private let flights = Flights()
    private let failures = BoundedCache<String, Failure>(capacity: 4_096)
    private let callers = BoundedCache<String, ContinuousClock.Instant>(capacity: 4_096)

    private struct Failure: Sendable {
        let reason: String
        let detail: String?
        let until: ContinuousClock.Instant
    }

    /// Between one request and the next.
    struct Time: Sendable {
        var now: @Sendable () -> ContinuousClock.Instant = { .now }
        var sleep: @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) }
    }

    /// - Parameter report: is told of each request that the service was sent.
    public init(
        client: HTTP1Client, configuration: Configuration,
        reportingTo report: @escaping @Sendable (KeyDistributionExchange) -> Void = { _ in }
    ) {
        self.init(client: client, configuration: configuration, time: Time(), reportingTo: report)
    }

    init(
        client: HTTP1Client, configuration: Configuration, time: Time,
        reportingTo report: @escaping @Sendable (KeyDistributionExchange) -> Void = { _ in }
    ) {
        self.report = report
        self.client = client
        self.configuration = configuration
        self.time = time
    }

    /// How many callers wait for a certificate that is being fetched.
    var waiting: Int { get async { await flights.waiting } }

    /// The VCEK of a chip at a TCB.
    ///
    /// - Throws: ``EndorsementUnavailable``.
    public func key(_ identity: EndorsementIdentity) async throws -> Certificate {
        guard let path = Self.path(of: identity) else {
            throw EndorsementUnavailable("AMD gives no VLEK to third parties: the guest can send its cloud's along")
        }
        let certificates = try await get(isKey: true, path) { certificates throws(EndorsementUnavailable) in
            // Another chip's, or another TCB's, would be asked for again at each attestation.
            let sent = certificates.first.flatMap { try? EndorsementKey($0) }.map(EndorsementIdentity.init(of:))
            guard sent == identity else {
                throw EndorsementUnavailable(
                    "\(name) sent another certificate than the chip's", detail: sent.map { "\($0)" })
            }
        }
        guard let certificate = certificates.first else { throw EndorsementUnavailable("\(name) sent no certificate") }
        return certificate
    }

    /// ASK and ARK, or ASVK and ARK.
    ///
    /// - Throws: ``EndorsementUnavailable``.
    public func authorities(_ product: Product, _ kind: EndorsementKey.Kind) async throws -> [Certificate] {
        try await get(Self.path(of: product, kind))
    }

    /// Does not ask for a key again for a while: the one that came leads to no pinned root.
    ///
    /// - Returns: what those are told who need it meanwhile.
    func distrustKey(_ identity: EndorsementIdentity) -> EndorsementUnavailable? {
        Self.path(of: identity).map(distrust)
    }

    /// The same for the certificates above a product's keys.
    func distrustAuthorities(_ product: Product, _ kind: EndorsementKey.Kind) -> EndorsementUnavailable {
        distrust(Self.path(of: product, kind))
    }

    private func distrust(_ path: String) -> EndorsementUnavailable {
        let error = EndorsementUnavailable("\(name) sent a certificate of no pinned root")
        remember(error, of: path)
        return error
    }

    /// - Returns: nil for a VLEK.
    private static func path(of identity: EndorsementIdentity) -> String? {
        guard identity.kind == .vcek, let chip = identity.hardwareID else { return nil }
        let tcb = identity.tcb
        let levels =
            (tcb.fmc.map { [("fmcSPL", $0)] } ?? []) + [
                ("blSPL", tcb.bootLoader), ("teeSPL", tcb.tee), ("snpSPL", tcb.snp), ("ucodeSPL", tcb.microcode),
            ]
        let query = levels.map { "\($0)=\($1 < 10 ? "0" : "")\($1)" }.joined(separator: "&")
        return "/vcek/v1/\(identity.product.rawValue)/\(Hex.encode(chip))?\(query)"
    }

    private static func path(of product: Product, _ kind: EndorsementKey.Kind) -> String {
        "/\(kind.rawValue)/v1/\(product.rawValue)/cert_chain"
    }

    /// What the service is called towards guests, in a sentence that must stay short.
    private var name: String { String(configuration.baseURL.prefix(40)) }

    /// - Parameters:
    ///   - isKey: whether strangers can make up what is asked for. Then one caller can take neither more than its share
    ///     of the requests that are under way, nor more than its allowance.
    ///   - check: throws for certificates that are not those that were asked for.
    private func get(
        isKey: Bool = false, _ path: String,
        checking check: @escaping @Sendable ([Certificate]) throws(EndorsementUnavailable) -> Void = { _ in }
    ) async throws -> [Certificate] {
        if let failure = failures[path], failure.until > time.now() {
            throw EndorsementUnavailable(
                failure.reason, detail: failure.detail, retryAfter: seconds(until: failure.until))
        }
        let caller = isKey ? EndorsementCaller.current?.limited.description : nil
        let limit = isKey ? configuration.mostRequests : .max
        return try await flights.join(path, limit: limit, for: caller, admitting: { try spend(caller) }) {
            do {
                let certificates = try await fetch(path)
                try check(certificates)
                return certificates
            } catch let error as EndorsementUnavailable {
                let until = remember(error, of: path)
                throw EndorsementUnavailable(error.reason, detail: error.detail, retryAfter: seconds(until: until))
            }
        }
    }

    /// - Returns: until when it is not asked for again.
    @discardableResult
    private func remember(_ error: EndorsementUnavailable, of path: String) -> ContinuousClock.Instant {
        let pause = max(configuration.pauseAfterFailure, .seconds(error.retryAfter ?? 0))
        let until = time.now().advanced(by: pause)
        failures[path] = Failure(reason: error.reason, detail: error.detail, until: until)
        return until
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
        do {
            var request = HTTPClientRequest(url: configuration.baseURL, path: path)
            if let span = ServiceContext.current?.spanContext, let field = HTTPField.Name(SpanContext.headerName) {
                request.headers[field] = span.traceparent
            }
            let response = try await client.execute(request, timeout: time, upTo: 256 * 1_024)
            switch response.status.code {
            case 200: return (.certificates(try Certificate.read(file: response.body)), .fetched)
            case 404: return (.refused(EndorsementUnavailable("\(name) does not know it", retryAfter: 600)), .unknown)
            case 429, 500...599:
                let reason = EndorsementUnavailable(
                    "\(name) answered \(response.status.code)", retryAfter: Self.retryAfter(response.headers))
                return (.again(reason), response.status.code == 429 ? .limited : .failed)
            default: return (.refused(EndorsementUnavailable("\(name) answered \(response.status.code)")), .failed)
            }
        } catch let error as MalformedInput {
            let reason = "\(name) sent something else than a certificate"
            return (.refused(EndorsementUnavailable(reason, detail: "\(error)")), .malformed)
        } catch let error as HTTPClientError where error.reason == .size {
            let reason = "\(name) sent something else than a certificate"
            return (.refused(EndorsementUnavailable(reason, detail: "\(error)")), .malformed)
        } catch {
            let reason = EndorsementUnavailable("\(name) cannot be reached", detail: "\(error)")
            let isTransient = (error as? HTTPClientError)?.isTransient ?? true
            return (isTransient ? .again(reason) : .refused(reason), .unreachable)
        }
    }

    /// Seconds, or a date. Source: RFC 9110, section 10.2.3.
    private static func retryAfter(_ headers: HTTPFields) -> Int? {
        guard let text = headers[.retryAfter] else { return nil }
        if let seconds = Int(text) { return min(max(seconds, 0), 86_400) }
        guard let date = HTTPDate.seconds(text) else { return nil }
        return Int(min(max(date - Int64(Glibc.time(nil)), 0), 86_400))
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
    @TaskLocal public static var current: IPAddress?
}
