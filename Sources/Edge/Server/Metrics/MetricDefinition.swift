import Metrics

/// The server's metrics, which docs/monitoring.md, the dashboard and the alerts rely on.
extension MetricDefinition {
    /// Buckets from a warm handshake's hundred microseconds to a vendor that does not answer.
    private static let latencies = [
        0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
    ]

    static let httpRequests = counter(
        "kbs_http_requests_total", "Requests answered, by endpoint, method and class of status.", omitsZeros: true)
    static let httpDuration = MetricDefinition(
        name: "kbs_http_request_duration_seconds", help: "From a request's head to its response's, by endpoint.",
        kind: .histogram, buckets: latencies, scale: nanoseconds, omitsZeros: true)
    static let httpInFlight = gauge("kbs_http_requests_in_flight", "Requests that are being answered.")
    static let connections = gauge("kbs_connections_open", "Connections from clients.")

    static let malformed = counter("kbs_http_malformed_total", "Malformed messages, by the wrong part.")

    static let limitsReached = gauge("kbs_limits_reached", "How often each limit was reached since the start.")

    static let handshakes = counter(
        "kbs_handshakes_total", "Steps of handshakes with guests, by technology and outcome.")
    static let guestHandshakes = counter(
        "kbs_guest_handshakes_total",
        "Steps of handshakes with guests that name no workload (Confidential Containers), by technology and outcome.")
    static let protocolVersions = counter(
        "kbs_protocol_requests_total", "Calls of /auth and /attest, by the version of their protocol.")
    static let resourceReleases = counter("kbs_resource_releases_total", "Resources that guests asked for, by outcome.")
    static let resourceChanges = counter("kbs_resource_changes_total", "Changes to resources by operators.")
    static let resources = gauge("kbs_resources", "Resources stored now.")
    static let refusals = counter("kbs_refusals_total", "Requests refused, by the refusal's code.")
    static let refusedChecks = counter(
        "kbs_refused_checks_total", "Failed checks of refused evidence, by the check's name.")
    static let workloadChanges = counter("kbs_workload_changes_total", "Workloads registered, replaced and removed.")
    static let sessions = gauge("kbs_sessions", "Sessions that may fetch their key now.")
    static let workloads = gauge("kbs_workloads", "Workloads registered now.")

    static let lookups = counter(
        "kbs_endorsement_lookups_total",
        "Where the certificate for a report was found: memory, at_hand (kept, folder or guest) or missed.")
    static let renewals = counter(
        "kbs_endorsement_renewals_total", "Vendors' documents renewed before their end, by outcome.")
    static let endingEndorsements = gauge(
        "kbs_endorsements_ending", "Vendors' documents that end within 14 days, at the last look.")
    static let kdsRequests = counter(
        "kbs_kds_requests_total", "Requests to AMD's key distribution service, by outcome.")
    static let kdsDuration = MetricDefinition(
        name: "kbs_kds_request_duration_seconds", help: "Response time of the key distribution service.",
        kind: .histogram, buckets: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30], scale: nanoseconds)

    static let writeQueueDepth = gauge("kbs_write_queue_depth", "Writes that wait for the current transaction.")
    static let writeBatch = MetricDefinition(
        name: "kbs_write_batch_size", help: "Writes in one transaction with one flush.", kind: .histogram,
        buckets: [1, 2, 4, 8, 16, 32, 64, 128, 256, 512])
    static let commitDuration = MetricDefinition(
        name: "kbs_write_commit_duration_seconds", help: "How long a transaction took, with its flush to the disk.",
        kind: .histogram, buckets: latencies, scale: nanoseconds)
    static let commitFailures = counter("kbs_write_commit_failures_total", "Transactions that could not be written.")

    static let databaseConnections = gauge("kbs_database_connections", "Connections to PostgreSQL. Absent with SQLite.")
    static let lostConnections = counter(
        "kbs_database_connections_lost_total", "Connections to PostgreSQL that were lost.")

    static let spans = counter("kbs_spans_total", "Spans for the collector, by outcome. Absent without one.")
    static let leftOut = counter(
        "kbs_untraced_requests_total",
        "Requests that were not traced because there were too many. Absent without a collector.")

    static let readiness = gauge("kbs_readiness_check", "Whether a check of /readyz passes: 1 or 0.")
    static let certificateExpiry = gauge(
        "kbs_tls_certificate_expiry_timestamp_seconds",
        "When the server's TLS certificate expires, in Unix time. Absent without TLS.")
    static let buildInfo = gauge("kbs_build_info", "Always 1; the labels name the running version.")
    static let libraryInfo = gauge(
        "kbs_library_info", "Always 1; the labels name a loaded library of the distribution.")
    static let fipsMode = gauge("kbs_fips_mode", "Whether only algorithms of a FIPS module are used: 1 or 0.")
    static let mlKEM = gauge("kbs_ml_kem_available", "Whether guests may use keys for ML-KEM-768: 1 or 0.")
    static let replacedFiles = gauge(
        "kbs_replaced_files",
        "Loaded files of this program and its libraries that were replaced on the disk: restart the server.")
    static let cpu = counter("kbs_process_cpu_seconds_total", "Processor time used, by the system and by the process.")
    static let memory = gauge("kbs_process_resident_memory_bytes", "Resident memory.")
    static let descriptors = gauge("kbs_process_open_fds", "Open file descriptors.")
    static let mostDescriptors = gauge("kbs_process_max_fds", "Limit of open file descriptors.")
    static let started = gauge("kbs_process_start_time_seconds", "When the process started, in Unix time.")

    private static func counter(_ name: String, _ help: String, omitsZeros: Bool = false) -> MetricDefinition {
        MetricDefinition(name: name, help: help, kind: .counter, omitsZeros: omitsZeros)
    }

    private static func gauge(_ name: String, _ help: String) -> MetricDefinition {
        MetricDefinition(name: name, help: help, kind: .gauge)
    }

    /// In the order in which they are exported.
    static let all = [
        httpRequests, httpDuration, httpInFlight, connections, malformed, limitsReached, handshakes, refusals,
        refusedChecks, workloadChanges, guestHandshakes, protocolVersions, resourceReleases, resourceChanges, sessions,
        workloads, resources, lookups, kdsRequests, kdsDuration, renewals, endingEndorsements, writeQueueDepth,
        writeBatch, commitDuration, commitFailures, databaseConnections, lostConnections, spans, leftOut, readiness,
        certificateExpiry, buildInfo, libraryInfo, fipsMode, mlKEM, replacedFiles, cpu, memory, descriptors,
        mostDescriptors, started,
    ]
}
