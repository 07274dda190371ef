import Broker
import Bytes
import Formats
import FoundationEssentials
import HTTP
import JOSE
import JSONWebTokens
import Operators
import Storage

/// The credentials for administration over HTTP.
struct CredentialExamination: Examination {
    let settings: Settings
    let folder: OpenedFolder
    let isOnline: Bool
    let now: Date

    func findings() async -> [Finding] {
        [await holders(), networks, await issuer()].compactMap(\.self)
    }

    private func holders() async -> Finding? {
        let tokens: [AccessToken]
        do { tokens = try await folder.store?.tokens() ?? [] } catch {
            return .problem("access", "the tokens cannot be read: \(error)", do: "see the findings on the database")
        }
        let usable = tokens.count { $0.isUsable(at: now) }
        let hasIssuer = !settings.jwt.issuer.isEmpty
        var ways: [String] = []
        if usable > 0 { ways.append("\(usable) tokens") }
        if hasIssuer { ways.append("JWTs of \(settings.jwt.issuer)") }
        if !settings.operatorKeys.isEmpty {
            do { _ = try settings.readOperatorKeys() } catch {
                return .problem("access", "\(error)", do: "name a file with an Ed25519 public key in PEM")
            }
            ways.append("JWTs of \(settings.operatorKeys.count) operators' keys, which name no audience")
        }
        if !settings.clientCertificates.isEmpty { ways.append("client certificates") }
        if !ways.isEmpty { return .ok("access", "credentials are needed: \(ways.joined(separator: ", "))") }
        let advice = "kbs token create --role admin"
        if !tokens.isEmpty {
            return .warning("access", "credentials are needed, and every token has expired or was revoked", do: advice)
        }
        guard settings.listen.isLoopback else {
            return .warning(
                "access",
                "no credentials are set up, so administration over HTTP is impossible"
                    + (settings.opensAdministration ? ", and insecure_admin is ignored" : ""), do: advice)
        }
        return settings.opensAdministration
            ? .problem(
                "access",
                "insecure_admin is true and no credentials are set up: every process on this machine may administer, and "
                    + "read the trail", do: "\(advice), and remove insecure_admin")
            : .warning(
                "access", "no credentials are set up: every process on this machine may register workloads",
                do: "\(advice); once the first token exists, every caller needs credentials")
    }

    private var networks: Finding? {
        guard let networks = settings.registrationNetworks else { return nil }
        return .ok(
            "access.networks",
            networks.isEmpty ? "administration over HTTP is off, whatever the credentials" : "from \(networks) only")
    }

    private func issuer() async -> Finding? {
        let jwt = settings.jwt
        guard !jwt.issuer.isEmpty else { return nil }
        let isElsewhere = jwt.keys.hasPrefix("http")
        guard isOnline || !isElsewhere else { return .ok("jwt.keys", "\(jwt.keys) was not asked (--online does)") }
        do {
            let document = try await JWTKeySource.document(jwt.keys, client: settings.client)
            let keys = try VerificationKeySet(json: document)
            // A JWT without kid is accepted if the issuer has one key for its algorithm.
            func isAlone(_ key: VerificationKey) -> Bool {
                keys.keys.count { $0.algorithm == key.algorithm } == 1
            }
            let usable = keys.keys.count { $0.id != nil || isAlone($0) }
            guard usable > 0 else {
                return .problem(
                    "jwt.keys",
                    keys.keys.isEmpty
                        ? "\(jwt.keys) has no key that can verify a JWT" : "\(jwt.keys) has several keys and no kid",
                    do: "name the issuer's JWKS document (jwks_uri)")
            }
            return .ok("jwt.keys", "\(usable) keys at \(jwt.keys)")
        } catch {
            return .problem(
                "jwt.keys", "\(jwt.keys) cannot be read, or is no JWKS: \(error)",
                do: "name the issuer's jwks_uri, or a file with it that the server's user can read")
        }
    }
}
