import Broker
package import FoundationEssentials

/// What a caller may take. docs/limits.md explains each default.
package struct LimitSettings: Sendable, Hashable {
    /// Requests that an address may make in a second, for long; 0: as many as it likes.
    package var requestsPerSecond = 500
    /// Requests that an address may make at once, after a pause.
    package var burst = 5_000
    /// Connections in all. Above, new ones wait in the kernel until another is closed.
    package var connections = 12_000
    /// Connections of an address. Above, new ones are closed.
    package var connectionsPerAddress = 4_000
    /// Attestations that have arrived and are not answered yet.
    package var waitingAttestations = 1_000
    /// How often a guest is given one secret in a minute.
    package var releasesPerMinute = Broker.usualReleasesPerMinute
    /// How much of the database a machine's guests without a workload may fill at once, in bytes.
    package var guestRoom = Broker.usualGuestRoom * 1_024
    /// Longest body of a request, in bytes.
    package var body = 256 * 1_024
    /// Longest evidence of a guest that brings a cookie of this server's, in bytes: init data may be long.
    package var evidence = 2 << 20
    /// The same, as far as other bodies may not be longer.
    package var longestEvidence: Int { max(body, evidence) }
    /// Longest resource, in bytes.
    package var resource = Broker.usualLongestResource
    /// Bodies of all requests that are being received and answered, in bytes.
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

    package static let limitRequestsPerSecond = SettingKey(
        "limits.requests_per_second", "Requests of an address per second; 0 for no limit", default: "500"
    ) { $1.limits.requestsPerSecond = try $0.number(0...1_000_000) }

    package static let limitBurst = SettingKey(
        "limits.burst", "Requests that an address may make at once", default: "5000"
    ) { $1.limits.burst = try $0.number(1...10_000_000) }

    package static let limitConnections = SettingKey(
        "limits.connections", "Connections in all; more wait until one is closed", default: "12000"
    ) { $1.limits.connections = try $0.number(1...1_000_000) }

    package static let limitConnectionsPerAddress = SettingKey(
        "limits.connections_per_address", "Connections of an address; more are closed", default: "4000"
    ) { $1.limits.connectionsPerAddress = try $0.number(1...1_000_000) }

    package static let limitWaitingAttestations = SettingKey(
        "limits.waiting_attestations", "Attestations that may wait for their answer; more get 503", default: "1000"
    ) { $1.limits.waitingAttestations = try $0.number(1...1_000_000) }

    package static let limitReleases = SettingKey(
        "limits.releases_per_minute",
        "How often a guest is given one secret in a minute; all of them ten times as often", default: "60"
    ) { $1.limits.releasesPerMinute = try $0.number(1...10_000) }

    package static let limitGuestRoom = SettingKey(
        "limits.guest_room",
        "How much of the database a machine's guests without a workload may fill at once, in bytes; all guests sixteen "
            + "times as much", default: "67108864"
    ) { $1.limits.guestRoom = try $0.number(1_048_576...1_099_511_627_776) }

    package static let limitBody = SettingKey(
        "limits.body", "Longest body of a request, in bytes", default: "262144"
    ) { $1.limits.body = try $0.number(4_096...16_777_216) }

    package static let limitEvidence = SettingKey(
        "limits.evidence",
        "Longest body of /attest once the cookie is good, in bytes: init data may be long", default: "2097152"
    ) { $1.limits.evidence = try $0.number(4_096...16_777_216) }

    package static let limitResource = SettingKey(
        "limits.resource", "Longest resource that may be put, in bytes", default: "1048576"
    ) { $1.limits.resource = try $0.number(1...16_777_216) }

    package static let limitBodies = SettingKey(
        "limits.bodies", "Bodies of all requests in memory, in bytes; more get 503", default: "268435456"
            // At least one of the longest that limits.body can allow.
    ) { $1.limits.bodies = try $0.number(16_777_216...1_099_511_627_776) }

    package static let headerTimeout = SettingKey(
        "http.header_timeout", "Time for a request's head to arrive", default: "15s"
    ) { $1.limits.headerTimeout = try $0.duration(upTo: 3_600) }

    package static let bodyTimeout = SettingKey(
        "http.body_timeout", "Time for a request's body to arrive", default: "30s"
    ) { $1.limits.bodyTimeout = try $0.duration(upTo: 3_600) }

    package static let writeTimeout = SettingKey(
        "http.write_timeout", "Time in which a caller must take some of a reply", default: "30s"
    ) { $1.limits.writeTimeout = try $0.duration(upTo: 3_600) }
}
