import Broker
import Bytes
import FoundationEssentials
import Operators

/// Administrators' credentials, and the records of their actions.
extension SettingKey {
    static let administration = [
        insecureAdmin, clientRoles, jwtIssuer, jwtAudience, jwtKeys, jwtRoleClaim, jwtRoles, jwtOperatorKeys,
        auditCheckpointFile, auditCheckpointInterval, auditCheckpointRecords, auditAttempts, auditRefusalsPerMinute,
        auditStrangersPerMinute,
    ]

    package static let insecureAdmin = bool(
        "insecure_admin", "Until credentials are set up, every local caller is an administrator: for trials",
        \.opensAdministration)

    package static let clientRoles = SettingKey(
        "tls.client_roles",
        "Roles of client certificates: dns:ci.example.org=registrar, cn:NAME=auditor, uri:spiffe://…=admin"
    ) {
        do { $1.clientCertificates = try ClientCertificates($0.list()) } catch let refusal as Refusal {
            throw InvalidSetting("\($0.name): \(refusal.sentence)")
        }
    }

    package static let jwtIssuer = SettingKey(
        "jwt.issuer", "Identity provider whose JWTs are accepted: their iss, to the letter"
    ) { $1.jwt.issuer = ExactText($0.text) }

    package static let jwtAudience = SettingKey("jwt.audience", "Required in a JWT's aud") {
        $1.jwt.audience = ExactText($0.text)
    }

    package static let jwtKeys = SettingKey("jwt.keys", "JWKS of the issuer: an https URL, or a file") {
        $1.jwt.keys = try $0.keySetLocation()
    }

    package static let jwtRoleClaim = SettingKey(
        "jwt.role_claim", "The claim that names the role; dots step into objects", default: "kbs_role"
    ) { $1.jwt.roleClaim = try $0.nonEmpty("a claim's name") }

    package static let jwtRoles = SettingKey(
        "jwt.roles", "Roles of the claim's values, e.g. kbs-admins=admin, ci=registrar (default: the roles' own names)"
    ) {
        for (value, role) in try $0.roles("a list such as kbs-admins=admin, ci=registrar:team-a/") {
            $1.jwt.roles[ExactText(value)] = role
        }
    }

    package static let jwtOperatorKeys = SettingKey(
        "jwt.operator_keys",
        "Files with Ed25519 public keys in PEM, and their roles: JWTs that kbs-client or coco_keyprovider sign with them are "
            + "accepted, e.g. /etc/kbs/kbs-client.pub=admin"
    ) {
        $1.operatorKeys = try $0.roles("a list of FILE=ROLE such as /etc/kbs/kbs-client.pub=admin")
            .map { (URL(filePath: $0), $1) }
    }

    package static let auditCheckpointFile = file(
        "audit.checkpoint_file", "File of the trail's signed checkpoints (default: checkpoints in the data folder)",
        \.checkpointFile)

    package static let auditCheckpointInterval = duration(
        "audit.checkpoint_interval", "How often the trail is signed", default: "15m", \.checkpointInterval)

    package static let auditCheckpointRecords = number(
        "audit.checkpoint_records", "After how many records it is signed at the latest", 1...1_000_000_000,
        \.checkpointRecords)

    package static let auditAttempts = number(
        "audit.attempts", "How many attempts to attest are kept with all their checks", 0...100_000_000,
        \.attemptsKept)

    package static let auditRefusalsPerMinute = number(
        "audit.refusals_per_minute",
        "How many refusals of guests on genuine hardware are recorded in a minute; the rest is counted", 1...1_000_000,
        \.refusalsPerMinute)

    package static let auditStrangersPerMinute = number(
        "audit.strangers_per_minute",
        "How many refusals of strangers (evidence that is not genuine, no credentials) are recorded in a minute",
        1...1_000_000, \.strangersPerMinute)
}

extension SettingValue {
    /// Entries such as `ci=registrar`.
    fileprivate func roles(_ wanted: String) throws -> [(name: String, role: Authority)] {
        try list().map { entry in
            guard let mark = entry.lastIndex(of: "="), mark != entry.startIndex,
                let role = Authority(exactly: entry[entry.index(after: mark)...])
            else { throw invalid(wanted) }
            return (String(entry[..<mark]), role)
        }
    }
}
