/// What a path is about. A label of a metric needs a list that nobody outside can lengthen.
enum Endpoint: String, CaseIterable {
    case probe, register, challenge, attest, release, resource
    case workloads, resources, sessions, attempts, certificates, tokens, audit, status, administration
    case metrics, live, ready, other

    init(_ path: String) {
        // Several slashes count for one: a label need not be as strict as the router.
        let parts = path.utf8.split(separator: UInt8(ascii: "/"), maxSplits: 4).map(Substring.init)
        self =
            switch (parts.first, parts.count) {
            case ("kbs", 2...) where parts[1] == "v0": parts.count == 2 ? .probe : Self.guest(parts[2])
            case ("api", 3...) where parts[1] == "v1": Self.administration(parts[2])
            case ("metrics", 1): .metrics
            case ("livez", 1): .live
            case ("readyz", 1): .ready
            default: .other
            }
    }

    private static func guest(_ call: Substring) -> Endpoint {
        switch call {
        case "register_workload": .register
        case "auth": .challenge
        case "attest": .attest
        case "key": .release
        case "resource": .resource
        default: .other
        }
    }

    private static func administration(_ resource: Substring) -> Endpoint {
        switch resource {
        case "workloads": .workloads
        case "resources": .resources
        case "sessions": .sessions
        case "attempts": .attempts
        case "certificates": .certificates
        case "tokens": .tokens
        case "audit": .audit
        case "status": .status
        default: .administration
        }
    }
}
