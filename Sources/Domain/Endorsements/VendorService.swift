import Broker
import Bytes
import Concurrency
public import Evidence
import Glibc
import HTTP
package import HTTPClient
import Tracing

/// A vendor's service for documents, or a mirror of it.
///
/// Vendors limit the rate: requests pass through a ``VendorQueue``, and a failed request is not repeated soon.
public struct VendorService: Sendable {
    public struct Configuration: Sendable {
        /// Without a path, e.g. `https://kdsintf.amd.com`.
        public var baseURL = "https://kdsintf.amd.com"
        /// The time for one request.
        public var requestTimeout: Duration = .seconds(10)
        /// How long a guest waits for a document.
        public var deadline: Duration = .seconds(25)
        /// Requests for one caller per minute, and at once after a pause: strangers can invent chips.
        public var mostPerCaller = 60
        /// How long a failure is remembered.
        public var pauseAfterFailure: Duration = .seconds(60)

        public init() {}
    }

    private let catalogue: any VendorCatalogue
    private let client: HTTP1Client
    private let configuration: Configuration
    private let report: @Sendable (VendorExchange) -> Void
    private let time: Time
    private let queue: VendorQueue
    private let failures = BoundedCache<EndorsementName, Failure>(capacity: 4_096)
    private let callers = BoundedCache<String, ContinuousClock.Instant>(capacity: 4_096)

    private struct Failure: Sendable {
        let reason: String
        let detail: String?
        let until: ContinuousClock.Instant
    }

    /// The clock between requests, replaceable in tests.
    package struct Time: Sendable {
        let now: @Sendable () -> ContinuousClock.Instant
        let sleep: @Sendable (Duration) async throws -> Void

        package init(
            now: @escaping @Sendable () -> ContinuousClock.Instant = { .now },
            sleep: @escaping @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) }
        ) {
            (self.now, self.sleep) = (now, sleep)
        }
    }

    /// - Parameter report: called after each request.
    package init(
        _ catalogue: any VendorCatalogue = AMDCatalogue(), client: HTTP1Client, configuration: Configuration,
        time: Time = Time(), reportingTo report: @escaping @Sendable (VendorExchange) -> Void = { _ in }
    ) {
        self.catalogue = catalogue
        self.report = report
        self.client = client
        self.configuration = configuration
        self.time = time
        queue = VendorQueue(VendorQueue.Limits(), time: time)
    }

    /// The number of callers that wait for a document.
    var waiting: Int { get async { await queue.waiting } }

    /// Whether a document is this vendor's, even if it is not published.
    func publishes(_ name: EndorsementName) -> Bool {
        do throws(EndorsementUnavailable) { return try catalogue.path(of: name) != nil } catch { return true }
    }

    /// - Throws: ``EndorsementUnavailable``.
    public func document(_ name: EndorsementName) async throws -> EndorsementDocument {
        guard let path = try catalogue.path(of: name) else {
            throw EndorsementUnavailable("\(self.name) publishes no such document")
        }
        if let failure = failures[name], failure.until > time.now() {
            throw EndorsementUnavailable(
                failure.reason, detail: failure.detail, retryAfter: seconds(until: failure.until))
        }
        let caller = Caller.network
        let patience = configuration.deadline
        do {
            return try await withTimeLimit(patience) {
                try await queue.document(name, for: caller ?? "", within: patience, admitting: { try spend(caller) }) {
                    await ask(for: name, at: path)
                }
            }
        } catch is NoAnswerInTime {
            throw EndorsementUnavailable("\(self.name) has not answered yet", retryAfter: 5, isOfVendor: true)
        }
    }

    /// Suspends requests for a document that arrived but cannot be used.
    ///
    /// - Returns: the error for callers meanwhile.
    func distrust(_ name: EndorsementName, _ refusal: DocumentRefusal) -> EndorsementUnavailable {
        let fault =
            switch refusal {
            case .misnamed, .incomplete, .unpinned: "is not genuine"
            case .notYetValid, .ended, .denied: "cannot be used"
            }
        let error = EndorsementUnavailable("\(self.name) sent a document that \(fault)", detail: "\(refusal)")
        remember(error, of: name)
        return error
    }

    /// The service's name in sentences for guests, which must stay short.
    private var name: String { String(configuration.baseURL.prefix(40)) }

    /// Sends one request.
    private func ask(for name: EndorsementName, at path: String) async -> VendorQueue.Answer {
        let start = ContinuousClock.now
        let (answer, label) = await exchange(name, path, within: configuration.requestTimeout)
        report(VendorExchange(outcome: label, duration: start.duration(to: .now)))
        guard case .final(.failure(let error)) = answer else { return answer }
        let until = remember(error, of: name)
        return .final(
            .failure(
                EndorsementUnavailable(
                    error.reason, detail: error.detail, retryAfter: seconds(until: until), isOfVendor: error.isOfVendor)
            ))
    }

    /// - Returns: the end of the suspension.
    @discardableResult
    private func remember(_ error: EndorsementUnavailable, of name: EndorsementName) -> ContinuousClock.Instant {
        let pause = max(configuration.pauseAfterFailure, .seconds(error.retryAfter ?? 0))
        let until = time.now().advanced(by: pause)
        failures[name] = Failure(reason: error.reason, detail: error.detail, until: until)
        return until
    }

    /// Takes a request from a caller's allowance.
    private func spend(_ caller: String?) throws(EndorsementUnavailable) {
        guard let caller else { return }
        let now = time.now()
        let allowance = Allowance.perMinute(configuration.mostPerCaller)
        guard let wait = callers.update(caller, default: now, { allowance.take(from: &$0, at: now) }) else { return }
        throw EndorsementUnavailable(
            "this address caused too many requests for chips' certificates",
            retryAfter: wait.retryAfter)
    }

    private func exchange(
        _ wanted: EndorsementName, _ path: String, within time: Duration
    ) async -> (VendorQueue.Answer, VendorExchange.Outcome) {
        do {
            var request = HTTPClientRequest(url: configuration.baseURL, path: path)
            if let span = ServiceContext.current?.spanContext, let field = HTTPField.Name(SpanContext.headerName) {
                request.headers[field] = span.traceparent
            }
            let response = try await client.execute(request, timeout: time, upTo: 256 * 1_024)
            switch response.status.code {
            case 200: return (.final(.success(try catalogue.document(wanted, in: response.body))), .fetched)
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
        } catch let error as UnexpectedAnswer {
            let reason = EndorsementUnavailable("\(name) sent \(error.reason)", detail: error.detail)
            return (.final(.failure(reason)), .malformed)
        } catch let error as MalformedInput {
            return (.final(.failure(unreadable(error))), .malformed)
        } catch let error as HTTPClientError where error.reason == .size {
            return (.final(.failure(unreadable(error))), .malformed)
        } catch {
            let reason = EndorsementUnavailable("\(name) cannot be reached", detail: "\(error)", isOfVendor: true)
            let isTransient = (error as? HTTPClientError)?.isTransient ?? true
            return (isTransient ? .later(reason, isLimit: false) : .final(.failure(reason)), .unreachable)
        }
    }

    private func unreadable(_ error: any Error) -> EndorsementUnavailable {
        EndorsementUnavailable("\(name) sent something else than a document", detail: "\(error)")
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

/// A request to a vendor and its outcome.
public struct VendorExchange: Sendable, Hashable {
    public enum Outcome: String, Sendable, Hashable, CaseIterable {
        case fetched
        /// The vendor has no such document.
        case unknown
        /// The vendor limits the rate.
        case limited
        case failed
        case malformed
        case unreachable
    }

    public let outcome: Outcome
    public let duration: Duration
}
