import Broker
package import FoundationEssentials

/// Limits on callers. docs/limits.md explains each default.
package struct LimitSettings: Sendable, Hashable {
    /// Sustained requests of an address per second; 0: no limit.
    package var requestsPerSecond = 500
    /// Requests that an address may make at once, after a pause.
    package var burst = 5_000
    /// Connections in all. One more takes an idle one's place, or waits in the kernel until one is closed.
    package var connections = 12_000
    /// Connections of an address; more are closed.
    package var connectionsPerAddress = 4_000
    /// Attestations that wait for their answer.
    package var waitingAttestations = 1_000
    /// Releases of one secret to a guest per minute.
    package var releasesPerMinute = Broker.defaultReleasesPerMinute
    /// Database space of a machine's guests without a workload, in bytes.
    package var guestRoom = Broker.defaultGuestRoom * 1_024
    /// Longest body of a request, in bytes.
    package var body = 256 * 1_024
    /// Longest evidence of a guest with a cookie of this server, in bytes: init data may be long.
    package var evidence = 2 << 20
    /// The longer of ``evidence`` and ``body``.
    package var longestEvidence: Int { max(body, evidence) }
    /// Longest resource, in bytes.
    package var resource = Broker.defaultLongestResource
    /// Bodies of all requests in memory, in bytes.
    package var bodies = 256 * 1_024 * 1_024

    /// Time for a request's head, and for TLS's handshake before the first.
    package var headerTimeout: TimeInterval = 15
    /// Time for a request's body.
    package var bodyTimeout: TimeInterval = 30
    /// Time in which a caller must take some of a reply.
    package var writeTimeout: TimeInterval = 30

    package init() {}
}

extension SettingKey {
    static let limits = [
        limitRequestsPerSecond, limitBurst, limitConnections, limitConnectionsPerAddress, limitWaitingAttestations,
        limitReleases, limitGuestRoom, limitBody, limitEvidence, limitResource, limitBodies, headerTimeout, bodyTimeout,
        writeTimeout,
    ]

    package static let limitRequestsPerSecond = number(
        "limits.requests_per_second", "Requests of an address per second; 0 for no limit", 0...1_000_000,
        \.limits.requestsPerSecond)

    package static let limitBurst = number(
        "limits.burst", "Requests that an address may make at once", 1...10_000_000, \.limits.burst)

    package static let limitConnections = number(
        "limits.connections", "Connections in all; more wait until one is closed", 1...1_000_000, \.limits.connections)

    package static let limitConnectionsPerAddress = number(
        "limits.connections_per_address", "Connections of an address; more are closed", 1...1_000_000,
        \.limits.connectionsPerAddress)

    package static let limitWaitingAttestations = number(
        "limits.waiting_attestations", "Attestations that may wait for their answer; more get 503", 1...1_000_000,
        \.limits.waitingAttestations)

    package static let limitReleases = number(
        "limits.releases_per_minute",
        "How often a guest is given one secret in a minute; all of them ten times as often", 1...10_000,
        \.limits.releasesPerMinute)

    package static let limitGuestRoom = number(
        "limits.guest_room",
        "How much of the database a machine's guests without a workload may fill at once, in bytes; all guests sixteen "
            + "times as much", 1_048_576...1_099_511_627_776, \.limits.guestRoom)

    package static let limitBody = number(
        "limits.body", "Longest body of a request, in bytes", 4_096...16_777_216, \.limits.body)

    package static let limitEvidence = number(
        "limits.evidence", "Longest body of /attest once the cookie is good, in bytes: init data may be long",
        4_096...16_777_216, \.limits.evidence)

    package static let limitResource = number(
        "limits.resource", "Longest resource that may be put, in bytes", 1...16_777_216, \.limits.resource)

    package static let limitBodies = number(
        "limits.bodies", "Bodies of all requests in memory, in bytes; more get 503",
        // At least one of the longest that limits.body can allow.
        16_777_216...1_099_511_627_776, \.limits.bodies)

    package static let headerTimeout = duration(
        "http.header_timeout", "Time for a request's head to arrive", default: "15s", upTo: 3_600,
        \.limits.headerTimeout)

    package static let bodyTimeout = duration(
        "http.body_timeout", "Time for a request's body to arrive", default: "30s", upTo: 3_600, \.limits.bodyTimeout)

    package static let writeTimeout = duration(
        "http.write_timeout", "Time in which a caller must take some of a reply", default: "30s", upTo: 3_600,
        \.limits.writeTimeout)
}
