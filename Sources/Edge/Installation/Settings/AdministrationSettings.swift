import Broker
import Bytes
import FoundationEssentials
import Operators

/// Who administers, and what is written down of it.
extension SettingKey {
    static let administration = [
        insecureAdmin, clientRoles, jwtIssuer, jwtAudience, jwtKeys, jwtRoleClaim, jwtRoles, jwtOperatorKeys,
        auditCheckpointFile,
        auditCheckpointInterval, auditCheckpointRecords, auditAttempts, auditRefusalsPerMinute, auditStrangersPerMinute,
    ]

    package static let insecureAdmin = SettingKey(
        "insecure_admin",
        "While no credentials are set up, have everyone on this machine administer: for trials", default: "false"
    ) { $1.opensAdministration = try $0.bool() }

    package static let clientRoles = SettingKey(
        "tls.client_roles",
        "Roles of client certificates: dns:ci.example.org=registrar, cn:NAME=auditor, uri:spiffe://…=admin"
    ) {
        do { $1.clientCertificates = try ClientCertificates($0.list()) } catch let refusal as Refusal {
            throw InvalidSetting("\($0.name): \(refusal.sentence)")
        }
    }

    package static let jwtIssuer = SettingKey(
        "jwt.issuer", "Identity provider whose JWTs are taken: their iss, to the letter"
    ) { $1.jwt.issuer = ExactText($0.text) }

    package static let jwtAudience = SettingKey("jwt.audience", "What must be in a JWT's aud") {
        $1.jwt.audience = ExactText($0.text)
    }

    package static let jwtKeys = SettingKey("jwt.keys", "JWKS of the issuer: an https URL, or a file") {
        $1.jwt.keys = try $0.keySetPlace()
    }

    package static let jwtRoleClaim = SettingKey(
        "jwt.role_claim", "The claim that names the role; dots go into objects", default: "kbs_role"
    ) { $1.jwt.roleClaim = try $0.nonEmpty("a claim's name") }

    package static let jwtRoles = SettingKey(
        "jwt.roles", "What the claim's values mean, e.g. kbs-admins=admin, ci=registrar (default: the roles' own names)"
    ) {
        for entry in $0.list() {
            guard let mark = entry.lastIndex(of: "="), mark != entry.startIndex,
                let role = Authority(exactly: entry[entry.index(after: mark)...])
            else { throw $0.invalid("a list such as kbs-admins=admin, ci=registrar:team-a/") }
            $1.jwt.roles[ExactText(entry[..<mark])] = role
        }
    }

    package static let jwtOperatorKeys = SettingKey(
        "jwt.operator_keys",
        "Files with Ed25519 public keys in PEM, and their roles: JWTs that kbs-client or coco_keyprovider sign with them are "
            + "taken, e.g. /etc/kbs/kbs-client.pub=admin"
    ) {
        $1.operatorKeys = try $0.list().map { [value = $0] entry in
            guard let mark = entry.lastIndex(of: "="), mark != entry.startIndex,
                let role = Authority(exactly: entry[entry.index(after: mark)...])
            else { throw value.invalid("a list of FILE=ROLE such as /etc/kbs/kbs-client.pub=admin") }
            return (URL(filePath: String(entry[..<mark])), role)
        }
    }

    package static let auditCheckpointFile = SettingKey(
        "audit.checkpoint_file", "Where signed checkpoints of the trail go (default: checkpoints in the data folder)"
    ) { $1.checkpointFile = $0.file() }

    package static let auditCheckpointInterval = SettingKey(
        "audit.checkpoint_interval", "How often the trail is signed", default: "15m"
    ) { $1.checkpointInterval = try $0.duration() }

    package static let auditCheckpointRecords = SettingKey(
        "audit.checkpoint_records", "After how many records it is signed at the latest", default: "1000"
    ) { $1.checkpointRecords = try $0.number(1...1_000_000_000) }

    package static let auditAttempts = SettingKey(
        "audit.attempts", "How many attempts to attest are kept with all their checks", default: "10000"
    ) { $1.attemptsKept = try $0.number(0...100_000_000) }

    package static let auditRefusalsPerMinute = SettingKey(
        "audit.refusals_per_minute",
        "How many refusals of guests on genuine hardware are recorded in a minute; the rest is counted", default: "600"
    ) { $1.refusalsPerMinute = try $0.number(1...1_000_000) }

    package static let auditStrangersPerMinute = SettingKey(
        "audit.strangers_per_minute",
        "How many refusals of strangers (evidence that is not genuine, no credentials) are recorded in a minute",
        default: "60"
    ) { $1.strangersPerMinute = try $0.number(1...1_000_000) }
}
