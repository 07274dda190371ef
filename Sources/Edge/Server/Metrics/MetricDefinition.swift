import Metrics

/// The server's metrics, which docs/monitoring.md, the dashboard and the alerts rely on.
extension MetricDefinition {
    /// Buckets from a warm handshake's hundred microseconds to a vendor that does not answer.
    private static let latencies = [
        0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
    ]

    static let httpRequests = MetricDefinition(
        name: "kbs_http_requests_total", help: "Requests answered, by endpoint, method and class of status.",
        kind: .counter, omitsZeros: true)
    static let httpDuration = MetricDefinition(
        name: "kbs_http_request_duration_seconds", help: "From a request's head to its response's, by endpoint.",
        kind: .histogram, buckets: latencies, scale: nanoseconds, omitsZeros: true)
    static let httpInFlight = MetricDefinition(
        name: "kbs_http_requests_in_flight", help: "Requests that are being answered.", kind: .gauge)
    static let connections = MetricDefinition(
        name: "kbs_connections_open", help: "Connections from clients.", kind: .gauge)

    static let malformed = MetricDefinition(
        name: "kbs_http_malformed_total", help: "Malformed messages, by the wrong part.",
        kind: .counter)

    static let limitsReached = MetricDefinition(
        name: "kbs_limits_reached", help: "How often each limit was reached since the start.", kind: .gauge)

    static let handshakes = MetricDefinition(
        name: "kbs_handshakes_total", help: "Steps of handshakes with guests, by technology and outcome.",
        kind: .counter)
    static let guestHandshakes = MetricDefinition(
        name: "kbs_guest_handshakes_total",
        help:
            "Steps of handshakes with guests that name no workload (Confidential Containers), by technology and outcome.",
        kind: .counter)
    static let protocolVersions = MetricDefinition(
        name: "kbs_protocol_requests_total",
        help: "Calls of /auth and /attest, by the version of their protocol.", kind: .counter)
    static let resourceReleases = MetricDefinition(
        name: "kbs_resource_releases_total", help: "Resources that guests asked for, by outcome.", kind: .counter)
    static let resourceChanges = MetricDefinition(
        name: "kbs_resource_changes_total", help: "Changes to resources by operators.", kind: .counter)
    static let resources = MetricDefinition(name: "kbs_resources", help: "Resources stored now.", kind: .gauge)
    static let refusals = MetricDefinition(
        name: "kbs_refusals_total", help: "Requests refused, by the refusal's code.", kind: .counter)
    static let refusedChecks = MetricDefinition(
        name: "kbs_refused_checks_total", help: "Failed checks of refused evidence, by the check's name.",
        kind: .counter)
    static let workloadChanges = MetricDefinition(
        name: "kbs_workload_changes_total", help: "Workloads registered, replaced and removed.", kind: .counter)
    static let sessions = MetricDefinition(
        name: "kbs_sessions", help: "Sessions that may fetch their key now.", kind: .gauge)
    static let workloads = MetricDefinition(
        name: "kbs_workloads", help: "Workloads registered now.", kind: .gauge)

    static let lookups = MetricDefinition(
        name: "kbs_endorsement_lookups_total",
        help: "Where the certificate for a report was found: memory, at_hand (kept, folder or guest) or missed.",
        kind: .counter)
    static let renewals = MetricDefinition(
        name: "kbs_endorsement_renewals_total", help: "Vendors' documents renewed before their end, by outcome.",
        kind: .counter)
    static let endingEndorsements = MetricDefinition(
        name: "kbs_endorsements_ending", help: "Vendors' documents that end within 14 days, at the last look.",
        kind: .gauge)
    static let kdsRequests = MetricDefinition(
        name: "kbs_kds_requests_total", help: "Requests to AMD's key distribution service, by outcome.", kind: .counter)
    static let kdsDuration = MetricDefinition(
        name: "kbs_kds_request_duration_seconds", help: "Response time of the key distribution service.",
        kind: .histogram, buckets: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30], scale: nanoseconds)

    static let writeQueueDepth = MetricDefinition(
        name: "kbs_write_queue_depth", help: "Writes that wait for the current transaction.", kind: .gauge)
    static let writeBatch = MetricDefinition(
        name: "kbs_write_batch_size", help: "Writes in one transaction with one flush.", kind: .histogram,
        buckets: [1, 2, 4, 8, 16, 32, 64, 128, 256, 512])
    static let commitDuration = MetricDefinition(
        name: "kbs_write_commit_duration_seconds", help: "How long a transaction took, with its flush to the disk.",
        kind: .histogram, buckets: latencies, scale: nanoseconds)
    static let commitFailures = MetricDefinition(
        name: "kbs_write_commit_failures_total", help: "Transactions that could not be written.", kind: .counter)

    static let databaseConnections = MetricDefinition(
        name: "kbs_database_connections", help: "Connections to PostgreSQL. Absent with SQLite.", kind: .gauge)
    static let lostConnections = MetricDefinition(
        name: "kbs_database_connections_lost_total", help: "Connections to PostgreSQL that were lost.", kind: .counter)

    static let spans = MetricDefinition(
        name: "kbs_spans_total", help: "Spans for the collector, by outcome. Absent without one.", kind: .counter)
    static let leftOut = MetricDefinition(
        name: "kbs_untraced_requests_total",
        help: "Requests that were not traced because there were too many. Absent without a collector.", kind: .counter)

    static let readiness = MetricDefinition(
        name: "kbs_readiness_check", help: "Whether a check of /readyz passes: 1 or 0.", kind: .gauge)
    static let certificateExpiry = MetricDefinition(
        name: "kbs_tls_certificate_expiry_timestamp_seconds",
        help: "When the server's TLS certificate expires, in Unix time. Absent without TLS.", kind: .gauge)
    static let buildInfo = MetricDefinition(
        name: "kbs_build_info", help: "Always 1; the labels name the running version.", kind: .gauge)
    static let libraryInfo = MetricDefinition(
        name: "kbs_library_info", help: "Always 1; the labels name a loaded library of the distribution.",
        kind: .gauge)
    static let fipsMode = MetricDefinition(
        name: "kbs_fips_mode", help: "Whether only algorithms of a FIPS module are used: 1 or 0.", kind: .gauge)
    static let mlKEM = MetricDefinition(
        name: "kbs_ml_kem_available", help: "Whether guests may use keys for ML-KEM-768: 1 or 0.", kind: .gauge)
    static let replacedFiles = MetricDefinition(
        name: "kbs_replaced_files",
        help: "Loaded files of this program and its libraries that were replaced on the disk: restart the server.",
        kind: .gauge)
    static let cpu = MetricDefinition(
        name: "kbs_process_cpu_seconds_total", help: "Processor time used, by the system and by the process.",
        kind: .counter)
    static let memory = MetricDefinition(
        name: "kbs_process_resident_memory_bytes", help: "Resident memory.", kind: .gauge)
    static let descriptors = MetricDefinition(
        name: "kbs_process_open_fds", help: "Open file descriptors.", kind: .gauge)
    static let mostDescriptors = MetricDefinition(
        name: "kbs_process_max_fds", help: "Limit of open file descriptors.", kind: .gauge)
    static let started = MetricDefinition(
        name: "kbs_process_start_time_seconds", help: "When the process started, in Unix time.", kind: .gauge)

    /// In the order in which they are exported.
    static let all = [
        httpRequests, httpDuration, httpInFlight, connections, malformed, limitsReached, handshakes, refusals,
        refusedChecks,
        workloadChanges, guestHandshakes, protocolVersions, resourceReleases, resourceChanges, sessions, workloads,
        resources, lookups,
        kdsRequests, kdsDuration, renewals, endingEndorsements, writeQueueDepth, writeBatch, commitDuration,
        commitFailures, databaseConnections,
        lostConnections, spans, leftOut, readiness, certificateExpiry, buildInfo, libraryInfo, fipsMode, mlKEM,
        replacedFiles, cpu, memory,
        descriptors, mostDescriptors, started,
    ]
}
