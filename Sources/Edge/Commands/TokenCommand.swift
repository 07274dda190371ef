import Administration
public import Arguments
public import Broker
import FoundationEssentials
import Installation

struct TokenCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token", abstract: "Make, list and revoke access tokens.", discussion: Target.explanation,
        subcommands: [Create.self, List.self, Revoke.self])

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a token. It is shown once only.",
            discussion: """
                registrar adds, replaces and removes workloads; auditor reads workloads, sessions, attempts and the \
                audit trail; admin does everything. Send it as `Authorization: Bearer`, or as the password of HTTP \
                Basic with any user name, as Buildah does. A role with a scope, such as registrar:team-a/, is limited \
                to resources and workloads team-a/... and policies and reference values team-a....; a registrar with a \
                scope sets reference values too. docs/pipeline.md has an example.
                """)

        @OptionGroup var target: Target
        @Option(help: "registrar, auditor or admin, with a scope or without: registrar:team-a/.") var role: Authority
        @Option(help: "The token's purpose.") var description = ""
        @Option(help: "The token's lifetime, e.g. 12h or 30d.") var expires = "90d"
        @Flag(help: "Print JSON.") var json = false

        func run() async throws {
            guard let lifetime = SettingValue.duration(expires) else {
                throw ValidationError("--expires is a time such as 12h or 30d")
            }
            // A new folder in the current one would be no server's, and neither would the token.
            try await target.open(create: target.namesFolder) { administrator in
                let made = try await administrator.createToken(role, description: description, lifetime: lifetime)
                do { try show(made) } catch {
                    // An unseen token must not stay valid.
                    try await administrator.revokeToken(made.summary.id)
                    tell("The token \(made.summary.id) could not be shown, and is revoked again.")
                    throw error
                }
            }
        }

        private func show(_ made: NewToken) throws {
            if json { return try Output.write(Array((try text(ofJSON: made) + "\n").utf8)) }
            tell(
                """
                Token \(made.summary.id), \(role), until \(made.summary.expires.formatted(.iso8601)). \
                It is shown this once:
                """)
            try Output.write(Array("\(made.token)\n".utf8))
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the tokens.")

        @OptionGroup var target: Target
        @Flag(help: "Print JSON.") var json = false

        func run() async throws {
            let tokens = try await target.open { try await $0.tokens() }
            try printList(
                tokens, json: json, orElse: "There are no tokens.", ["ID", "ROLE", "STATE", "EXPIRES", "FOR"]
            ) { token in
                let state = token.revoked != nil ? "revoked" : token.expires <= Date() ? "expired" : "good"
                return [token.id, token.role, state, token.expires.formatted(.iso8601), token.description]
            }
        }
    }

    struct Revoke: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Revoke a token, at once.")

        @OptionGroup var target: Target
        @Argument(help: "The token's id: the part between kbs_ and the next _. Or the token itself.") var token: String

        func run() async throws {
            let id = token.hasPrefix("kbs_") ? String(token.dropFirst("kbs_".count).prefix { $0 != "_" }) : token
            try await target.open { try await $0.revokeToken(id) }
            print("Revoked \(id).")
        }
    }
}

extension Authority: ExpressibleByArgument {
    public init?(argument: String) { self.init(exactly: argument) }
}
