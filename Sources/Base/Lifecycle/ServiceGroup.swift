public import Logging

/// A part of a program that runs until it is asked to stop.
public protocol Service: Sendable {
    /// Runs. It returns soon after `stop` was made; one that returns before stops the whole program.
    func run(until stop: StopRequest) async throws
}

/// A service ended though nobody had asked it to.
public struct ServiceEnded: Error, CustomStringConvertible {
    public let service: String

    public var description: String { "\(service) has ended by itself" }
}

/// Parts of a program that are started in their order and stopped in the reverse, each after those behind it have ended.
///
/// When one fails or ends by itself, all are stopped. Parts that have not ended when `patience` is over are cancelled.
public struct ServiceGroup: Sendable {
    private let services: [any Service]
    private let patience: Duration
    private let logger: Logger

    /// - Parameter patience: how long stopping may take.
    public init(_ services: [any Service], patience: Duration, logger: Logger) {
        self.services = services
        self.patience = patience
        self.logger = logger
    }

    /// Returns when all have ended.
    ///
    /// - Throws: what the first service that failed threw, or ``ServiceEnded``.
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
                return .asked
            }
            var running = Set(services.indices)
            var isStopping = false
            var failure: (any Error)?
            while !running.isEmpty, let event = await group.next() {
                switch event {
                case .asked: break
                case .isLate:
                    logger.warning(
                        "Stopping takes too long: what is left is broken off.",
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
                        do { try await Task.sleep(for: patience) } catch { return .asked }
                        return .isLate
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
        /// Everything is to stop.
        case asked
        /// The patience is over.
        case isLate
        case ended(Int, (any Error)?)
    }

    private func name(_ place: Int) -> String { "\(type(of: services[place]))" }
}
