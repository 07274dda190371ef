import Broker
import Bytes
import Endorsements
import Evidence
import Metrics
import Storage

/// Counts the broker's events, which ``EventLog`` logs. No label is a workload, a chip or an address: their number is
/// unbounded.
final class BrokerMetrics: Sendable {
    private struct Handshakes: Sendable {
        let challenged: Counter
        let attested: Counter
        let refused: Counter

        init(_ registry: PrometheusRegistry, _ definition: MetricDefinition, tee: String) {
            func counter(_ outcome: String) -> Counter {
                registry.counter(definition, ("tee", tee), ("outcome", outcome))
            }
            (challenged, attested, refused) = (counter("challenged"), counter("attested"), counter("refused"))
        }
    }

    private let checks: [Check.Name: Counter]
    /// Handshakes of guests with a workload, and of guests without one.
    private let workloads, guests: [TEE: Handshakes]
    private let resourceReleased: Counter
    private let resourceRefused: Counter
    private let resourceChanges: [AuditRecord.Action: Counter]
    private let released: Counter
    private let releaseRefused: Counter
    private let registered: Counter
    private let replaced: Counter
    private let removed: Counter
    private let lookups: [EndorsementLookup: Counter]
    private let kds: [VendorExchange.Outcome: Counter]
    private let kdsDuration: Histogram
    private let renewed, notRenewed: Counter
    private let ending: Gauge
    private let batch: Histogram
    private let commit: Histogram
    private let commitFailures: Counter
    private let refusals: [Refusal.Code: Counter]
    private let askedFirst: Counter
    private let versions: [ExactText: Counter]
    private let otherVersion: Counter

    init(_ registry: PrometheusRegistry) {
        checks = Self.counters(Check.Name.all) { registry.counter(.refusedChecks, ("check", $0.text)) }
        workloads = Self.counters(TEE.all) { Handshakes(registry, .handshakes, tee: $0.name) }
        guests = Self.counters(GuestTEE.allCases.map { .evidence($0) }) {
            Handshakes(registry, .guestHandshakes, tee: $0.name)
        }
        resourceReleased = registry.counter(.resourceReleases, ("outcome", "released"))
        resourceRefused = registry.counter(.resourceReleases, ("outcome", "refused"))
        resourceChanges = Self.counters([
            .putResource, .removeResource, .disableResource, .enableResource, .rollBackResource, .assignPolicy,
        ]) { registry.counter(.resourceChanges, ("change", $0.rawValue)) }
        // A session in use does not state its technology.
        released = registry.counter(.handshakes, ("tee", "any"), ("outcome", "released"))
        releaseRefused = registry.counter(.handshakes, ("tee", "any"), ("outcome", "release_refused"))
        registered = registry.counter(.workloadChanges, ("change", "registered"))
        replaced = registry.counter(.workloadChanges, ("change", "replaced"))
        removed = registry.counter(.workloadChanges, ("change", "removed"))
        lookups = Self.counters(EndorsementLookup.allCases) { registry.counter(.lookups, ("outcome", $0.rawValue)) }
        kds = Self.counters(VendorExchange.Outcome.allCases) {
            registry.counter(.kdsRequests, ("outcome", $0.rawValue))
        }
        kdsDuration = registry.histogram(.kdsDuration)
        renewed = registry.counter(.renewals, ("outcome", "renewed"))
        notRenewed = registry.counter(.renewals, ("outcome", "failed"))
        ending = registry.gauge(.endingEndorsements)
        batch = registry.histogram(.writeBatch)
        commit = registry.histogram(.commitDuration)
        commitFailures = registry.counter(.commitFailures)
        askedFirst = registry.counter(.guestHandshakes, ("tee", "any"), ("outcome", "asked_first"))
        versions = Self.counters(Self.knownVersions) { registry.counter(.protocolVersions, ("version", $0.text)) }
        otherVersion = registry.counter(.protocolVersions, ("version", "other"))
        refusals = Self.counters(Refusal.Code.allCases) { registry.counter(.refusals, ("code", $0.rawValue)) }
    }

    /// Created at the start: a series that begins with its first event has no rate.
    private static func counters<Label: Hashable, Series>(
        _ labels: [Label], _ make: (Label) -> Series
    ) -> [Label: Series] {
        Dictionary(labels.map { ($0, make($0)) }, uniquingKeysWith: { first, _ in first })
    }

    func callAsFunction(_ event: BrokerEvent) {
        switch event {
        case .registered(_, let isReplacement): (isReplacement ? replaced : registered).increment()
        case .registrationWarned: break
        case .removed: removed.increment()
        case .challenged(let workload, let tee): handshakes(workload, tee)?.challenged.increment()
        case .attested(let attempt): handshakes(attempt.workload, attempt.tee)?.attested.increment()
        case .platformRefused(let attempt, _), .evidenceRefused(let attempt, _):
            handshakes(attempt.workload, attempt.tee)?.refused.increment()
            count(attempt.verdict)
        case .released: released.increment()
        case .releaseRefused: releaseRefused.increment()
        case .resourceReleased: resourceReleased.increment()
        case .resourceRefused(_, _, let verdict, _):
            resourceRefused.increment()
            count(verdict)
        case .resourceChanged(_, let action): resourceChanges[action]?.increment()
        // Counted as refusals by their codes; a rate of these is of no use.
        case .challengeRefused, .answerRefused, .disabled, .sessionsEnded, .denialChanged, .rowLeftOut: break
        }
    }

    /// Versions of the KBS protocol: virtee's and Confidential Containers'. Invented ones count as `other`.
    private static let knownVersions: [ExactText] = ["0.0.0", "0.1.0", "0.1.1", "0.2.0", "0.3.0", "0.4.0"]

    func spoken(_ version: String) { (versions[ExactText(version)] ?? otherVersion).increment() }

    func callAsFunction(_ event: EndorsementEvent) {
        switch event {
        case .lookedUp(let lookup): lookups[lookup]?.increment()
        case .renewed(let pass):
            renewed.increment(by: Int64(pass.renewed.count))
            notRenewed.increment(by: Int64(pass.failed))
            ending.set(pass.ending)
        case .fetched, .unavailable, .notKept: break
        }
    }

    func callAsFunction(_ exchange: VendorExchange) {
        kds[exchange.outcome]?.increment()
        kdsDuration.record(exchange.duration)
    }

    func callAsFunction(_ commit: CommittedBatch) {
        batch.record(commit.writes)
        self.commit.record(commit.duration)
        if commit.hasFailed { commitFailures.increment() }
    }

    /// Counts a refused request, whichever part of the server refused it.
    func callAsFunction(_ refusal: Refusal) {
        (refusal.isOrdinary ? askedFirst : refusals[refusal.code])?.increment()
    }

    private func count(_ verdict: Verdict?) {
        for check in verdict?.failures ?? [] { checks[check.name]?.increment() }
    }

    private func handshakes(_ workload: WorkloadID?, _ tee: TEE) -> Handshakes? {
        (workload == nil ? guests : workloads)[tee]
    }
}
