import Administration
import Arguments
import Broker
import Bytes
import FoundationEssentials

struct ResourceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resource", abstract: "Put, generate, list, show, disable, roll back and remove resources.",
        discussion: "docs/resources.md says what resources are. \(Target.explanation)",
        subcommands: [
            Put.self, Generate.self, List.self, Show.self, Assign.self, Rollback.self, Disable.self, Enable.self,
            Remove.self,
        ])

    /// A resource on a target.
    struct One: ParsableArguments {
        @OptionGroup var target: Target
        @Argument(help: "The resource's path: repository/type/tag.", transform: { try ResourcePath($0) })
        var path: ResourcePath

        /// - Parameter done: the sentence about the change.
        func edit(_ edit: ResourceEdit, _ done: (ResourceSummary) -> String) async throws {
            print(done(try await target.open { try await $0.editResource(path, edit) }))
        }

        /// Runs a command that makes a resource.
        ///
        /// - Parameter advice: for a resource that must be new, the option that lets the command go on if it is not.
        func making(
            ifNotNew advice: String?, _ body: (Administrator) async throws -> ResourceSummary
        ) async throws -> ResourceSummary {
            do { return try await target.open(create: true, body) } catch {
                guard let advice, Outcome.isConflict(error) else { throw error }
                throw CommandFailure(
                    "there is a resource \(path) already: \(advice) to make its next version", .refused)
            }
        }

        /// Prints a warning for a resource without a policy.
        static func warn(_ resource: ResourceSummary) {
            guard resource.policy == nil else { return }
            print("It has no policy, so nobody gets it: `kbs resource assign \(resource.path) POLICY`.")
        }
    }

    struct Put: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Put a resource, or the next version of one.",
            discussion: "The bytes come from the file, or from standard input, and are stored unchanged.")

        @OptionGroup var resource: One
        @Argument(help: "A file with the bytes; - is standard input.") var file = "-"
        @Option(
            help: "The resource's policy (default: the one that it has). Without a policy it is not released.")
        var policy: String?
        @Flag(help: "Fail if the resource exists.") var new = false

        func run() async throws {
            let choice: PolicyChoice? = try policy.map { .named(try PolicyName($0)) }
            // One byte more than the greatest limits.resource, so that the put itself refuses it.
            let secret = try InputFile.secret(file, atMost: 16_777_217)
            let put = try await resource.making(ifNotNew: new ? "leave out --new" : nil) {
                try await $0.putResource(resource.path, secret, policy: choice, replacing: !new)
            }
            print("Put \(put.path), version \(put.current).")
            One.warn(put)
        }
    }

    struct Generate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Put a random secret as a resource. It is never shown.",
            discussion: """
                The random bytes are made by the target, sealed, and released only to guests that the policy accepts. \
                With --bind-host-data the HOST_DATA to launch the guest with is printed, and no other guest of the \
                policy gets the secret: docs/resources.md.
                """)

        @OptionGroup var resource: One
        @Option(help: "The number of random bytes, 16 to 4096.") var bytes = 32
        @Flag(help: "Store them as hex digits, for programs that expect text.") var hex = false
        @Option(
            help: "The resource's policy (default: the one that it has). Without a policy it is not released.")
        var policy: String?
        @Flag(help: "Release it only to a guest that is launched with a new random HOST_DATA.")
        var bindHostData = false
        @Option(
            help: ArgumentHelp(
                "The same with this HOST_DATA, 64 hex digits, e.g. the digest of init data.", valueName: "hex"))
        var hostData: String?
        @Flag(help: "Make the next version of an existing resource.") var replace = false
        @Flag(help: "Print JSON.") var json = false

        func run() async throws {
            guard hostData == nil || !bindHostData else {
                throw ValidationError("Give --bind-host-data, or --host-data HEX, and not both.")
            }
            let wish = GeneratedResource(
                bytes: bytes, hex: hex, policy: try policy.map { try PolicyName($0) }, bindHostData: bindHostData,
                hostData: try hostData.map { try HostDataBinding(hex: $0) })
            let put = try await resource.making(ifNotNew: replace ? nil : "add --replace") {
                try await $0.generateResource(resource.path, wish, replacing: replace)
            }
            if json { return try printJSON(put) }
            print("Generated \(put.path), version \(put.current), \(put.size) bytes.")
            if let hostData = put.hostData, let bytes = Hex.decode(hostData) {
                print("Launch its guest with this HOST_DATA; no other gets it: \(hostData)")
                print("For QEMU's sev-snp-guest: host-data=\(bytes.base64)")
            }
            One.warn(put)
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the resources.")

        @OptionGroup var target: Target
        @Option(help: "Only resources whose path contains this.") var search = ""
        @Flag(help: "Print JSON.") var json = false

        func run() async throws {
            let all = try await target.open { try await $0.resources(search: search) }
            try printList(
                all, json: json, orElse: "There are no resources.",
                ["PATH", "VERSION", "SIZE", "POLICY", "CHANGED", "STATE"]
            ) {
                [
                    $0.path, "\($0.current)", "\($0.size)", $0.policy ?? "-", $0.changed.formatted(.iso8601),
                    $0.disabled ? "disabled" : "enabled",
                ]
            }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show a resource and its versions. Its bytes are not shown.")

        @OptionGroup var resource: One
        @Flag(help: "Print JSON.") var json = false

        func run() async throws {
            let (found, list) = try await resource.target.open {
                (try await $0.resource(resource.path), try await $0.versions(ofResource: resource.path))
            }
            if json { return try printJSON(Description(resource: found, versions: list.versions)) }
            print(
                """
                path      \(found.path)
                policy    \(found.policy ?? "none: nobody gets it")
                bound to  \(found.hostData.map { "HOST_DATA \($0)" } ?? "no launch")
                disabled  \(found.disabled ? "yes" : "no")
                created   \(found.created.formatted(.iso8601))
                changed   \(found.changed.formatted(.iso8601))

                """)
            printTable(
                [["VERSION", "SIZE", "POLICY", "STORED", "STATE"]]
                    + list.versions.map {
                        [
                            "\($0.number)", "\($0.size)", $0.policy ?? "-", $0.stored.formatted(.iso8601),
                            $0.current ? "current" : "kept",
                        ]
                    })
        }

        private struct Description: Encodable {
            let resource: ResourceSummary
            let versions: [ResourceVersionSummary]
        }
    }

    struct Assign: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Assign a policy to a resource.",
            discussion: "With --none the resource is not released any more.")

        @OptionGroup var resource: One
        @Argument(help: "The policy's name.") var policy: String?
        @Flag(help: "No policy: nobody gets the resource any more.") var none = false

        func run() async throws {
            guard (policy == nil) == none else {
                throw ValidationError("name the policy, or give --none: nobody gets the resource then")
            }
            let choice: PolicyChoice = try policy.map { .named(try PolicyName($0)) } ?? .none
            try await resource.edit(.policy(choice)) { edited in
                policy.map { "The policy \($0) decides over \(edited.path)." } ?? "Nobody gets \(edited.path) any more."
            }
        }
    }

    struct Rollback: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make an old version the current one.",
            discussion: "The version's policy becomes the resource's. `kbs resource show` lists the versions.")

        @OptionGroup var resource: One
        @Argument(help: "The version's number.") var version: Int

        func run() async throws {
            try await resource.edit(.current(version)) {
                let policy = $0.policy.map { "under the policy \($0)" } ?? "without a policy: nobody gets it"
                return "Version \(version) of \($0.path) is the current one, \(policy)."
            }
        }
    }

    struct Disable: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Stop releasing a resource.")

        @OptionGroup var resource: One

        func run() async throws { try await resource.edit(.disabled(true)) { "Disabled \($0.path)." } }
    }

    struct Enable: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Release a resource again to guests that its policy accepts.")

        @OptionGroup var resource: One

        func run() async throws { try await resource.edit(.disabled(false)) { "Enabled \($0.path)." } }
    }

    struct Remove: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Remove a resource with all its versions.")

        @OptionGroup var resource: One

        func run() async throws {
            try await resource.target.open { try await $0.removeResource(resource.path) }
            print("Removed \(resource.path).")
        }
    }
}
