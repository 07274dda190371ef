import Broker
import Bytes
import Concurrency
public import Evidence
import Glibc
import HTTP
public import HTTPClient
import Tracing

/// AMD's Key Distribution Service (KDS), or a mirror of it.
///
/// Source: AMD 57230, chapter 4. It limits the rate, so what is asked of it stands in a ``VendorQueue``, and what could not
/// be had is not asked for again soon.
public struct KeyDistributionService: Sendable {
    public struct Configuration: Sendable {
        /// Without a path, e.g. `https://kdsintf.amd.com`.
        public var baseURL = "https://kdsintf.amd.com"
        /// For one request.
        public var requestTimeout: Duration = .seconds(10)
        /// How long a guest waits for a certificate.
        public var deadline: Duration = .seconds(25)
        /// How many certificates it is asked for on behalf of one caller in a minute, and at once after a pause. Strangers can
        /// make chips up.
        public var mostPerCaller = 60
        /// How long a failure is remembered.
        public var pauseAfterFailure: Duration = .seconds(60)

        public init() {}
    }

    private let client: HTTP1Client
    private let configuration: Configuration
    private let report: @Sendable (KeyDistributionExchange) -> Void
    private let time: Time
    private let queue: VendorQueue
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
        queue = VendorQueue(VendorQueue.Limits(), time: time)
    }

    /// How many callers wait for a certificate.
    var waiting: Int { get async { await queue.waiting } }

    /// - Throws: ``EndorsementUnavailable``.
    public func document(_ name: EndorsementName) async throws -> EndorsementDocument {
        switch AMDDocument(name) {
        case .key(let identity): return EndorsementDocument(try await key(identity), named: name)
        case .authority(let product, let kind):
            let chain = try await authorities(product, kind)
            guard let first = chain.first else { throw EndorsementUnavailable("\(self.name) sent no certificate") }
            return EndorsementDocument(first, above: Array(chain.dropFirst()), named: name)
        case nil: throw EndorsementUnavailable("AMD publishes no such document")
        }
    }

    /// The VCEK of a chip at a TCB.
    ///
    /// - Throws: ``EndorsementUnavailable``.
    public func key(_ identity: EndorsementIdentity) async throws -> Certificate {
        guard let path = Self.path(of: identity) else {
            throw EndorsementUnavailable("AMD gives no VLEK to third parties: the guest can send its cloud's along")
        }
        let certificates = try await get(path) { certificates throws(EndorsementUnavailable) in
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

    /// Does not ask for a document again for a while: the one that came leads to no pinned root.
    ///
    /// - Returns: what those are told who need it meanwhile.
    func distrust(_ name: EndorsementName) -> EndorsementUnavailable? {
        let path: String? =
            switch AMDDocument(name) {
            case .key(let identity): Self.path(of: identity)
            case .authority(let product, let kind): Self.path(of: product, kind)
            case nil: nil
            }
        guard let path else { return nil }
        let error = EndorsementUnavailable("\(self.name) sent a certificate of no pinned root")
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

    /// - Parameter check: throws for certificates that are not those that were asked for.
    private func get(
        _ path: String,
        checking check: @escaping @Sendable ([Certificate]) throws(EndorsementUnavailable) -> Void = { _ in }
    ) async throws -> [Certificate] {
        if let failure = failures[path], failure.until > time.now() {
            throw EndorsementUnavailable(
                failure.reason, detail: failure.detail, retryAfter: seconds(until: failure.until))
        }
        let caller = Caller.network
        let patience = configuration.deadline
        do {
            return try await withTimeLimit(patience) {
                try await queue.certificates(
                    path, for: caller ?? "", within: patience, admitting: { try spend(caller) }
                ) { await ask(for: path, checking: check) }
            }
        } catch is NoAnswerInTime {
            throw EndorsementUnavailable("\(name) has not answered yet", retryAfter: 5, isOfVendor: true)
        }
    }

    /// One request.
    private func ask(
        for path: String, checking check: ([Certificate]) throws(EndorsementUnavailable) -> Void
    ) async -> VendorQueue.Answer {
        let start = ContinuousClock.now
        let (answer, label) = await exchange(path, within: configuration.requestTimeout)
        report(KeyDistributionExchange(outcome: label, duration: start.duration(to: .now)))
        guard case .final(let result) = answer else { return answer }
        do throws(EndorsementUnavailable) {
            let certificates = try result.get()
            try check(certificates)
            return .final(.success(certificates))
        } catch {
            let until = remember(error, of: path)
            return .final(
                .failure(
                    EndorsementUnavailable(
                        error.reason, detail: error.detail, retryAfter: seconds(until: until),
                        isOfVendor: error.isOfVendor)))
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
        let allowance = Allowance.perMinute(configuration.mostPerCaller)
        guard let wait = callers.update(caller, default: now, { allowance.take(from: &$0, at: now) }) else { return }
        throw EndorsementUnavailable(
            "this address has had too many chips' certificates asked for", retryAfter: Int(wait.components.seconds) + 1)
    }

    private func exchange(
        _ path: String, within time: Duration
    ) async -> (VendorQueue.Answer, KeyDistributionExchange.Outcome) {
        do {
            var request = HTTPClientRequest(url: configuration.baseURL, path: path)
            if let span = ServiceContext.current?.spanContext, let field = HTTPField.Name(SpanContext.headerName) {
                request.headers[field] = span.traceparent
            }
            let response = try await client.execute(request, timeout: time, upTo: 256 * 1_024)
            switch response.status.code {
            case 200: return (.final(.success(try Certificate.read(file: response.body))), .fetched)
            case 404:
                return (.final(.failure(EndorsementUnavailable("\(name) does not know it", retryAfter: 600))), .unknown)
            case 429, 500...599:
                let reason = EndorsementUnavailable(
                    "\(name) answered \(response.status.code)", retryAfter: Self.retryAfter(response.headers))
                let isLimit = response.status.code == 429
                return (.later(reason, isLimit: isLimit), isLimit ? .limited : .failed)
            default:
                return (.final(.failure(EndorsementUnavailable("\(name) answered \(response.status.code)"))), .failed)
            }
        } catch let error as MalformedInput {
            return (.final(.failure(notACertificate(error))), .malformed)
        } catch let error as HTTPClientError where error.reason == .size {
            return (.final(.failure(notACertificate(error))), .malformed)
        } catch {
            let reason = EndorsementUnavailable("\(name) cannot be reached", detail: "\(error)", isOfVendor: true)
            let isTransient = (error as? HTTPClientError)?.isTransient ?? true
            return (isTransient ? .later(reason, isLimit: false) : .final(.failure(reason)), .unreachable)
        }
    }

    private func notACertificate(_ error: any Error) -> EndorsementUnavailable {
        EndorsementUnavailable("\(name) sent something else than a certificate", detail: "\(error)")
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
