public import Logging

/// A part of a program that runs until it is asked to stop.
public protocol Service: Sendable {
    /// Returns soon after `stop` is made. Returning earlier stops the whole group.
    func run(until stop: StopRequest) async throws
}

/// A service ended before it was asked to stop.
public struct ServiceEnded: Error, CustomStringConvertible {
    public let service: String

    public var description: String { "\(service) has ended by itself" }
}

/// The services of a program, started in order and stopped in reverse, each after its successors have ended.
///
/// When one fails or ends by itself, all are stopped. After the grace period, those that still run are cancelled.
public struct ServiceGroup: Sendable {
    private let services: [any Service]
    private let gracePeriod: Duration
    private let logger: Logger

    /// - Parameter gracePeriod: the time for stopping.
    public init(_ services: [any Service], gracePeriod: Duration, logger: Logger) {
        self.services = services
        self.gracePeriod = gracePeriod
        self.logger = logger
    }

    /// Returns when all have ended.
    ///
    /// - Throws: the first service's error, or ``ServiceEnded``.
    public func run(until stop: StopRequest) async throws {
        let requests = services.map { _ in StopRequest() }
        let failure = await withTaskGroup(of: Event.self, returning: (any Error)?.self) { group in
            for (place, (service, request)) in zip(services, requests).enumerated() {
                group.addTask {
                    do {
                        try await service.run(until: request)
                        return .ended(place, nil)
                    } catch {
                        return .ended(place, error)
                    }
                }
            }
            group.addTask {
                await stop.wait()
                return .stopRequested
            }
            var running = Set(services.indices)
            var isStopping = false
            var failure: (any Error)?
            while !running.isEmpty, let event = await group.next() {
                switch event {
                case .stopRequested: break
                case .gracePeriodOver:
                    logger.warning(
                        "Stopping takes too long: the remaining parts are cancelled.",
                        metadata: ["left": "\(running.sorted().map(name).joined(separator: ", "))"])
                    group.cancelAll()
                case .ended(let place, let error):
                    running.remove(place)
                    if let error, !(isStopping && error is CancellationError) { failure = failure ?? error }
                    if error == nil, !isStopping { failure = ServiceEnded(service: name(place)) }
                }
                if !isStopping {
                    isStopping = true
                    group.addTask {
                        do { try await Task.sleep(for: gracePeriod) } catch { return .stopRequested }
                        return .gracePeriodOver
                    }
                }
                if let last = running.max() { requests[last].make() }
            }
            group.cancelAll()
            return failure
        }
        if let failure { throw failure }
    }

    private enum Event: Sendable {
        case stopRequested, gracePeriodOver
        case ended(Int, (any Error)?)
    }

    private func name(_ place: Int) -> String { "\(type(of: services[place]))" }
}
